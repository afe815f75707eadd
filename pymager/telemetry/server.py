"""Serves /metrics on its own port in its own thread, also while the service is busy or stopped."""

import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from pymager.errors import ConfigurationError
from pymager.telemetry.exposition import OPENMETRICS, PROMETHEUS, MetricsCollector, text

_READ_TIMEOUT_SECONDS = 5.0
_REQUEST_TIMEOUT_SECONDS = 10.0  # for a request and its response: Prometheus waits as long
_MAX_CONNECTIONS = 16


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._places = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        super().__init__((host, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        end = threading.Timer(_REQUEST_TIMEOUT_SECONDS, _cut, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnects is not an error."""


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    collector: ClassVar[MetricsCollector]
    supervisor: ClassVar[bool]
    timeout = _READ_TIMEOUT_SECONDS
    server_version, sys_version = "pymager", ""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, explain="The only path is /metrics.")
            return
        openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
        series = self.collector.collect(supervisor=self.supervisor)
        body = text(series, openmetrics=openmetrics).encode()
        self.send_response(200)
        self.send_header("Content-Type", OPENMETRICS if openmetrics else PROMETHEUS)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not logged."""


@contextmanager
def exposed(host: str, port: int, collector: MetricsCollector, *, supervisor: bool) -> Iterator[None]:
    """Serve the metrics while inside. Raises `ConfigurationError` if the address is not available."""
    handler = type("Handler", (_Handler,), {"collector": collector, "supervisor": supervisor})
    try:
        server = _Server(host, port, handler)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"PYMAGER_METRICS_HOST, PYMAGER_METRICS_PORT: cannot listen on {host}:{port}: {reason}"
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    # Signals belong to the main thread: delivered to this one, their default would end the process.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    thread.start()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
