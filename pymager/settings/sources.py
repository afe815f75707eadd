"""The settings: from the environment (`PYMAGER_...`), then a TOML file, then the defaults.

A setting that is unknown or can't be right stops the start, and the message names it and where it came from.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pymager.errors import ConfigurationError
from pymager.settings.model import Settings

PREFIX = "PYMAGER_"
CONFIG_FILE = "PYMAGER_CONFIG"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each came from: `option`, a variable's name, a file's path or `default`."""

    settings: Settings
    sources: dict[str, str]


def load(options: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings; `options` (from the command line) go before the environment and the file.

    Raises `ConfigurationError` with one line per wrong setting.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources: dict[str, str] = dict.fromkeys(Settings.model_fields, "default")
    for source, found in (
        *_from_file((options or {}).get("config") or environ.get(CONFIG_FILE)),
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
    """A setting's value for people, without its secrets."""
    value = getattr(settings, name)
    if (Settings.model_fields[name].json_schema_extra or {}).get("secret"):  # type: ignore[union-attr]
        return ", ".join(f"{key}:***" for key in value) or "(none)"
    if name in ("blobs", "metadata"):
        return without_password(getattr(settings, f"{name}_url"))
    return ",".join(value) if isinstance(value, tuple) else str(value)


def without_password(url: str) -> str:
    """A URL that can be logged: user and host stay, a password and the query's secrets go.

    A password is also found where what should be encoded in it is not.
    """
    url = re.sub(r"(?<=://)([^/@:?]*):(?:[^?]*|[^@]*)@", r"\1:***@", url)
    return re.sub(r"((?:secret|pass|pwd|token|key|signature)[^=&]*=)[^&]*", r"\1***", url, flags=re.IGNORECASE)


def _from_file(path: str | None) -> list[tuple[str, dict[str, Any]]]:
    if not path:
        return []
    try:
        return [(path, tomllib.loads(Path(path).read_text("utf-8")))]
    except OSError as error:
        raise ConfigurationError(f"{CONFIG_FILE}: can't read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{CONFIG_FILE}: {path} is not TOML: {error}") from None


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (variable, {variable.removeprefix(PREFIX).lower(): value})
        for variable, value in environ.items()
        if variable.startswith(PREFIX) and variable != CONFIG_FILE
    ]


def _sentences(error: ValidationError, sources: dict[str, str]) -> list[str]:
    sentences = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(problem["loc"][0])
        source = sources.get(name, name)
        shown_name = source if source.startswith(PREFIX) else f"{name} ({source})"
        if problem["type"] == "extra_forbidden":
            sentences.append(f"{shown_name}: there is no such setting; `pymager config` lists them")
        else:
            sentences.append(f"{shown_name}: {problem['msg'].removeprefix('Value error, ')}")
    return sentences
