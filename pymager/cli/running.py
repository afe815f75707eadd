"""What every command does first: the settings and the log; and the event loop that it runs in."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from pymager.errors import ConfigurationError
from pymager.settings import sources
from pymager.settings.model import Settings
from pymager.telemetry import logs

T = TypeVar("T")


def settings_of(base: dict[str, Any]) -> Settings:
    """The settings in force, and a log as they say. Raises `ConfigurationError`."""
    settings = sources.load(base).settings
    logs.configure(settings.log_level, settings.log_format)
    return settings


def refuse_where_read_only(settings: Settings) -> None:
    """Raises `ConfigurationError` where nothing may be written."""
    if settings.read_only:
        raise ConfigurationError("PYMAGER_READ_ONLY: the service is read-only, so this command does nothing")


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns."""
    import uvloop

    return uvloop.run(work)
