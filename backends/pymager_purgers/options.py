"""The URLs of purgers: their options, and secrets, which can also be in files."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pymager.errors import ConfigurationError

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_MAX_SECRET_BYTES = 4_096
_MAX_TIMEOUT_SECONDS = 60.0
_DEFAULT_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a purger's URL; `scheme` names the purger in messages, which show no value."""

    scheme: str
    values: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, scheme: str, text: str, known: Collection[str]) -> "Options":
        """Parse `name=value&name=value`. Raises `ConfigurationError`."""
        try:
            pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=20)
        except ValueError:
            raise ConfigurationError(f"the options of {scheme}: must be name=value, joined by &") from None
        names = [name for name, _ in pairs]
        for name in names:
            if name not in known:
                raise ConfigurationError(
                    f"unknown option '{name[:100]}' of {scheme}:; known options: {', '.join(sorted(known))}"
                )
            if names.count(name) > 1:
                raise ConfigurationError(f"{scheme}: must have the option '{name}' only once")
        return cls(scheme, dict(pairs))

    def choice(self, name: str, *choices: str) -> str:
        """One of the choices; the first one is the default. Raises `ConfigurationError`."""
        value = self.values.get(name, choices[0])
        if value not in choices:
            raise ConfigurationError(f"{name} of {self.scheme}: must be {' or '.join(choices)}, got '{value[:100]}'")
        return value

    @property
    def timeout(self) -> float:
        """The option `timeout`: the longest time of a call in seconds. Raises `ConfigurationError`."""
        text = self.values.get("timeout", str(_DEFAULT_TIMEOUT_SECONDS))
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= _MAX_TIMEOUT_SECONDS:
            raise ConfigurationError(f"timeout of {self.scheme}: must be a number of seconds above 0, up to 60")
        return seconds

    def origin(self, name: str, default: str) -> str:
        """An option that is the start of the URLs of an API. Raises `ConfigurationError`."""
        text = self.values.get(name, default).rstrip("/")
        parts = _split(text)
        if parts is None or parts[0] not in ("http", "https") or not parts[1] or "@" in parts[1] or parts[2]:
            raise ConfigurationError(f"{name} of {self.scheme}: must be a URL such as https://api.example.org")
        return text

    def secret(self, name: str, *, is_needed: bool = True, min_length: int = 1) -> str | None:
        """The option `name`, or the content of the file that `{name}-file` names, without white space at its ends.

        Raises `ConfigurationError`.
        """
        value, path = self.values.get(name), self.values.get(f"{name}-file")
        if value is not None and path is not None:
            raise ConfigurationError(f"{self.scheme}: must have only one of the options {name} and {name}-file")
        if path is not None:
            value = self._content(name, path)
        if value is None:
            if is_needed:
                raise ConfigurationError(f"{self.scheme}: must have the option {name} or {name}-file")
            return None
        if len(value) < min_length or not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigurationError(
                f"{name} of {self.scheme}: must have at least {min_length} printable characters of ASCII without spaces"
            )
        return value

    def _content(self, name: str, path: str) -> str:
        try:
            with Path(path).open("rb") as file:
                return file.read(_MAX_SECRET_BYTES).decode().strip()
        except OSError as error:
            raise ConfigurationError(f"{name}-file of {self.scheme}: cannot read {path}: {error.strerror}") from None
        except ValueError:
            raise ConfigurationError(f"{name}-file of {self.scheme}: {path} must be UTF-8 text") from None


def split_id(url: str, form: str, known: Collection[str]) -> tuple[str, Options]:
    """The id and the options of a URL such as `fastly:ID?token=...`. Raises `ConfigurationError`."""
    scheme, _, rest = url.partition(":")
    id, _, query = rest.partition("?")
    if not _ID.fullmatch(id):
        raise ConfigurationError(f"{scheme}: must be written {form}")
    return id, Options.parse(scheme, query, known)


def _split(url: str) -> tuple[str, str, str] | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.netloc, parts.query + parts.fragment
