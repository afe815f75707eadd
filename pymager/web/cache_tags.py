"""The response headers with tags, by which caches find what to purge."""

from collections.abc import Mapping, Sequence

from pymager.purging.tags import Tags

_SEPARATORS = {"cache-tag": ",", "surrogate-key": " ", "xkey": " "}
_NAMES = {"cache-tag": "Cache-Tag", "surrogate-key": "Surrogate-Key", "xkey": "xkey"}


class CacheTags:
    """Makes the headers with these names, as in `PYMAGER_CACHE_TAGS`; none if `tags` is None.

    `watermarks` maps the names of watermarks to the ids of their originals: a variant with a watermark shows two.
    """

    def __init__(self, names: Sequence[str], tags: Tags | None, watermarks: Mapping[str, str]) -> None:
        self._names = names if tags is not None else ()
        self._tags = tags
        self._watermarks = watermarks
        self.is_on = bool(self._names)

    def headers(self, id: str, watermark: str = "") -> dict[str, str]:
        """The headers of a response about an original, or of a variant of it with this watermark."""
        if self._tags is None or not self._names:
            return {}
        ids = [id, self._watermarks[watermark]] if watermark in self._watermarks else [id]
        tags = [*map(self._tags.of, ids), self._tags.deployment]
        return {_NAMES[name]: _SEPARATORS[name].join(tags) for name in self._names}
