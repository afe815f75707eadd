"""What each kind of file should look like: by an independent decoder, or by a specification.

`expected.json` keeps what the decoders said, with their versions; `make fidelity` asks them anew.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.engine.fidelity.table import KINDS

FILE = Path(__file__).with_name("expected.json")
_LIKE = "like "
_SPECIFICATION = "spec"

Colors = list[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Expectation:
    """The colors in the middle of the nine patches, as RGBA; and the size, if it is known."""

    colors: Colors
    size: tuple[int, int] | None


def expectation(name: str) -> Expectation:
    """What a kind should look like. A kind can look like another one: the same samples in another format."""
    kind = KINDS[name]
    if kind.oracle == _SPECIFICATION:
        assert kind.expected is not None
        return Expectation(kind.expected(), None)
    if kind.oracle.startswith(_LIKE):
        return Expectation(expectation(kind.oracle.removeprefix(_LIKE)).colors, None)
    answer = json.loads(FILE.read_text())["kinds"][name]
    width, height = answer["size"]
    return Expectation([tuple(bytes.fromhex(color)) for color in answer["colors"]], (width, height))


def difference(found: Colors, expected: Colors) -> float:
    """The largest difference of a channel; colors count as much as they are opaque."""
    return max(
        abs(a - b)
        for one, other in zip(found, expected, strict=True)
        for a, b in zip(_premultiplied(one), _premultiplied(other), strict=True)
    )


def _premultiplied(color: tuple[int, ...]) -> tuple[float, ...]:
    red, green, blue, alpha = color
    return red * alpha / 255, green * alpha / 255, blue * alpha / 255, float(alpha)
