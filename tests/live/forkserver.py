"""Processes of the program without its imports: a process that has imported everything forks for each of them.

An interpreter that starts and imports the program takes ten times the processor time of what most tests ask of it. A
forked process is one of its own like any other, with its own environment, folder, files, signals and exit code: it
can be killed at any moment. What the imports themselves do is not seen here; `fresh` processes show that.

A forked process ends as an interpreter does, after its threads, its exit functions and its last output, but does not
take apart what it has imported: that alone would copy nearly all of the memory that it shares with the fork server.

The fork server is this file, run as a program. It has one thread and no event loop, so that a fork is safe. It ends
with the process of the tests, and what it forked ends with it.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, NoReturn, Self

from pymager.process_limits import die_with_parent

_PACKAGES = ("cli", "library", "operations", "process", "settings", "telemetry", "variants", "web", "workers")
_BACKENDS = ("pymager_filesystem", "pymager_s3", "pymager_sql", "pymager_dynamodb", "pymager_memcached")
_OTHERS = (
    "uvloop",
    "alembic.command",
    "psycopg",
    "pymysql",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql",
)
_UNWANTED = ("pymager.telemetry.tracing_setup", "pymager_sql.migrations")
_HOOKED = Path(__file__).with_name("hooked")
_MAX_REQUEST_BYTES = 1 << 17
_STATUS_BYTES = 4


class Forked:
    """A process of the fork server, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, pidfd: int, status: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._pidfd, self._status = pidfd, status

    def poll(self) -> int | None:
        """The exit code, or the signal negated; None while it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises `subprocess.TimeoutExpired`."""
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("pymager", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing happens to another process that has the same number by now."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended
                signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._status, select.POLLIN)
            if not poll.poll(None if timeout is None else timeout * 1000):
                return None
            status = os.read(self._status, _STATUS_BYTES)
            # Nothing is there if the fork server was killed, and with it everything that it forked.
            self.returncode = int.from_bytes(status, "little", signed=True) if status else -signal.SIGKILL
            os.close(self._status)
            os.close(self._pidfd)
        return self.returncode

    def __del__(self) -> None:
        if self.returncode is None:
            os.close(self._status)
            os.close(self._pidfd)


class ForkServer:
    """The tests' side of it."""

    def __init__(self) -> None:
        self.variables = _interpreter_variables(os.environ)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()]
            )

    @classmethod
    @functools.cache
    def of_this_process(cls) -> Self:
        """One for all tests of a process, which starts with the first of them."""
        server = cls()
        atexit.register(server.close)
        return server

    def can_start(self, environ: Mapping[str, str]) -> bool:
        """Whether an interpreter with these variables would be like the one that has started."""
        return "FAILPOINT_MUTANT" not in environ and _interpreter_variables(environ) == self.variables

    def start(
        self, arguments: Sequence[str], environ: Mapping[str, str], folder: Path, files: Sequence[IO[bytes] | int]
    ) -> Forked:
        """Run `pymager` with these arguments; `files` are its standard input, output and error."""
        request = json.dumps({"arguments": arguments, "environ": dict(environ), "folder": str(folder)}).encode()
        assert len(request) < _MAX_REQUEST_BYTES
        status, theirs = os.pipe()
        descriptors = [file if isinstance(file, int) else file.fileno() for file in files]
        try:
            socket.send_fds(self._socket, [request], [*descriptors, theirs])
        finally:
            os.close(theirs)
        answer, (pidfd,), _, _ = socket.recv_fds(self._socket, _MAX_REQUEST_BYTES, 1)
        return Forked(int(answer), pidfd, status)

    def kill(self) -> None:
        """kill -9; whatever it has forked ends with it."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it in good order, and whatever it has forked."""
        self._socket.close()
        self._process.wait()


def _interpreter_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What Python and the C library read once, when a process starts; the path may have what is hooked in front."""
    read = {name: value for name, value in environ.items() if name.startswith(("PYTHON", "LD_", "MALLOC_", "TZ"))}
    path = [part for part in read.pop("PYTHONPATH", "").split(os.pathsep) if part and part != str(_HOOKED)]
    read.pop("PYTHONUNBUFFERED", None)  # all of them have it
    return read | {"PYTHONPATH": os.pathsep.join(path)}


@dataclass(frozen=True)
class Request:
    """What a process is to become."""

    arguments: list[str]
    environ: dict[str, str]
    folder: str

    def fulfil(self, files: Sequence[int], server: int) -> None:
        """Become it: nothing of the fork server, whose process id is given, is left here but what it has imported."""
        die_with_parent(server)
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(len(files), os.sysconf("SC_OPEN_MAX"))
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environ)
        sys.argv = ["pymager", *self.arguments]
        if any(name.startswith("FAILPOINT_") for name in self.environ):
            sys.path.insert(0, str(_HOOKED))
            sys.modules.pop("sitecustomize", None)
            importlib.import_module("sitecustomize")


def _serve(channel: socket.socket) -> Request | None:
    """Fork for each request. Returns the request in the process that was forked for it, and None at the end."""
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not channel:
                    selector.unregister(key.fileobj)
                    _report(key.fd, *key.data)
                    continue
                text, files, _, _ = socket.recv_fds(channel, _MAX_REQUEST_BYTES, 4)
                if not text:
                    return None
                request = Request(**json.loads(text))
                server = os.getpid()
                pid = os.fork()
                if pid == 0:
                    request.fulfil(files[:3], server)
                    return request
                pidfd = os.pidfd_open(pid)
                for file in files[:3]:
                    os.close(file)
                socket.send_fds(channel, [str(pid).encode()], [pidfd])
                selector.register(pidfd, selectors.EVENT_READ, (pid, files[3]))


def _report(pidfd: int, pid: int, status: int) -> None:
    """Tell whoever started the process how it ended."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):  # nobody asks any more
        os.write(status, code.to_bytes(_STATUS_BYTES, "little", signed=True))
    os.close(status)
    os.close(pidfd)


def _import_all() -> None:
    for name in (*(f"pymager.{package}" for package in _PACKAGES), *_BACKENDS):
        _import_below(importlib.import_module(name))
    for name in _OTHERS:
        importlib.import_module(name)
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a thread would be lost in a fork"


def _import_below(package: ModuleType) -> None:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name not in _UNWANTED:
            found = importlib.import_module(module.name)
            if module.ispkg:
                _import_below(found)


def _main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    _import_all()
    gc.collect()
    gc.freeze()  # a forked process would copy every page that its collector visits
    if _serve(channel) is not None:
        channel.detach()  # it is closed here
        try:
            runpy.run_module("pymager", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if end.code is not None and not isinstance(end.code, int):
                raise
            _exit(end.code or 0)


def _exit(code: int) -> NoReturn:
    """End this process in the order of `Py_FinalizeEx`, but without taking modules and objects apart."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    _main()
