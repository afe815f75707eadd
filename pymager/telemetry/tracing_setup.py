"""Whether the settings ask for traces, and whether they can be had. OpenTelemetry is imported only where they do."""

from importlib.util import find_spec

from pymager.errors import ConfigurationError
from pymager.telemetry.context import TraceIds

_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def trace_ids(enabled: bool) -> TraceIds | None:
    """What tells a log line its trace; None where there are none.

    Raises `ConfigurationError` where OpenTelemetry is not installed, or is told what it can't do here.
    """
    if not enabled:
        return None
    try:
        missing = [name for name in _NEEDED if find_spec(name) is None]
    except ModuleNotFoundError as error:
        missing = [str(error.name)]
    if missing:
        raise ConfigurationError(f"PYMAGER_OTEL: traces need '{missing[0]}'; run: pip install 'pymager[otel]'")
    from pymager.telemetry import tracing

    tracing.check()
    return tracing.ids
