"""The values that the clients return."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any


@dataclass(frozen=True)
class Original:
    """An original: `size` is in bytes, `width` and `height` are in pixels, with the orientation applied.

    `created` is when its bytes were stored, in UTC. The fields after it are None for an original that the server has
    not described yet: the number of frames or pages, whether a pixel is not opaque, the most frequent color as
    `#rrggbb`, and two placeholders.
    """

    id: str
    format: str
    width: int
    height: int
    size: int
    sha256: str
    created: datetime
    frames: int | None = None
    alpha: bool | None = None
    dominant: str | None = None
    thumbhash: str | None = None
    blurhash: str | None = None

    @property
    def etag(self) -> str:
        """The entity tag of the original's bytes, for `if_match`."""
        return f'"{self.sha256}"'


@dataclass(frozen=True)
class Replacement:
    """The result of a replace: the original that the id has now, and whether the id was new.

    If an answer was lost and the request was sent again, `created` is what the last answer says.
    """

    original: Original
    created: bool


@dataclass(frozen=True)
class Page:
    """A page of the listing, and the cursor of the next one."""

    items: tuple[Original, ...]
    next: str | None


def original_of(content: Any) -> Original:
    """An original from JSON. Fields that are not known are ignored. Raises `ValueError` if it is something else."""
    if not isinstance(content, Mapping):
        raise ValueError("not an original")
    return Original(
        id=_required(content, "id", str),
        format=_required(content, "format", str),
        width=_required(content, "width", int),
        height=_required(content, "height", int),
        size=_required(content, "size", int),
        sha256=_required(content, "sha256", str),
        created=_time(_required(content, "created", str)),
        frames=_optional(content, "frames", int),
        alpha=_optional(content, "alpha", bool),
        dominant=_optional(content, "dominant", str),
        thumbhash=_optional(content, "thumbhash", str),
        blurhash=_optional(content, "blurhash", str),
    )


def page_of(content: Any) -> Page:
    """A page of the listing from JSON. Raises `ValueError` if it is something else."""
    if not isinstance(content, Mapping) or not isinstance(content.get("items"), list):
        raise ValueError("not a page of originals")
    return Page(tuple(map(original_of, content["items"])), _optional(content, "next", str))


def _required(content: Mapping[str, Any], name: str, kind: type) -> Any:
    value = content.get(name)
    if not isinstance(value, kind):
        raise ValueError(f"the field {name} is missing or wrong")
    return value


def _optional(content: Mapping[str, Any], name: str, kind: type) -> Any:
    return None if content.get(name) is None else _required(content, name, kind)


def _time(text: str) -> datetime:
    """A time in UTC (RFC 3339). Python 3.10 does not parse the `Z` of `fromisoformat`."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
