"""OpenTelemetry traces, configured by its own OTEL_ variables. Imported only if tracing is on."""

import os
import threading
from asyncio import CancelledError
from collections.abc import Mapping

from opentelemetry import context, propagate, trace
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from pymager import __version__
from pymager.errors import ConfigurationError

_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SHUTDOWN_TIMEOUT_SECONDS = 5.0


class Span:
    """A span that has started."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span, *, inside: bool) -> None:
        self._span = span
        self._token = context.attach(trace.set_span_in_context(span)) if inside else None

    def set(self, name: str, value: str | int) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        """Rename it."""
        self._span.update_name(name)

    def end(self, error: BaseException | None = None, *, failed: bool = False) -> None:
        """End it; `failed` says that the error is a failure, and not a normal answer."""
        if error is not None:
            self._span.set_attribute("error.type" if failed else "pymager.answer", type(error).__name__)
        if failed or isinstance(error, CancelledError):
            self._span.set_status(Status(StatusCode.ERROR, "" if error is None else str(error)))
        self._span.end()
        if self._token is not None:
            context.detach(self._token)


class Tracer:
    """Makes spans and exports them, as the OTEL_ variables say; the default service name is `pymager`."""

    def __init__(self) -> None:
        named = {} if "OTEL_SERVICE_NAME" in os.environ else {SERVICE_NAME: "pymager"}
        resource = Resource.create({SERVICE_VERSION: __version__} | named)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "none":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("pymager", __version__)

    def start(self, name: str, *, inside: bool = True) -> Span:
        """Start a span in the current one; with `inside` it is the current one until its end."""
        return Span(self._tracer.start_span(name), inside=inside)

    def request(self, headers: Mapping[str, str], name: str, attributes: dict[str, str]) -> Span:
        """Start the span of a request, in the trace that the client's headers name (W3C Trace Context)."""
        parent = propagate.extract(headers)
        span = self._tracer.start_span(name, context=parent, kind=SpanKind.SERVER, attributes=attributes)
        return Span(span, inside=True)

    def close(self) -> None:
        """Export the remaining spans, for a few seconds."""
        # In a thread that is abandoned if the collector does not answer: its own timeouts are longer.
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(_SHUTDOWN_TIMEOUT_SECONDS)


def ids() -> dict[str, str]:
    """`trace_id` and `span_id` of the current span, in hexadecimal; empty without a span."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return {}
    return {"trace_id": f"{current.trace_id:032x}", "span_id": f"{current.span_id:016x}"}


def check() -> None:
    """Raises `ConfigurationError` if an OTEL_ variable has a value that pymager does not support."""
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "otlp")
    if exporter not in ("otlp", "none"):
        raise ConfigurationError(f"OTEL_TRACES_EXPORTER: must be otlp or none, got '{exporter}'")
    protocol = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        raise ConfigurationError(f"{_PROTOCOLS[1]}: must be http/protobuf, got '{protocol}'")
