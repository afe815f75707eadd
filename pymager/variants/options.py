"""The options of a variant: one row says how an option is written, what it accepts, and its canonical text.

`pymager.variants.variant.Variant` has a field of the same name for each row but `dpr`, which is part of the size. The
order of the rows is the order of the options in the name of a stored variant.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from pymager.variants.numbers import MAX_DECIMALS, decimal, shown_number

FITS = ("cover", "contain", "inside", "fill")
COMPASS: Mapping[str, tuple[Fraction, Fraction]] = MappingProxyType(
    {
        "center": (Fraction(1, 2), Fraction(1, 2)),
        "north": (Fraction(1, 2), Fraction(0)),
        "northeast": (Fraction(1), Fraction(0)),
        "east": (Fraction(1), Fraction(1, 2)),
        "southeast": (Fraction(1), Fraction(1)),
        "south": (Fraction(1, 2), Fraction(1)),
        "southwest": (Fraction(0), Fraction(1)),
        "west": (Fraction(0), Fraction(1, 2)),
        "northwest": (Fraction(0), Fraction(0)),
    }
)
"""The gravities with a name, as fractions of width and height from the top left corner."""
SMART = "smart"

_MAX_COORDINATE = 9_999_999
_MAX_FRAME = 999_999
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_COLOR = re.compile(r"[0-9a-f]{6}(?:[0-9a-f]{2})?")
WATERMARK_NAME = re.compile(r"[a-z0-9_-]{1,32}")
"""With a longer name, the name of a file with every option would be too long for a file system."""
_WHOLE = ("0p", "0p", "100p", "100p")


@dataclass(frozen=True, slots=True)
class Option:
    """An option.

    `takes` completes the sentence "<name> takes ...". `parse` turns lower-case text into the value, and raises
    `ValueError` for anything else. `show` is the canonical text of a value that is not the `default`. `choices` are the
    values that an option listed without values in `PYMAGER_OPTIONS` allows; empty if it is open-ended. `pattern`
    is a regular expression for the OpenAPI document: it allows only what the option takes, and every canonical text.
    """

    name: str
    takes: str
    default: Any
    parse: Callable[[str], Any]
    show: Callable[[Any], str]
    choices: tuple[str, ...] = ()
    pattern: str = ".+"

    def is_set(self, variant: Any) -> bool:
        """Whether the variant has this option."""
        return self.name != "dpr" and getattr(variant, self.name) != self.default


def focal_point(gravity: str) -> tuple[Fraction, Fraction]:
    """A gravity as fractions of width and height. `smart` is the center until the picture is decoded."""
    if gravity == SMART:
        return COMPASS["center"]
    if gravity in COMPASS:
        return COMPASS[gravity]
    x, y = gravity.split(",")
    return Fraction(x), Fraction(y)


def _one_of(*values: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return parse


def _flag(text: str) -> bool:
    return _one_of("true", "false")(text) == "true"


def _show_flag(value: bool) -> str:
    return "true" if value else "false"


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return parse


def _between(low: str, high: str, max_decimals: int = MAX_DECIMALS) -> Callable[[str], Fraction]:
    def parse(text: str) -> Fraction:
        value = decimal(text, max_decimals)
        if not Fraction(low) <= value <= Fraction(high):
            raise ValueError(text)
        return value

    return parse


def _sigma(low: str, high: str) -> Callable[[str], float]:
    parse = _between(low, high)
    return lambda text: float(parse(text))


def _gravity(text: str) -> str:
    if text in COMPASS or text == SMART:
        return text
    x, y = (_between("0", "1")(part) for part in _parts(text, 2))
    named = next((name for name, point in COMPASS.items() if point == (x, y)), None)
    return named or f"{shown_number(x)},{shown_number(y)}"


def _color(text: str) -> str:
    if not _COLOR.fullmatch(text):
        raise ValueError(text)
    return text[:6] if text[6:] == "ff" else text


def _crop(text: str) -> str:
    """Canonical `x,y,w,h`, in pixels or in percent; empty if it is the whole picture."""
    parts = _parts(text, 4)
    if not any(part.endswith("p") for part in parts):
        numbers = [_integer(0, _MAX_COORDINATE)(part) for part in parts]
        if 0 in numbers[2:]:
            raise ValueError(text)
        return ",".join(map(str, numbers))
    x, y, width, height = map(_percent, parts)
    width, height = min(width, 100 - x), min(height, 100 - y)
    if width <= 0 or height <= 0:
        raise ValueError(text)
    shown = tuple(f"{shown_number(value)}p" for value in (x, y, width, height))
    return "" if shown == _WHOLE else ",".join(shown)


def _percent(text: str) -> Fraction:
    if not text.endswith("p") and text != "0":
        raise ValueError(text)
    return decimal(text.removesuffix("p"))


def _parts(text: str, count: int) -> list[str]:
    parts = text.split(",")
    if len(parts) != count:
        raise ValueError(text)
    return parts


def _name(text: str) -> str:
    if not WATERMARK_NAME.fullmatch(text):
        raise ValueError(text)
    return text


_FLAGS = ("true", "false")
_SHARE = r"(0(\.[0-9]{1,3})?|1(\.0{1,3})?)"
_PIXELS = r"[0-9]{1,7},[0-9]{1,7},[1-9][0-9]{0,6},[1-9][0-9]{0,6}"
_START = r"(0|[1-9]?[0-9](\.[0-9]{1,3})?p)"
_EXTENT = r"[1-9][0-9]{0,2}(\.[0-9]{1,3})?p"
_PERCENT = f"{_START},{_START},{_EXTENT},{_EXTENT}"

OPTIONS: tuple[Option, ...] = (
    Option("fit", f"one of {', '.join(FITS)}", "cover", _one_of(*FITS), str, FITS, "|".join(FITS)),
    Option("enlarge", "true or false", None, _flag, _show_flag, _FLAGS, "true|false"),
    Option(
        "gravity",
        "a direction such as north or southeast, center, smart, or a point such as 0.3,0.75 in fractions from 0 to 1 "
        "with up to 3 decimals",
        "center",
        _gravity,
        str,
        (*COMPASS, SMART),
        f"{'|'.join(COMPASS)}|{SMART}|{_SHARE},{_SHARE}",
    ),
    Option(
        "dpr",
        "a number from 1 to 4 with up to 2 decimals",
        Fraction(1),
        _between("1", "4", 2),
        shown_number,
        pattern=r"[1-3](\.[0-9]{1,2})?|4(\.0{1,2})?",
    ),
    Option("q", "a whole number from 1 to 100", 0, _integer(1, 100), str, pattern="[1-9][0-9]?|100"),
    Option(
        "bg",
        "a color as rrggbb or rrggbbaa in hexadecimal digits",
        "",
        _color,
        str,
        pattern="([0-9a-fA-F]{6}|[0-9a-fA-F]{8})",
    ),
    Option(
        "crop",
        "x,y,width,height in whole pixels, such as 10,0,300,200, or in percent, such as 10p,0p,50p,100p; the part must "
        "not be empty",
        "",
        _crop,
        str,
        pattern=f"{_PIXELS}|{_PERCENT}",
    ),
    Option(
        "trim",
        "a whole number from 0 to 255",
        None,
        _integer(0, 255),
        str,
        pattern="[1-9]?[0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]",
    ),
    Option(
        "rotate",
        "0, 90, 180 or 270",
        0,
        lambda text: int(_one_of("0", "90", "180", "270")(text)),
        str,
        ("90", "180", "270"),
        "0|90|180|270",
    ),
    Option("flip", "h, v or hv", "", _one_of("h", "v", "hv"), str, ("h", "v", "hv"), "h|v|hv"),
    Option(
        "blur",
        "a number from 0.3 to 100 with up to 3 decimals",
        0.0,
        _sigma("0.3", "100"),
        shown_number,
        pattern=r"0\.[3-9][0-9]{0,2}|[1-9][0-9]?(\.[0-9]{1,3})?|100(\.0{1,3})?",
    ),
    Option(
        "sharpen",
        "a number from 0.3 to 10 with up to 3 decimals",
        0.0,
        _sigma("0.3", "10"),
        shown_number,
        pattern=r"0\.[3-9][0-9]{0,2}|[1-9](\.[0-9]{1,3})?|10(\.0{1,3})?",
    ),
    Option("gray", "true or false", False, _flag, _show_flag, ("true",), "true|false"),
    Option("watermark", "the name of a watermark in PYMAGER_WATERMARKS", "", _name, str, pattern="[A-Za-z0-9_-]{1,32}"),
    Option("animated", "true or false", False, _flag, _show_flag, _FLAGS, "true|false"),
    Option(
        "frame",
        "the number of a frame or page; the first is 0",
        None,
        _integer(0, _MAX_FRAME),
        str,
        pattern="[0-9]{1,6}",
    ),
)
"""Every option, in the order of their names in a stored variant."""

BY_NAME: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})
"""The options by name."""
