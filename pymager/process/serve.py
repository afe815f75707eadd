"""One start of the server: settings, users, the listening socket, and the greeting."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import structlog

from pymager import composition
from pymager.errors import ConfigurationError
from pymager.imports import uncollected
from pymager.process.first_user import FILE, first_user
from pymager.settings import sources
from pymager.settings.model import Settings
from pymager.settings.sources import PREFIX
from pymager.telemetry import logs
from pymager.telemetry.exposition import MetricsCollector
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.telemetry.tracing_setup import trace_ids
from pymager.web.listening import listening_socket, url_of

# How long a thread keeps the interpreter's lock. A store's threads do little each time, and the event loop waits for
# them: with Python's default of 5 ms one request in a hundred took twice as long while the processors were busy.
_SWITCH_INTERVAL_SECONDS = 0.0005

Echo = Callable[[str], None]

log = structlog.get_logger("pymager")


def run(
    options: dict[str, Any], echo: Echo, *, dev: bool, listen_fd: int | None = None, metrics_fd: int | None = None
) -> int:
    """Serve until a signal; returns the exit code. `echo` prints a line for the person at the terminal.

    A child of the supervisor gets the listening socket and the shared memory for its metrics as open files.
    Raises `ConfigurationError`.
    """
    if not dev:
        return _run(options, echo, listen_fd, metrics_fd)
    folder = Path(tempfile.mkdtemp(prefix="pymager-dev-"))
    try:
        return _run(options | _dev_options(folder), echo, listen_fd, metrics_fd, dev=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    options: dict[str, Any], echo: Echo, listen_fd: int | None, metrics_fd: int | None, *, dev: bool = False
) -> int:
    settings = sources.load(options).settings
    if dev and settings.ui == "auto":
        options = options | {"ui": "on"}  # also for the processes that are started with them
        settings = settings.model_copy(update={"ui": "on"})
    logs.configure(settings.log_level, settings.log_format, trace_ids(settings.otel))
    composition.backends(settings)  # a wrong store URL is reported before anything is created
    is_child = listen_fd is not None
    # Before a password is shown: nobody would find it above the error for a port that is in use.
    listener = socket.socket(fileno=listen_fd) if is_child else listening_socket(settings)
    users, credentials = _users(settings, echo)
    if "*" in settings.sizes and not dev and not is_child:
        log.warning("any size of variant is allowed: clients can fill the blob store; list the sizes in PYMAGER_SIZES")

    def ready(url: str) -> None:
        if not is_child:
            base, shown = settings.public_url or url, "-u test:test" if dev else credentials
            _greet(echo, base, shown, _example_size(settings), has_ui=settings.has_ui)

    if settings.processes > 1 and not is_child:
        return _run_several(settings, options, listener, ready)
    with uncollected():
        import uvloop

        from pymager.operations.housekeeping import run_housekeeping
        from pymager.process_limits import protect_memory
        from pymager.web.server import serve

    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    protect_memory()  # a hijacked worker process runs as the same user, and could read this process's secrets

    with _metrics(settings, metrics_fd, is_child=is_child) as metrics:
        uvloop.run(serve(settings, listener, users, ready, run_housekeeping, metrics))
    return 0


@contextmanager
def _metrics(settings: Settings, fd: int | None, *, is_child: bool) -> Iterator[SharedMetrics | None]:
    """This process's metrics, None if they are off. Serves `/metrics` unless a supervisor does."""
    if is_child or not settings.metrics_port:
        yield None if fd is None else SharedMetrics(fd)
        return
    metrics, own = MetricsCollector(), SharedMetrics()
    metrics.add(own, os.getpid())
    with _exposed(settings, metrics, supervisor=False):
        yield own


def _exposed(settings: Settings, metrics: MetricsCollector, *, supervisor: bool) -> AbstractContextManager[None]:
    from pymager.telemetry.server import exposed

    return exposed(settings.metrics_host or settings.host, settings.metrics_port, metrics, supervisor=supervisor)


def _run_several(
    settings: Settings, options: dict[str, Any], listener: socket.socket, ready: Callable[[str], None]
) -> int:
    from pymager.process.supervisor import supervise

    ready(url_of(listener))
    environ = os.environ | {PREFIX + name.upper(): str(value) for name, value in options.items() if value is not None}
    if not settings.metrics_port:
        return supervise(listener, settings.processes, ["serve"], environ)
    metrics = MetricsCollector()
    with _exposed(settings, metrics, supervisor=True):
        return supervise(listener, settings.processes, ["serve"], environ, metrics)


def _users(settings: Settings, echo: Echo) -> tuple[dict[str, str], str | None]:
    """The users in force, and curl's option for the first user: with the password if this start created it."""
    if settings.users or settings.tokens:
        return settings.users, None
    if settings.folder is None:
        log.warning("uploads are disabled: no credentials are configured; set PYMAGER_USERS or PYMAGER_TOKENS")
        return {}, None
    try:
        user = first_user(settings.folder)
    except OSError as error:
        raise ConfigurationError(
            f"PYMAGER_BLOBS, PYMAGER_DATA: cannot write the file of the first user into the folder of the blobs, "
            f"{settings.folder}: {error.strerror}"
        ) from None
    if user.password is not None:
        echo(f"Created the user '{user.name}' with the password '{user.password}'. Save it, it is not shown again.")
    else:
        path = settings.folder / FILE
        echo(f"The user is '{user.name}'. To get a new password, stop the server, delete {path} and start again.")
    return {user.name: user.hash}, f"-u {user.name}:{user.password}" if user.password else f"-u {user.name}"


def _example_size(settings: Settings) -> str:
    return "800x600" if set(settings.sizes) & {"*", "800x600"} else settings.sizes[0]


def _greet(echo: Echo, url: str, credentials: str | None, size: str, *, has_ui: bool) -> None:
    """Print all lines at once, so that a program that waits for the URL finds the others too."""
    lines = ["", f"pymager serves on {url}", ""]
    if has_ui:
        lines += ["Use the web page:", f"  {url}/", ""]
    if credentials is not None:
        lines += [
            "Upload a photo:",
            f"  curl {credentials} -F file=@photo.jpg {url}/original/cat",
            "Open it in a browser:",
            f"  {url}/derived/cat-{size}.jpg",
            "",
        ]
    echo("\n".join(lines))


def _dev_options(folder: Path) -> dict[str, Any]:
    from pymager.passwords import hash_password

    return {
        "data": str(folder),
        "blobs": "",
        "metadata": "",
        "sizes": "*",
        "options": "*",
        "users": f"test:{hash_password('test')}",
    }
