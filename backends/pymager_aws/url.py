"""Store URLs: `SCHEME://NAME/PATH?PARAMETER=VALUE&...`."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from pymager.errors import ConfigurationError

T = TypeVar("T")

_MAX_TIMEOUT_SECONDS = 3600.0
_REGION = re.compile(r"[a-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A URL's parts: `name` between `//` and the path, the path as it is written, and the query's parameters."""

    scheme: str
    name: str
    path: str
    parameters: dict[str, str] = field(repr=False)

    def value(self, parameter: str, parse: Callable[[str], T], form: str, *, is_shown: bool = True) -> T | None:
        """A parameter's value, None if it is missing. `parse` raises `ValueError`; `form` describes a valid value.

        Raises `ConfigurationError`, without the value unless `is_shown`.
        """
        text = self.parameters.get(parameter)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError:
            got = f", got '{text[:100]}'" if is_shown else ""
            raise ConfigurationError(f"{parameter} in the {self.scheme} URL must be {form}{got}") from None

    @property
    def endpoint(self) -> str | None:
        """An origin without a slash at its end. Raises `ConfigurationError`."""
        # The value can contain a password.
        return self.value("endpoint", _endpoint, "http://HOST:PORT or https://HOST", is_shown=False)

    @property
    def region(self) -> str | None:
        """Raises `ConfigurationError`."""
        return self.value("region", _region, "an AWS region such as eu-west-1")

    @property
    def profile(self) -> str | None:
        """The name of a profile in the AWS configuration files."""
        return self.parameters.get("profile") or None

    @property
    def timeout(self) -> float | None:
        """Seconds. Raises `ConfigurationError`."""
        return self.value("timeout", _seconds, "a number of seconds above 0, up to 3600")


def parse(url: str, form: str, known: Collection[str]) -> StoreUrl:
    """Split a URL; `form` describes a valid URL, `known` are its possible parameters. Raises `ConfigurationError`."""
    scheme = url.partition(":")[0]
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigurationError(f"the {scheme} URL must be {form}") from None
    if "@" in parts.netloc:
        raise ConfigurationError(
            f"the {scheme} URL must not contain credentials; they come from the AWS environment or a profile"
        )
    if parts.fragment:
        raise ConfigurationError(f"the {scheme} URL must not have a fragment (#...); it must be {form}")
    return StoreUrl(scheme, parts.netloc, parts.path, _parameters(pairs, scheme, known))


def _parameters(pairs: list[tuple[str, str]], scheme: str, known: Collection[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise ConfigurationError(
                f"unknown parameter '{name[:100]}' in the {scheme} URL; known parameters: {', '.join(sorted(known))}"
            )
        if name in parameters:
            raise ConfigurationError(f"the {scheme} URL must have the parameter '{name}' only once")
        parameters[name] = value
    return parameters


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    is_origin = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_origin or parts.port == 0:
        raise ValueError(text)
    return f"{parts.scheme}://{parts.netloc}"


def _region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise ValueError(text)
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _MAX_TIMEOUT_SECONDS:  # also false for NaN
        raise ValueError(text)
    return seconds
