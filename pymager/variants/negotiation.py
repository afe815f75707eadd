"""What `.auto` means for a request: the format that `Accept` and the picture allow (RFC 9110 section 12.5.1).

A format takes part only if the client names its media type. `image/*` and `*/*` do not name it: curl and browsers that
cannot show AVIF send them too. They do not refuse it either, because a named type is more specific than a wildcard.
Among the types that a client takes, the server's order decides, not the client's weights: browsers give all types the
same weight.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pymager import formats

MAX_ACCEPT_CHARACTERS = 1_024
"""A longer header is not read: it names nothing."""
_CACHED_HEADERS = 1_024
_NOTHING: frozenset[str] = frozenset()

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110 section 5.6.2
_WEIGHT = r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?"  # section 12.4.2
# An element of the list. A quotation mark that is not closed takes the rest of the header.
_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*+"?+)++', re.DOTALL)
# A media type with no other parameter than one weight; section 5.6.6 allows empty parameters. An element with other
# parameters names something more special than a format of pymager's, and a malformed one names nothing.
_MEDIA_TYPE = re.compile(
    rf"[ \t]*+(?P<type>image/{_NAME})[ \t]*+(?:;[ \t;]*+(?:q=(?P<weight>{_WEIGHT})[ \t]*+(?:;[ \t;]*+)?)?)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The rule of a server: the formats that it negotiates, best first, and the limit on AVIF.

    `avif_max_pixels` limits the pixels of all frames of a variant in AVIF, which takes long to encode.
    """

    formats: tuple[str, ...] = ("avif", "webp")
    avif_max_pixels: int = 2_000_000

    def best(self, taken: Collection[str], size: tuple[int, int], frames: int = 1) -> str | None:
        """The best format among those that the client takes, for a variant with this size and number of frames.

        None if the client takes no format that can hold the variant: then it has the `fallback` format.
        """
        return next((name for name in self.formats if name in taken and self._can_be(name, size, frames)), None)

    def _can_be(self, name: str, size: tuple[int, int], frames: int) -> bool:
        width, height = size
        if name == "avif" and width * height * frames > self.avif_max_pixels:
            return False
        output = formats.output_of(name)
        return max(size) <= output.max_side and (output.animated or frames == 1)


def fallback(*, alpha: bool, moves: bool) -> str:
    """The format for a client that takes no better one: every client shows it."""
    if moves:
        return "gif"
    return "png" if alpha else "jpeg"


def field_value(lines: Sequence[str]) -> str:
    """The lines of a request's `Accept` header as one list (RFC 9110 section 5.3)."""
    return lines[0] if len(lines) == 1 else ",".join(lines)


def accepted(accept: str) -> frozenset[str]:
    """The negotiable formats that an `Accept` header names with a weight above 0. A type with a weight of 0 is refused.

    Each distinct header is parsed once, as long as it is among the last 1,024.
    """
    return _NOTHING if len(accept) > MAX_ACCEPT_CHARACTERS else _parsed(accept)


@lru_cache(maxsize=_CACHED_HEADERS)
def _parsed(accept: str) -> frozenset[str]:
    weights: dict[str, float] = {}
    for element in _ELEMENT.findall(accept):
        match = _MEDIA_TYPE.fullmatch(element)
        if match is not None and (name := formats.NEGOTIABLE.get(match["type"].lower())) is not None:
            weights[name] = min(weights.get(name, 1.0), float(match["weight"] or 1))
    return frozenset(name for name, weight in weights.items() if weight > 0)
