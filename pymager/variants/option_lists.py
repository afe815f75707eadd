"""Lists of options as settings write them: the options of unsigned URLs, and presets.

`fit,gravity,q=60|75|90,dpr=1|2` allows options; `800x600,fit=inside,q=70` is a preset. A comma separates options only
where the name of an option follows, so that values can contain commas.
"""

import re
from collections.abc import Iterable, Mapping

from pymager.errors import InvalidOption
from pymager.variants.grammar import PRESET_NAME, SIZE_PATTERN, Preset, parse_options
from pymager.variants.named_texts import named_texts
from pymager.variants.numbers import parsed_size
from pymager.variants.options import BY_NAME

ANYTHING = "*"
_SEPARATOR = re.compile(rf"\s*,\s*(?=(?:{'|'.join(BY_NAME)}|\*)\s*(?:[=,]|$))")
_NAME = re.compile(PRESET_NAME)
_SIZE = re.compile(SIZE_PATTERN)


def split_options(text: str) -> list[str]:
    """The options in a list, each with its values."""
    return [item for item in (part.strip(" ,") for part in _SEPARATOR.split(text.strip(" ,"))) if item]


def allowed_options(items: Iterable[str]) -> dict[str, frozenset[str] | None]:
    """The options that unsigned URLs can use, with their values in canonical text; None for any value.

    An option without values allows the values that it enumerates. Raises `ValueError`.
    """
    allowed: dict[str, frozenset[str] | None] = {}
    for item in items:
        name, has_values, values = (part.strip() for part in item.partition("="))
        if item == ANYTHING:
            return dict.fromkeys(BY_NAME)
        option = BY_NAME.get(name)
        if option is None:
            raise ValueError(f"'{name}' is not an option; options: {', '.join(BY_NAME)}, or * for all")
        if name in allowed:
            raise ValueError(f"{name} is listed more than once")
        if has_values:
            several = None if values == ANYTHING else values.split("|")
            allowed[name] = None if several is None else frozenset(_canonical(name, text) for text in several)
        elif option.choices:
            allowed[name] = frozenset(option.choices)
        elif name == "watermark":
            allowed[name] = None  # any of those that are configured
        else:
            raise ValueError(f"{name} needs its values, such as {name}=...|..., or {name}=* for any value")
    return allowed


def preset(name: str, text: str) -> Preset:
    """A preset, written as a size and options. Raises `ValueError`."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name of a preset must be 1 to 40 characters of a-z, 0-9, '_' and '-', got '{name[:50]}'")
    size, *options = split_options(text) or [""]
    head, comma, rest = size.partition(",")
    if comma and _SIZE.fullmatch(head):
        raise ValueError(
            f"preset {name}: '{rest.partition('=')[0].strip()[:50]}' is not an option; options: {', '.join(BY_NAME)}"
        )
    if not _SIZE.fullmatch(size):
        raise ValueError(f"preset {name}: must start with a size such as 800x600, 800x or x600, got '{size[:50]}'")
    pairs = [(part.strip() for part in option.partition("=")[::2]) for option in options]
    try:
        values = parse_options((option, value) for option, value in pairs)
    except InvalidOption as error:
        raise ValueError(f"preset {name}: {error}") from None
    if values.pop("dpr", 1) != 1:
        raise ValueError(f"preset {name}: must not set dpr; multiply the size instead")
    return Preset(*parsed_size(size), values)


def preset_texts(text: str) -> dict[str, str]:
    """The presets in `name:800x600,fit=inside,q=70;...`, each as its text. Raises `ValueError`."""
    return named_texts(text, "preset", "thumb:200x200,fit=inside;hero:1600x,q=80")


def preset_text(table: Mapping[str, object]) -> str:
    """A preset that a table describes, as text. Raises `ValueError`."""
    if "size" not in table:
        raise ValueError('a preset needs a size, such as size = "800x600"')
    shown = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in table.items()}
    return ",".join([shown.pop("size"), *(f"{name}={value}" for name, value in shown.items())])


def _canonical(name: str, text: str) -> str:
    option = BY_NAME[name]
    try:
        return option.show(option.parse(text.strip().lower()))
    except ValueError:
        raise ValueError(f"{name} takes {option.takes}, got '{text.strip()[:50]}'") from None
