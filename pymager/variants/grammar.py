"""The grammar of variants' URLs: what stands after `/derived/`, and the query.

{id}-{width}x{height}.{extension}?option=value&...      one of the sides can be absent
{id}@{preset}.{extension}?dpr=...
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from pymager import formats, names
from pymager.errors import InvalidName, InvalidOption, UnknownPreset, UnsupportedFormat
from pymager.formats import Encoding
from pymager.variants.numbers import half_up
from pymager.variants.options import BY_NAME, OPTIONS
from pymager.variants.variant import AUTO, Variant

MAX_QUERY_BYTES = 2_000
IGNORED = "v"
"""The parameter that is ignored: people add it to bypass caches."""
PRESET_NAME = "[a-z0-9_-]{1,40}"
SIDE = "[1-9][0-9]{0,8}"
SIZE_PATTERN = f"(?:{SIDE}x{SIDE}|{SIDE}x|x{SIDE})"
"""The size in the URL of a variant, as a regular expression. The OpenAPI document contains it too."""
_EXTENSION = "[A-Za-z0-9]{1,16}"
_SIZED = re.compile(rf"(?P<id>.+)-(?P<width>{SIDE})?x(?P<height>{SIDE})?\.(?P<extension>{_EXTENSION})", re.DOTALL)
_PRESET = re.compile(rf"(?P<id>[^@]+)@(?P<preset>[^@.]*)\.(?P<extension>{_EXTENSION})", re.DOTALL)
_MAX_SHOWN = 40
_CACHED_VARIANTS = 1_024  # a service has few different variants, whatever the number of its pictures is

Values = Mapping[str, object]
"""The values of options by name."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A named variant in any format: a size in pixels, of which one side can be 0, and options."""

    width: int
    height: int
    values: Values


@dataclass(frozen=True, slots=True)
class Requested:
    """What a URL asks for: the canonical variant, and what the policy decides about.

    `used` are the options that the URL names and that change something, with their canonical texts. `preset` is the
    name of the preset, if the URL has one.
    """

    id: str
    variant: Variant
    used: tuple[tuple[str, str], ...] = ()
    preset: str = ""


class Grammar:
    """Parses variants' URLs.

    `encoding` has the settings' qualities, `watermarks` are the names of those that exist, and `moves` says whether
    variants move by default.
    """

    def __init__(
        self,
        encoding: Encoding,
        presets: Mapping[str, Preset],
        watermarks: Container[str] = (),
        *,
        moves: bool = False,
    ) -> None:
        self._encoding = encoding
        self._presets = presets
        self._watermarks = watermarks
        self._moves = moves
        self._sized = lru_cache(maxsize=_CACHED_VARIANTS)(self._made_sized)

    def parse(self, name: str, query: str = "") -> Requested:
        """Parse the part of a URL after `/derived/`, percent-decoded, and its query as it stands in the URL.

        Raises `InvalidName`, `UnsupportedFormat`, `InvalidOption` and `UnknownPreset`.
        """
        parameters = tuple(option_parameters(query))
        if (sized := _SIZED.fullmatch(name)) and (sized["width"] or sized["height"]) and "@" not in name:
            id = names.parse_id(sized["id"])
            variant, used = self._sized(sized["width"], sized["height"], sized["extension"], parameters)
            return Requested(id, variant, used)
        if preset := _PRESET.fullmatch(name):
            return self._from_preset(preset, parameters)
        raise InvalidName(
            "a variant's URL is /derived/{id}-{width}x{height}.{extension}, such as /derived/cat-800x600.jpg, "
            "/derived/cat-800x.jpg or /derived/cat-x600.jpg, or /derived/{id}@{preset}.{extension}"
        )

    def _made_sized(
        self, width: str | None, height: str | None, extension: str, parameters: tuple[tuple[str, str], ...]
    ) -> tuple[Variant, tuple[tuple[str, str], ...]]:
        """The variant in a URL with a size, and the options that are used."""
        format, values = output_format(extension), parse_options(parameters)
        variant = self._variant(int(width or 0), int(height or 0), format, values)
        return variant, self._used(variant, values)

    def _from_preset(self, match: "re.Match[str]", parameters: Iterable[tuple[str, str]]) -> Requested:
        id, format = names.parse_id(match["id"]), output_format(match["extension"])
        values = parse_options(parameters)
        for name in values:
            if name != "dpr":
                raise InvalidOption(f"a preset's URL takes no option but dpr, got '{name}'")
        preset = self._presets.get(match["preset"])
        if preset is None:
            raise UnknownPreset(f"there is no preset '{match['preset'][:_MAX_SHOWN]}'", sorted(self._presets))
        own = dict(preset.values)
        if format != AUTO and not formats.output_of(format).quality_setting:
            own.pop("q", None)
        variant = self._variant(preset.width, preset.height, format, own | values)
        used = tuple((name, BY_NAME[name].show(value)) for name, value in values.items() if value != 1)
        return Requested(id, variant, used, match["preset"])

    def _variant(self, width: int, height: int, format: str, values: Values) -> Variant:
        """The canonical variant. Raises `InvalidOption` for options that the format or the settings exclude."""
        output = None if format == AUTO else formats.output_of(format)
        if values.get("q") and output is not None and not output.quality_setting:
            rows = formats.OUTPUTS.items()
            known = ", ".join(sorted(name for name, row in rows if row.output and row.output.quality_setting))
            raise InvalidOption(f"the option q: {format} has no quality; formats that have one: {known}")
        if values.get("watermark") and values["watermark"] not in self._watermarks:
            raise InvalidOption(f"the option watermark takes {BY_NAME['watermark'].takes}, got '{values['watermark']}'")
        options = {name: value for name, value in values.items() if name != "dpr"}
        options.setdefault("animated", self._moves)
        variant = Variant(*_multiplied((width, height), values), format, **options)  # type: ignore[arg-type]
        return variant.canonical(self._encoding)

    def _used(self, variant: Variant, values: Values) -> tuple[tuple[str, str], ...]:
        """The options of the URL that are not dropped, with their canonical texts."""
        used = []
        for option in OPTIONS:
            if option.name not in values:
                continue
            value = values[option.name]
            if option.name in ("dpr", "rotate", "flip"):
                is_used = value != option.default  # also if two of them cancel each other out
            elif option.name == "frame" and self._moves:
                is_used = True
            elif option.name == "animated":
                is_used = bool(value) != self._moves and (variant.format == AUTO or variant.output.animated)
            else:
                is_used = option.is_set(variant)
            if is_used:
                used.append((option.name, option.show(value)))
        return tuple(used)


def output_format(extension: str) -> str:
    """The output format of an extension, or `AUTO`. Raises `UnsupportedFormat`, also if its extra is not installed."""
    extension = extension.lower()
    if extension == AUTO:
        return AUTO
    format = formats.OUTPUTS.get(extension)
    if format is None or not format.is_installed:
        known = ", ".join((*sorted(name for name, row in formats.OUTPUTS.items() if row.is_installed), AUTO))
        needs = f" without pymager[{format.extra.name}]" if format is not None and format.extra is not None else ""
        raise UnsupportedFormat(f"'{extension}' is not an output format{needs}; output formats: {known}")
    return format.name


def option_parameters(query: str) -> list[tuple[str, str]]:
    """The options in a query, decoded, in their order; without empty parameters, and those that are no options.

    Raises `InvalidOption` for a query that is too long or not UTF-8.
    """
    if not query:
        return []
    if len(query) > MAX_QUERY_BYTES:
        raise InvalidOption(f"the query is {len(query)} bytes long; at most {MAX_QUERY_BYTES} are accepted")
    pairs = [parameter.partition("=") for parameter in query.split("&") if parameter]
    return [(_decoded(name), _decoded(value)) for name, _, value in pairs if name != IGNORED]


def parse_options(parameters: Iterable[tuple[str, str]]) -> dict[str, object]:
    """The values of options. Raises `InvalidOption`, also for options that exclude each other."""
    values: dict[str, object] = {}
    for name, text in parameters:
        option = BY_NAME.get(name)
        if option is None:
            raise InvalidOption(f"'{name[:_MAX_SHOWN]}' is not an option; options: {', '.join(BY_NAME)}")
        if name in values:
            raise InvalidOption(f"the option {name} is given more than once; give it once")
        try:
            values[name] = option.parse(text.lower())
        except ValueError:
            raise InvalidOption(f"the option {name} takes {option.takes}, got '{text[:_MAX_SHOWN]}'") from None
    if values.get("animated") and values.get("frame") is not None:
        raise InvalidOption("the options animated=true and frame exclude each other: a frame is a still picture")
    return values


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode() if "%" in text else text
    except UnicodeError:
        raise InvalidOption("the query contains bytes that are not UTF-8") from None


def _multiplied(size: tuple[int, int], values: Values) -> tuple[int, int]:
    """The size times `dpr`, each side rounded half up."""
    dpr = values.get("dpr", 1)
    if dpr == 1:
        return size
    return half_up(size[0] * dpr), half_up(size[1] * dpr)  # type: ignore[operator, arg-type]
