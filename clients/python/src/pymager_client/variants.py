"""The part of a URL that names a variant: `{id}-{size}.{extension}?{options}`, always in the canonical spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import quote

from pymager_client.errors import InvalidArgument

if TYPE_CHECKING:
    from typing_extensions import Unpack

Fit = Literal["cover", "contain", "inside", "fill"]
Compass = Literal[
    "center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest", "smart"
]
MAX_SIDE_DIGITS = 9
_MAX_DECIMALS = 3
_EXTENSION = re.compile(r"[a-z0-9]{1,16}")
_PRESET = re.compile(r"[a-z0-9_-]{1,40}")
_CROP_PARTS = 4


class VariantOptions(TypedDict, total=False):
    """The options of a variant. The server's page on variants says what each one does.

    `gravity` is a direction, `smart`, or a point in fractions of width and height. `crop` is x, y, width and height in
    pixels, or text as in a URL, such as `10p,0p,50p,100p`. `bg` is `rrggbb` or `rrggbbaa`. `v` is ignored by the
    server; change it to bypass caches.
    """

    fit: Fit
    enlarge: bool
    gravity: Compass | tuple[float, float]
    dpr: float
    q: int
    bg: str
    crop: str | tuple[int, int, int, int]
    trim: int
    rotate: Literal[0, 90, 180, 270]
    flip: Literal["h", "v", "hv"]
    blur: float
    sharpen: float
    gray: bool
    watermark: str
    animated: bool
    frame: int
    v: str


def variant_path(
    encoded_id: str,
    width: int | None,
    height: int | None,
    format: str,
    preset: str | None,
    **options: Unpack[VariantOptions],
) -> str:
    """The path and query of a variant. Options that change nothing are dropped.

    Raises `InvalidArgument`.
    """
    extension = format.lower()
    if not _EXTENSION.fullmatch(extension):
        raise InvalidArgument(f"format: must be an extension such as jpg, webp or auto, got {format!r}")
    extension = "jpg" if extension == "jpeg" else extension
    query = _query(options)
    if preset is None:
        return f"/derived/{encoded_id}-{_size(width, height)}.{extension}{query}"
    if not _PRESET.fullmatch(preset):
        raise InvalidArgument(f"preset: must be the name of a preset, got {preset!r}")
    if width is not None or height is not None or options.keys() - {"dpr", "v"}:
        raise InvalidArgument("preset: has its own size and options, and can be combined only with dpr")
    return f"/derived/{encoded_id}@{preset}.{extension}{query}"


def _size(width: int | None, height: int | None) -> str:
    if width is None and height is None:
        raise InvalidArgument("width, height: at least one of them is needed, or a preset")
    return f"{_side('width', width)}x{_side('height', height)}"


def _side(name: str, pixels: int | None) -> str:
    if pixels is None:
        return ""
    if isinstance(pixels, bool) or not isinstance(pixels, int) or not 0 < pixels < 10**MAX_SIDE_DIGITS:
        raise InvalidArgument(f"{name}: must be a positive number of pixels, got {pixels!r}")
    return str(pixels)


def _query(options: VariantOptions) -> str:
    given: Mapping[str, Any] = {**options}
    if unknown := given.keys() - _SHOWN.keys():
        raise InvalidArgument(f"{', '.join(sorted(unknown))}: no such option; options: {', '.join(_SHOWN)}")
    parts = [
        f"{name}={quote(_shown(name, given[name]), safe=',')}"
        for name in _SHOWN
        if given.get(name) is not None and (name not in _DEFAULTS or given[name] != _DEFAULTS[name])
    ]
    return f"?{'&'.join(parts)}" if parts else ""


def _shown(name: str, value: Any) -> str:
    try:
        return _SHOWN[name](value)
    except (TypeError, ValueError):
        raise InvalidArgument(f"{name}: this value is not possible: {value!r}") from None


def _flag(value: Any) -> str:
    if not isinstance(value, bool):
        raise TypeError(value)
    return "true" if value else "false"


def _integer(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return str(value)


def _number(value: Any) -> str:
    """A number without superfluous zeros, such as `2.5`; rounded to the decimals that a server reads."""
    if isinstance(value, (bool, str)):
        raise TypeError(value)
    text = f"{float(value):.{_MAX_DECIMALS}f}".rstrip("0").rstrip(".")
    if not text[:1].isdigit():  # negative, infinite or not a number
        raise ValueError(value)
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _word(value: Any) -> str:
    return _text(value).lower()


def _gravity(value: Any) -> str:
    return _word(value) if isinstance(value, str) else _joined(value, 2, _number)


def _crop(value: Any) -> str:
    return _word(value) if isinstance(value, str) else _joined(value, _CROP_PARTS, _integer)


def _joined(values: Iterable[Any], count: int, show: Callable[[Any], str]) -> str:
    parts = [show(value) for value in values]
    if len(parts) != count:
        raise ValueError(values)
    return ",".join(parts)


_SHOWN: Mapping[str, Callable[[Any], str]] = MappingProxyType(
    {
        "fit": _word,
        "enlarge": _flag,
        "gravity": _gravity,
        "dpr": _number,
        "q": _integer,
        "bg": _word,
        "crop": _crop,
        "trim": _integer,
        "rotate": _integer,
        "flip": _word,
        "blur": _number,
        "sharpen": _number,
        "gray": _flag,
        "watermark": _word,
        "animated": _flag,
        "frame": _integer,
        "v": _text,
    }
)
"""How each option is written, in the order of the canonical spelling."""

_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"fit": "cover", "gravity": "center", "dpr": 1, "rotate": 0, "gray": False}
)
"""Values that change nothing, whatever else the URL or the server's settings say."""
