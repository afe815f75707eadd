"""Switches traces on. OpenTelemetry is imported only then."""

from importlib.util import find_spec

from pymager.errors import ConfigurationError
from pymager.telemetry.logs import TraceIds

_REQUIRED_MODULES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def trace_ids(enabled: bool) -> TraceIds | None:
    """The function that returns the trace ids for a log line; None if traces are off.

    Raises `ConfigurationError` if OpenTelemetry is not installed, or is configured for what pymager does not support.
    """
    if not enabled:
        return None
    try:
        missing = [name for name in _REQUIRED_MODULES if find_spec(name) is None]
    except ModuleNotFoundError as error:
        missing = [str(error.name)]
    if missing:
        raise ConfigurationError(
            f"PYMAGER_OTEL: traces need the module '{missing[0]}'; run: pip install 'pymager[otel]'"
        )
    from pymager.telemetry import tracing

    tracing.check()
    return tracing.ids
