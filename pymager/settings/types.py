"""The types of the settings: how a value is written, and what it must be."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, ValidationInfo

from pymager import formats
from pymager.settings.messages import Unit, must_be, shortened
from pymager.variants import mezzanine, option_lists, watermarks

YEAR_SECONDS = 365 * 86_400
OFF: Literal["off"] = "off"
_SIZE = re.compile(r"[1-9][0-9]{0,4}x|x[1-9][0-9]{0,4}|[1-9][0-9]{0,4}x[1-9][0-9]{0,4}", re.ASCII)
TAG_HEADERS = ("cache-tag", "surrogate-key", "xkey")
MAX_PURGERS = 8
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_SIZES = "sizes such as 800x600, 800x or x600, or * for any size"
_FORMATS = "formats such as jpeg, or * for all formats"


def words(value: object) -> object:
    """A list can also be one string: items separated by commas or spaces."""
    return [word for word in re.split(r"[\s,]+", value) if word] if isinstance(value, str) else value


def _pairs(value: object) -> object:
    """A table can also be one string: `name:hash name:hash`."""
    if not isinstance(value, str):
        return value
    pairs = [word.partition(":") for word in value.split()]
    if any(not name or not hash for name, _, hash in pairs):
        raise ValueError("must be name:hash pairs separated by spaces")
    return {name: hash for name, _, hash in pairs}


def _options(value: object) -> object:
    """A list can also be one string, in which a comma separates options where a name follows."""
    return option_lists.split_options(value) if isinstance(value, str) else value


def _check_options(items: tuple[str, ...], others: ValidationInfo) -> tuple[str, ...]:
    drawn = option_lists.allowed_options(items).get("watermark") or frozenset()
    if unknown := sorted(drawn.difference(others.data.get("watermarks", drawn))):
        raise ValueError(f"PYMAGER_WATERMARKS has no watermark {shortened(unknown[0])}")
    return items


def _presets(value: object) -> object:
    """A table of tables can also be one string: `name:800x600,fit=inside;...`."""
    if isinstance(value, str):
        return option_lists.preset_texts(value)
    if not isinstance(value, dict):
        raise must_be("a table of presets, or text such as thumb:200x200,fit=inside;hero:1600x,q=80", value)
    return _tables_as_texts(value, option_lists.preset_text)


def _check_presets(presets: dict[str, str], others: ValidationInfo) -> dict[str, str]:
    for name, text in presets.items():
        drawn = str(option_lists.preset(name, text).values.get("watermark", ""))
        if drawn and drawn not in others.data.get("watermarks", [drawn]):
            raise ValueError(f"preset {name}: PYMAGER_WATERMARKS has no watermark {shortened(drawn)}")
    return presets


def _watermarks(value: object) -> object:
    """A table of tables can also be one string: `name:image=brand,scale=0.2;...`."""
    if isinstance(value, str):
        return watermarks.watermark_texts(value)
    if not isinstance(value, dict) or not all(isinstance(table, dict | str) for table in value.values()):
        raise must_be("a table of watermarks, or text such as logo:image=brand,scale=0.2", value)
    return _tables_as_texts(value, watermarks.watermark_text)


def _tables_as_texts(value: Mapping[str, object], text_of: Callable[[dict[str, object]], str]) -> dict[str, object]:
    """Each table of a table as one text. Other values stay as they are."""
    return {name: text_of(table) if isinstance(table, dict) else table for name, table in value.items()}


def _check_watermarks(texts: dict[str, str]) -> dict[str, str]:
    for name, text in texts.items():
        watermarks.watermark(name, text)
    return texts


def _none_where_empty(value: object) -> object:
    return value or None


def _check_sizes(sizes: tuple[str, ...]) -> tuple[str, ...]:
    if not sizes:
        raise must_be(_SIZES, "")
    for size in sizes:
        if size != "*" and not _SIZE.fullmatch(size):
            raise must_be(_SIZES, size)
    return sizes


def _check_spool_size(size: ByteSize, others: ValidationInfo) -> ByteSize:
    max_body = int(others.data.get("max_body", 0))
    if 0 < size < max_body:
        raise must_be(f"0, or at least PYMAGER_MAX_BODY, which is {max_body}", int(size))
    return size


def _mezzanine(value: object) -> object:
    """A side in pixels, or `off`."""
    side = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    if side == OFF or (type(side) is int and mezzanine.MIN_SIDE <= side <= mezzanine.MAX_SIDE):
        return side
    raise must_be(f"a whole number from {mezzanine.MIN_SIDE} to {mezzanine.MAX_SIDE}, or off", value)


def _check_formats(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise must_be(_FORMATS, "")
    for name in names:
        if name != "*" and name.lower() not in formats.FORMATS and name.upper() not in formats.OTHER_DECODERS:
            known = ", ".join([*formats.FORMATS, *map(str.lower, sorted(formats.OTHER_DECODERS))])
            raise ValueError(f"{must_be(_FORMATS, name)}; known formats: {known}")
        _check_is_installed(formats.FORMATS.get(name.lower()))
    return names


def _check_auto_formats(names: tuple[str, ...]) -> tuple[str, ...]:
    known = tuple(formats.NEGOTIABLE.values())
    for name in names:
        if name.lower() not in known:
            raise must_be(f"formats among {', '.join(known)}, or empty", name)
        _check_is_installed(formats.FORMATS[name.lower()])
    return tuple(dict.fromkeys(name.lower() for name in names))


def _check_is_installed(format: formats.Format | None) -> None:
    if format is not None and format.extra is not None and not format.extra.is_installed:
        raise ValueError(f"{format.name} needs pymager[{format.extra.name}], which is not installed")


def _check_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise must_be("networks such as 10.0.0.0/8 or 2001:db8::/32, without host bits", network) from None
    return networks


def _check_folder(folder: Path) -> Path:
    if set("?#") & set(str(folder)):
        raise must_be("a folder whose path does not contain '?' or '#'", str(folder))
    return folder


def _check_color(color: str) -> str:
    if not _COLOR.fullmatch(color):
        raise must_be("a color such as #ffffff", color)
    return color


def _check_base_url(url: str) -> str:
    parts = _split(url)
    if url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
        raise must_be("an http or https URL without a query, such as https://img.example.org", url)
    return url.rstrip("/")


def _check_store_url(url: str) -> str:
    if url and not _split(url).scheme:
        raise ValueError("must be a URL such as file:///var/lib/pymager")  # it can hold a password: do not show it
    return url


def _check_cache_url(url: str) -> str:
    if url and not _split(url).scheme:
        raise ValueError("must be a URL such as memcached://HOST:PORT, or empty")  # as above
    return url


def _split(url: str) -> SplitResult:
    """The parts of a URL. All parts are empty if the text is not a URL."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _check_printable(value: str) -> str:
    if not value.isprintable():
        raise must_be("text without control characters", value)
    return value


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is only reached from this machine (RFC 1122 section 3.2.1.3, RFC 4291)."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_purgers(urls: tuple[str, ...]) -> tuple[str, ...]:
    if len(urls) > MAX_PURGERS:
        raise ValueError(f"must be at most {MAX_PURGERS} URLs, got {len(urls)}")
    for url in urls:
        if not _split(url).scheme or not url.isprintable():
            raise ValueError("must be URLs such as varnish://HOST:PORT, separated by spaces")  # they can hold secrets
    return urls


def _urls(value: object) -> object:
    """A list can also be one string: URLs separated by spaces. A URL can contain commas."""
    return value.split() if isinstance(value, str) else value


def _check_tag_headers(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name.lower() not in TAG_HEADERS:
            raise must_be(f"headers among {', '.join(TAG_HEADERS)}, or empty", name)
    return tuple(dict.fromkeys(name.lower() for name in names))


InSeconds = Annotated[float, Unit("seconds")]
InDays = Annotated[float, Unit("days")]
Seconds = Annotated[InSeconds, Field(gt=0, le=YEAR_SECONDS)]
Printable = Annotated[str, AfterValidator(_check_printable)]
Words = Annotated[tuple[str, ...], BeforeValidator(words)]
Sizes = Annotated[Words, AfterValidator(_check_sizes)]
AutoFormats = Annotated[Words, AfterValidator(_check_auto_formats)]
InputFormats = Annotated[Words, AfterValidator(_check_formats)]
Options = Annotated[tuple[str, ...], BeforeValidator(_options), AfterValidator(_check_options)]
Presets = Annotated[dict[str, str], BeforeValidator(_presets), AfterValidator(_check_presets)]
Watermarks = Annotated[dict[str, str], BeforeValidator(_watermarks), AfterValidator(_check_watermarks)]
TagHeaders = Annotated[Words, AfterValidator(_check_tag_headers)]
Purgers = Annotated[tuple[str, ...], BeforeValidator(_urls), AfterValidator(_check_purgers)]
Networks = Annotated[Words, AfterValidator(_check_networks)]
Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]
DataFolder = Annotated[Path, AfterValidator(_check_folder)]
MezzanineSide = Annotated[int | Literal["off"], BeforeValidator(_mezzanine)]
OptionalFolder = Annotated[Path | None, BeforeValidator(_none_where_empty)]
SpoolSize = Annotated[ByteSize, AfterValidator(_check_spool_size)]
Color = Annotated[str, AfterValidator(_check_color)]
BaseUrl = Annotated[Printable, AfterValidator(_check_base_url)]
StoreUrl = Annotated[str, AfterValidator(_check_store_url)]
CacheUrl = Annotated[str, AfterValidator(_check_cache_url)]
