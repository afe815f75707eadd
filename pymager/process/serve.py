"""One start of the server: settings, users, the socket, and what is said on the terminal."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import structlog

from pymager import composition
from pymager.errors import ConfigurationError
from pymager.process.first_user import FILE, first_user
from pymager.settings import sources
from pymager.settings.model import Settings
from pymager.settings.sources import PREFIX
from pymager.telemetry import logs
from pymager.telemetry.exposition import Boards
from pymager.telemetry.shared_memory import Board
from pymager.telemetry.tracing_setup import trace_ids

_DEV = {"sizes": "*"}
# For the interpreter's lock, in seconds. A store's thread has little to do each time, and the event loop waits for it:
# with Python's 5 ms one request in a hundred took twice as long where the processors were busy.
_SWITCH_INTERVAL = 0.0005

log = structlog.get_logger("pymager")


def run(options: dict[str, Any], *, dev: bool, fd: int | None = None, board: int | None = None) -> int:
    """Serve until told to stop; returns the exit code. Raises `ConfigurationError`.

    One of several processes gets the listening socket and the board that it counts on as open files.
    """
    if not dev:
        return _run(options, fd, board, hint=None)
    folder = Path(tempfile.mkdtemp(prefix="pymager-dev-"))
    try:
        return _run(options | _dev_options(folder), fd, board, hint="-u test:test")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(options: dict[str, Any], fd: int | None, board: int | None, hint: str | None) -> int:
    settings = sources.load(options).settings
    logs.configure(settings.log_level, settings.log_format, trace_ids(settings.otel))
    composition.backends(settings)  # their URLs first: what is wrong there is told before anything is made
    users, made = _users(settings)
    is_child = fd is not None
    listener = socket.socket(fileno=fd) if is_child else _listen(settings)

    def ready(url: str) -> None:
        if not is_child:
            _greet(settings.public_url or url, hint or made, _example_size(settings))

    if settings.processes > 1 and not is_child:
        return _run_several(settings, options, listener, ready)
    import uvloop

    from pymager.operations.housekeeping import run_housekeeping
    from pymager.sandbox import hide
    from pymager.web.server import serve

    sys.setswitchinterval(_SWITCH_INTERVAL)
    hide()  # a worker that was taken over runs as the same user, and could read this process's secrets

    with _board(settings, board, is_child=is_child) as own:
        uvloop.run(serve(settings, listener, users, ready, run_housekeeping, own))
    return 0


@contextmanager
def _board(settings: Settings, fd: int | None, *, is_child: bool) -> Iterator[Board | None]:
    """What this process counts on, if it does; `/metrics` is the supervisor's where there is one."""
    if is_child or not settings.metrics_port:
        yield None if fd is None else Board(fd)
        return
    boards, own = Boards(), Board()
    boards.belongs(own, os.getpid())
    with _exposed(settings, boards, supervisor=False):
        yield own


def _exposed(settings: Settings, boards: Boards, *, supervisor: bool) -> AbstractContextManager[None]:
    from pymager.telemetry.server import exposed

    return exposed(settings.metrics_host or settings.host, settings.metrics_port, boards, supervisor=supervisor)


def _run_several(settings: Settings, options: dict[str, Any], listener: socket.socket, ready: Any) -> int:
    from pymager.process.supervisor import supervise
    from pymager.web.server import url_of

    ready(url_of(listener))
    given = {PREFIX + name.upper(): str(value) for name, value in options.items() if value is not None}
    if not settings.metrics_port:
        return supervise(listener, settings.processes, ["serve"], os.environ | given)
    boards = Boards()
    with _exposed(settings, boards, supervisor=True):
        return supervise(listener, settings.processes, ["serve"], os.environ | given, boards)


def _listen(settings: Settings) -> socket.socket:
    from pymager.web.server import listening_socket

    return listening_socket(settings)


def _users(settings: Settings) -> tuple[dict[str, str], str | None]:
    """The users in force, and curl's option for them: with the password if it was made just now."""
    if settings.users or settings.tokens:
        return settings.users, None
    if settings.folder is None:
        log.warning("writing is closed: no users are configured, see PYMAGER_USERS")
        return {}, None
    try:
        user = first_user(settings.folder)
    except OSError as error:
        raise ConfigurationError(f"PYMAGER_DATA: can't keep a user in {settings.folder}: {error.strerror}") from None
    if user.password is not None:
        print(f"Made the user '{user.name}' with the password '{user.password}'. It is shown only now; keep it.")
    else:
        path = settings.folder / FILE
        print(f"The user is '{user.name}', made at the first start; without its password: delete {path}, start again.")
    return {user.name: user.hash}, f"-u {user.name}:{user.password}" if user.password else f"-u {user.name}"


def _example_size(settings: Settings) -> str:
    return "800x600" if set(settings.sizes) & {"*", "800x600"} else settings.sizes[0]


def _greet(url: str, credentials: str | None, size: str) -> None:
    print(f"\npymager serves on {url}\n")
    if credentials is not None:
        print("Upload a photograph:")
        print(f"  curl {credentials} -F file=@photo.jpg {url}/original/cat")
        print("and look at it in a browser:")
        print(f"  {url}/derived/cat-{size}.jpg\n")
    sys.stdout.flush()


def _dev_options(folder: Path) -> dict[str, Any]:
    from argon2 import PasswordHasher

    return _DEV | {"data": str(folder), "users": f"test:{PasswordHasher().hash('test')}", "blobs": "", "metadata": ""}
