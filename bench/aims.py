"""What is aimed at: CPU time beside a yardstick of the same run, or a figure by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

ONE, MANY = 1, 16  # connections
YARDSTICKS = {"thumbor": "thumbor", "decode": "the bare decode"}

# imgproxy 4.0.12 and imagor 1.9.5 cannot be installed from a package registry. They were measured once beside a bare
# decode and thumbor (docs/explanation/benchmark.md, "The aims"). An aim that is a share of theirs is that share of
# these multiples.
IMGPROXY_OF_DECODE = {
    "jpg to 800x600 jpg": 1.5,
    "jpg to 100x100 jpg": 1.44,
    "jpg to 800x600 webp": 2.4,
    "png to 800x600 png": 2.1,
    "png to 800x600 jpg": 1.15,
    "webp to 800x600 jpg": 1.5,
}
IMGPROXY_AVATAR_OF_THUMBOR = 2.1 / 2.0
IMAGOR_HIT_OF_THUMBOR = 0.112 / 0.59
IMGPROXY_NOT_MODIFIED_OF_THUMBOR = 0.091 / 0.74


@dataclass(frozen=True, slots=True)
class Aim:
    """At most `ratio` times the CPU time of thumbor's answer, or of Pillow's bare decode."""

    ratio: float
    of: Literal["thumbor", "decode"]

    def __str__(self) -> str:
        return f"{self.ratio:.3g} of {YARDSTICKS[self.of]}"

    def met(self, ratios: Sequence[float]) -> bool:
        """Whether the median of the rounds' ratios is within it."""
        return median(ratios) <= self.ratio


def always(aim: Aim) -> dict[int, Aim]:
    """The same aim at every number of connections."""
    return dict.fromkeys((ONE, MANY), aim)


def of_imgproxy(share: float, conversion: str) -> dict[int, Aim]:
    """An aim that is a share of imgproxy's CPU time, as one against the bare decode, at every number of connections."""
    return always(Aim(share * IMGPROXY_OF_DECODE[conversion], "decode"))


def in_words(aims: Mapping[int, Aim]) -> str:
    """The aims of a row, such as `0.2 (1 connection), 0.085 (16) of thumbor`."""
    distinct = set(aims.values())
    if len(distinct) <= 1 and len(aims) != 1:
        return "".join(map(str, distinct))
    of = {aim.of for aim in distinct}
    assert len(of) == 1
    ratios = ", ".join(f"{aim.ratio:.3g} ({connections})" for connections, aim in aims.items())
    return f"{ratios} of {YARDSTICKS[of.pop()]}"


def verdict(aims: Mapping[int, Aim], ratios: Mapping[int, Sequence[float]], *, equal: bool = True) -> str:
    """`met`, or at which numbers of connections it is missed; `equal` is whether the pictures can be compared."""
    missed = [connections for connections, aim in aims.items() if not aim.met(ratios[connections])]
    if not missed:
        return "met" if equal else "**missed** in quality"
    where = "" if len(missed) == len(aims) else f" at {' and '.join(map(str, missed))}"
    return f"**missed**{where}"
