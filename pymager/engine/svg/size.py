"""The size of an SVG in CSS pixels (CSS Images 3, section 4.1; SVG 2, section 8.12)."""

import re
from math import isfinite

from pymager.engine.svg.tree import Element
from pymager.errors import NotAPicture

_DEFAULT_SIZE = (300.0, 150.0)  # CSS Images 3, section 4.3
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LENGTH = re.compile(rf"\s*({_NUMBER})\s*([a-zA-Z]*|%)\s*")
_VIEW_BOX = re.compile(rf"\s*({_NUMBER})" + rf"(?:\s*,\s*|\s+|(?=[+-]))({_NUMBER})" * 3 + r"\s*")
_PIXELS = {"": 1.0, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6, "pt": 96 / 72, "pc": 16.0}
_PIXELS |= {"em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0}
_RELATIVE = frozenset({"%", "vw", "vh", "vmin", "vmax"})


def of(root: Element) -> tuple[float, float]:
    """Width and height: those of the root; what is missing follows from the viewBox, else it is CSS's 300x150.

    Percentages count as missing. Raises `NotAPicture` for a size that is not positive.
    """
    width, height = _length(root, "width"), _length(root, "height")
    box = _view_box(root)
    if width is None and height is None:
        return box or _DEFAULT_SIZE
    if width is None:
        assert height is not None
        return (height * box[0] / box[1] if box else _DEFAULT_SIZE[0]), height
    return width, (height if height is not None else width * box[1] / box[0] if box else _DEFAULT_SIZE[1])


def _length(root: Element, name: str) -> float | None:
    value = root.attributes.get(name, "auto").strip()
    if value == "auto":
        return None
    match = _LENGTH.fullmatch(value)
    unit = match[2].lower() if match else ""
    if match is None or (unit not in _PIXELS and unit not in _RELATIVE):
        raise NotAPicture(f"the SVG's {name} is {_shown(value)}; it must be a length such as 100 or 10mm")
    if unit in _RELATIVE:
        return None
    return _positive(float(match[1]) * _PIXELS[unit], name, value)


def _view_box(root: Element) -> tuple[float, float] | None:
    """Width and height of the viewBox."""
    value = root.attributes.get("viewBox")
    if value is None:
        return None
    match = _VIEW_BOX.fullmatch(value)
    if match is None:
        raise NotAPicture(f"the SVG's viewBox is {_shown(value)}; it must be four numbers")
    return _positive(float(match[3]), "viewBox", value), _positive(float(match[4]), "viewBox", value)


def _positive(number: float, name: str, value: str) -> float:
    if not (isfinite(number) and number > 0):
        raise NotAPicture(f"the SVG's {name} is {_shown(value)}; width and height must be greater than 0")
    return number


def _shown(value: str) -> str:
    return repr(value[:60] + ("..." if len(value) > 60 else ""))
