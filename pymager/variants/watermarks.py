"""Watermarks: pictures that are drawn on variants, as the settings name and describe them.

`image=brand,gravity=southeast,scale=0.2` describes one. `image` is the id of an original, and its current revision is
what is drawn.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pymager import names
from pymager.errors import InvalidName
from pymager.variants.named_texts import named_texts
from pymager.variants.numbers import decimal
from pymager.variants.options import COMPASS, WATERMARK_NAME

_MAX_MARGIN = 10_000
_DIGEST_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Watermark:
    """How the original `image` is drawn on a variant.

    Its longer side takes `scale` of the variant's shorter side, unless there is no room for it. `gravity` is one of
    `COMPASS`, `opacity` is greater than 0 and at most 1, and `margin` is in pixels of the variant.
    """

    image: str
    gravity: str = "southeast"
    scale: float = 0.25
    opacity: float = 1.0
    margin: int = 16

    def digest(self, revision: str) -> str:
        """What the name of a variant says of its watermark: it changes with these values and with the revision."""
        text = json.dumps([revision, self.gravity, self.scale, self.opacity, self.margin])
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]


def _image(text: str) -> str:
    try:
        return names.parse_id(text)
    except InvalidName:
        raise ValueError(text) from None


def _gravity(text: str) -> str:
    if text not in COMPASS:
        raise ValueError(text)
    return text


def _share(text: str) -> float:
    value = decimal(text)
    if not 0 < value <= 1:
        raise ValueError(text)
    return float(value)


def _margin(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text, re.ASCII) or int(text) > _MAX_MARGIN:
        raise ValueError(text)
    return int(text)


_FIELDS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "image": (_image, "the id of an original"),
    "gravity": (_gravity, f"one of {', '.join(COMPASS)}"),
    "scale": (_share, "a number greater than 0 and at most 1, with up to 3 decimals"),
    "opacity": (_share, "a number greater than 0 and at most 1, with up to 3 decimals"),
    "margin": (_margin, f"a whole number from 0 to {_MAX_MARGIN}"),
}


def watermark(name: str, text: str) -> Watermark:
    """A watermark from its description. Raises `ValueError`."""
    if not WATERMARK_NAME.fullmatch(name):
        raise ValueError(
            f"the name of a watermark must be 1 to 32 characters of a-z, 0-9, '_' and '-', got '{name[:50]}'"
        )
    values: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        field, _, value = (part.strip() for part in item.partition("="))
        if field not in _FIELDS:
            raise ValueError(f"watermark {name}: unknown field '{field[:50]}'; the fields are {', '.join(_FIELDS)}")
        if field in values:
            raise ValueError(f"watermark {name}: {field} is given more than once")
        parse, takes = _FIELDS[field]
        try:
            values[field] = parse(value)
        except ValueError:
            raise ValueError(f"watermark {name}: {field} must be {takes}, got '{value[:50]}'") from None
    if "image" not in values:
        raise ValueError(f"watermark {name}: must have the id of an original, such as image=brand")
    return Watermark(**values)


def watermark_texts(text: str) -> dict[str, str]:
    """The watermarks in `name:image=brand,scale=0.2;...`, each as its description. Raises `ValueError`."""
    return named_texts(text, "watermark", "logo:image=brand,scale=0.2;draft:image=stamp")


def watermark_text(table: Mapping[str, object]) -> str:
    """The description of a watermark that a table describes."""
    return ",".join(f"{name}={value}" for name, value in table.items())
