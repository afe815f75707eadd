"""The memcached URL: `memcached://USER:PASSWORD@HOST:PORT,HOST:PORT?ttl=...&tls=...&ca=...`."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, unquote

from pymager.errors import ConfigurationError

T = TypeVar("T")

DEFAULT_PORT = 11_211
DEFAULT_TTL_SECONDS = 86_400
_MAX_TTL_SECONDS = 30 * 86_400  # memcached reads a larger number as a date (doc/protocol.txt, expiration times)
_MAX_SERVERS = 64
_FORM = "memcached://HOST:PORT, with a comma between servers"
_URL = re.compile(r"memcached://(?:(?P<user>[^/?#]*)@)?(?P<servers>[^/?#@]+)/?(?:\?(?P<query>[^#]*))?")
_LABEL = "[A-Za-z0-9_-]{1,63}"
_SERVER = re.compile(
    rf"(?P<host>{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]{{2,45}}\])(?::(?P<port>[0-9]{{1,5}}))?", re.ASCII
)
_DIGITS = re.compile(r"[0-9]{1,8}", re.ASCII)
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of a server with `memcached -Y`."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MemcachedUrl:
    """The servers, which keep a value for `ttl` seconds. `ca` is the path of a PEM file; None: the system's."""

    servers: tuple[Address, ...]
    credentials: Credentials | None
    ttl: int
    tls: bool
    ca: str | None


def parse_url(url: str) -> MemcachedUrl:
    """Raises `ConfigurationError`. No message contains the password."""
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigurationError(f"the memcached URL must be {_FORM}")
    parameters = _parameters(match["query"] or "")
    tls = _value(parameters, "tls", _word, "true or false") or False
    ca = _value(parameters, "ca", _absolute_path, "the absolute path of a file with PEM certificates")
    if ca is not None and not tls:
        raise ConfigurationError("ca in the memcached URL needs tls=true")
    return MemcachedUrl(
        _servers(match["servers"]),
        None if match["user"] is None else _credentials(match["user"]),
        _value(parameters, "ttl", _ttl, f"whole seconds from 1 to {_MAX_TTL_SECONDS}") or DEFAULT_TTL_SECONDS,
        tls,
        ca,
    )


def _servers(text: str) -> tuple[Address, ...]:
    servers = [_server(part) for part in text.split(",")]
    if len(set(servers)) != len(servers) or len(servers) > _MAX_SERVERS:
        raise ConfigurationError(
            f"the memcached URL must name each server once, and at most {_MAX_SERVERS}; it must be {_FORM}"
        )
    return tuple(servers)


def _server(text: str) -> Address:
    match = _SERVER.fullmatch(text)
    port = DEFAULT_PORT if match is None or match["port"] is None else int(match["port"])
    if match is None or not 0 < port < 65_536:
        raise ConfigurationError(f"'{text[:100]}' in the memcached URL must be a server; the URL must be {_FORM}")
    return Address(match["host"].strip("[]"), port)


def _credentials(text: str) -> Credentials:
    user, colon, password = text.partition(":")
    credentials = Credentials(unquote(user), unquote(password))
    # memcached's file of users has one `USER:PASSWORD` on a line, and it splits the two at a space on the wire.
    if not colon or not user or not password or re.search(r"[\s:\0]", credentials.user + credentials.password):
        raise ConfigurationError(
            "the credentials in the memcached URL must be USER:PASSWORD@ without spaces; write other special "
            "characters as %XX"
        )
    return credentials


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ConfigurationError(f"the query of the memcached URL must be NAME=VALUE&...; it must be {_FORM}") from None
    known = ("ca", "tls", "ttl")
    for name, _ in pairs:
        if name not in known:
            raise ConfigurationError(
                f"unknown parameter '{name[:100]}' in the memcached URL; known parameters: {', '.join(known)}"
            )
    if len({name for name, _ in pairs}) != len(pairs):
        raise ConfigurationError("the memcached URL must have each parameter only once")
    return dict(pairs)


def _value(parameters: dict[str, str], name: str, parse: Callable[[str], T], form: str) -> T | None:
    text = parameters.get(name)
    if text is None:
        return None
    try:
        return parse(text)
    except (ValueError, KeyError):
        raise ConfigurationError(f"{name} in the memcached URL must be {form}, got '{text[:100]}'") from None


def _word(text: str) -> bool:
    return _WORDS[text]


def _absolute_path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(text)
    return text


def _ttl(text: str) -> int:
    if not _DIGITS.fullmatch(text) or not 0 < int(text) <= _MAX_TTL_SECONDS:
        raise ValueError(text)
    return int(text)
