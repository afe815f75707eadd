"""Loads the settings: from command-line options, the environment (`PYMAGER_...`), a TOML file and the defaults.

An unknown setting or a wrong value is an error. Its message names the setting and the source of the value.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from pymager.errors import ConfigurationError
from pymager.settings import messages
from pymager.settings.model import Settings

PREFIX = "PYMAGER_"
CONFIG_FILE = "PYMAGER_CONFIG"
_STORE_URLS = ("blobs", "metadata", "shared_cache")  # can hold passwords


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and the source of each: `option`, a variable's name, a file's path or `default`."""

    settings: Settings
    sources: dict[str, str]


def load(options: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Load the settings. Command-line `options` override the environment, which overrides the file.

    Raises `ConfigurationError` with one line per wrong setting.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources: dict[str, str] = dict.fromkeys(Settings.model_fields, "default")
    config = (options or {}).get("config")
    for source, found in (
        *(_from_file(config, "--config") if config else _from_file(environ.get(CONFIG_FILE), CONFIG_FILE)),
        *_from_environment(environ),
        *[
            ("option", {name: value})
            for name, value in (options or {}).items()
            if name != "config" and value is not None
        ],
    ):
        values.update(found)
        sources.update(dict.fromkeys(found, source))
    try:
        return Loaded(Settings(**values), sources)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_sentences(error, sources))) from None


def shown(settings: Settings, name: str) -> str:
    """A setting's value as text, without secrets."""
    value = getattr(settings, name)
    if _is_secret(Settings.model_fields[name]):
        names = [f"{name}:" for name in value] if isinstance(value, dict) else [""] * len(value)
        return ", ".join(f"{name}***" for name in names) or "(none)"
    if name in _STORE_URLS:
        return without_password(str(getattr(settings, f"{name}_url", value)))
    if isinstance(value, dict):
        return ";".join(f"{key}:{text}" for key, text in value.items()) or "(none)"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def without_password(url: str) -> str:
    """A URL that can be logged: without its password and the secrets in its query.

    It also finds a password whose special characters are not percent-encoded.
    """
    url = re.sub(r"(?<=://)([^/@:?]*):(?:[^?]*|[^@]*)@", r"\1:***@", url)
    return re.sub(r"((?:secret|pass|pwd|token|key|signature)[^=&]*=)[^&]*", r"\1***", url, flags=re.IGNORECASE)


def _from_file(path: str | None, named_by: str) -> list[tuple[str, dict[str, Any]]]:
    if not path:
        return []
    try:
        return [(path, tomllib.loads(Path(path).read_text("utf-8")))]
    except OSError as error:
        raise ConfigurationError(f"{named_by}: cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{named_by}: {path} is not valid TOML: {error}") from None


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (variable, {variable.removeprefix(PREFIX).lower(): value})
        for variable, value in environ.items()
        if variable.startswith(PREFIX) and variable != CONFIG_FILE
    ]


def _sentences(error: ValidationError, sources: dict[str, str]) -> list[str]:
    sentences = []
    for problem in error.errors(include_url=False, include_context=False):
        if problem["type"] == "default_factory_not_called":
            continue  # the setting that this default depends on is wrong, and is named
        name = str(problem["loc"][0])
        source = sources.get(name, name)
        shown_name = source if source.startswith(PREFIX) else f"{name} ({source})"
        field = Settings.model_fields.get(name)
        if field is None:
            text = messages.unknown(name, Settings.model_fields, PREFIX, is_variable=source.startswith(PREFIX))
        else:
            text = messages.sentence(problem, field, secret=_is_secret(field) or name in _STORE_URLS)
        sentences.append(f"{shown_name}: {text}")
    return sentences


def _is_secret(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("secret"))
