"""The port of purgers, which make caches in front forget originals."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class PurgeTarget:
    """What caches have to forget: all responses about an original.

    `tag` is in the header that a purger names in `tag_header`, if the response has any, and `paths` are the paths of
    its URLs, percent-encoded, each with a `*` at its end for any further characters, as in `/derived/cat-*`.
    `revision` is the one that the row had.
    """

    id: str
    revision: str
    tag: str
    paths: tuple[str, ...]


class Purger(Protocol):
    """Makes one cache, or one service of a CDN, forget originals.

    A class that takes its URL and is entered with `async with` before use. `__init__` only parses the URL, without
    I/O, and raises `ConfigurationError` if it is wrong, without the secrets in it. An entry point in the group
    `pymager.purgers` names the class; its own name is the URL's scheme.

    `name` is 1 to 100 printable characters of ASCII without spaces and commas; it says which cache this is, differs
    between caches, stays the same from start to start, and has no secret in it. `max_batch` is the number of targets
    that one call can have. `tag_header` is the response header with the tags that the cache has to see, in lower case:
    `cache-tag`, `surrogate-key` or `xkey`, or None if it needs none.
    """

    name: str
    max_batch: int
    tag_header: str | None

    def __init__(self, url: str) -> None: ...

    async def __aenter__(self) -> Self:
        """Open the purger. Raises `ConfigurationError`."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def purge(self, targets: Sequence[PurgeTarget]) -> None:
        """Make the cache forget 1 to `max_batch` targets. Can be repeated. Ends within a time limit of its own.

        Returns after the cache has confirmed all of them, and otherwise raises `PurgeFailed`. Follows no redirect.
        """
