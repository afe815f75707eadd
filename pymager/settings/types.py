"""The types of the settings: how each is written, and what is wrong with a value that is none."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from pydantic import AfterValidator, BeforeValidator, Field

from pymager import formats

YEAR = 365 * 86_400
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def _words(value: object) -> object:
    """A list may be written as one string, with commas or spaces between."""
    return [word for word in re.split(r"[\s,]+", value) if word] if isinstance(value, str) else value


def _pairs(value: object) -> object:
    """A mapping may be written as one string: `name:secret name:secret`."""
    if not isinstance(value, str):
        return value
    pairs = [word.partition(":") for word in value.split()]
    if any(not name or not secret for name, _, secret in pairs):
        raise ValueError("is written as name:secret, several with spaces between")
    return {name: secret for name, _, secret in pairs}


def _none_where_empty(value: object) -> object:
    return value or None


def _check_sizes(sizes: tuple[str, ...]) -> tuple[str, ...]:
    if not sizes:
        raise ValueError("names at least one size, as 800x600, or * for any")
    for size in sizes:
        if size != "*" and not _SIZE.fullmatch(size):
            raise ValueError(f"'{size}' is not a size; write 800x600, or * for any")
    return sizes


def _check_formats(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names at least one format, as jpeg, or * for all")
    for name in names:
        if name != "*" and name.lower() not in formats.FORMATS and name.upper() not in formats.OTHER_DECODERS:
            known = ", ".join([*formats.FORMATS, *map(str.lower, sorted(formats.OTHER_DECODERS))])
            raise ValueError(f"there is no format '{name}'; there are: {known}, and * for all")
    return names


def _check_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise ValueError(f"'{network}' is not a network; write 10.0.0.0/8 or 2001:db8::/32: {error}") from None
    return networks


def _check_folder(folder: Path) -> Path:
    if set("?#") & set(str(folder)):
        raise ValueError("is a folder whose path has no '?' and no '#'")
    return folder


def _check_colour(colour: str) -> str:
    if not _COLOUR.fullmatch(colour):
        raise ValueError("is a colour written as #rrggbb")
    return colour


def _check_base_url(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
        raise ValueError("is an absolute http or https URL without a query")
    return url.rstrip("/")


def _check_store_url(url: str) -> str:
    if url and not urlsplit(url).scheme:
        raise ValueError("is a URL, as in file:///var/lib/pymager")
    return url


def _check_users(users: dict[str, str]) -> dict[str, str]:
    for name, hash in users.items():
        try:
            extract_parameters(hash)
        except InvalidHashError:
            raise ValueError(f"user '{name}' needs an argon2 hash; make one with: pymager hash-password") from None
        if not name or ":" in name:
            raise ValueError(f"'{name}' can't be a user's name")
    return users


def _check_tokens(tokens: dict[str, str]) -> dict[str, str]:
    for name, hash in tokens.items():
        if not re.fullmatch(r"[0-9a-f]{64}", hash):
            raise ValueError(f"token '{name}' needs the SHA-256 of the token, 64 hexadecimal digits in lower case")
    return tokens


def _check_printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("holds a control character")
    return value


Seconds = Annotated[float, Field(gt=0, le=YEAR)]
Printable = Annotated[str, AfterValidator(_check_printable)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Sizes = Annotated[Words, AfterValidator(_check_sizes)]
Accepted = Annotated[Words, AfterValidator(_check_formats)]
Networks = Annotated[Words, AfterValidator(_check_networks)]
Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]
Users = Annotated[Pairs, AfterValidator(_check_users)]
Tokens = Annotated[Pairs, AfterValidator(_check_tokens)]
DataFolder = Annotated[Path, AfterValidator(_check_folder)]
OptionalFolder = Annotated[Path | None, BeforeValidator(_none_where_empty)]
Colour = Annotated[str, AfterValidator(_check_colour)]
BaseUrl = Annotated[Printable, AfterValidator(_check_base_url)]
StoreUrl = Annotated[str, AfterValidator(_check_store_url)]
