"""The paths of an original's URLs, for caches that purge by path."""

from unicodedata import normalize
from urllib.parse import quote


def paths_of(id: str) -> tuple[str, ...]:
    """The paths of all URLs of an original, percent-encoded; `*` at the end stands for any further characters.

    A URL can spell an id in composed or in decomposed characters. Paths of ids that start with this id match, too.
    """
    spellings = dict.fromkeys((id, normalize("NFD", id)))
    return tuple(
        path
        for spelling in map(quote, spellings)
        for path in (f"/derived/{spelling}-*", f"/derived/{spelling}@*", f"/original/{spelling}*", f"/info/{spelling}*")
    )
