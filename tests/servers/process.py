"""A server as a process of its own, which never outlives the tests."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from pymager.process_limits import die_with_parent
from tests.servers.folders import new_folder

_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_PAUSE = 0.02
_PORTS = range(20_000, 32_000)  # below the ephemeral ports: no outgoing connection takes one while a server restarts


class Missing(Exception):
    """A server that can't be had on this machine, and why."""


class Server(ABC):
    """One server on a free port of 127.0.0.1, with a folder of its own; entered, it answers."""

    ends_with = signal.SIGTERM
    user: str | None = None

    def __init__(self) -> None:
        self.folder, self._lock = new_folder(type(self).__name__.lower())
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if self.user is not None and os.geteuid() == 0:
            shutil.chown(self.folder, self.user)

    @classmethod
    @abstractmethod
    def install(cls) -> None:
        """Build or install what is not there. Raises `Missing`."""

    @abstractmethod
    def command(self) -> list[str]:
        """What to run; it stays in the foreground."""

    def prepare(self) -> None:  # noqa: B027 - most have nothing to do
        """What is done once, before the first start."""

    def variables(self) -> dict[str, str]:
        """What its environment has besides ours."""
        return {}

    def answers(self) -> bool:
        """Whether it is ready."""
        with socket.socket() as attempt:
            attempt.settimeout(1)
            return attempt.connect_ex(("127.0.0.1", self.port)) == 0

    def start(self) -> None:
        """Start it, again on the same port and the same data, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                env={**os.environ, **self.variables()},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=partial(die_with_parent, os.getpid(), self.ends_with),
                **self.identity(),
            )
        end = time.monotonic() + _START_SECONDS
        while not self.answers():
            assert self._process.poll() is None, f"{type(self).__name__} ended: {self.log()}"
            assert time.monotonic() < end, f"{type(self).__name__} does not answer: {self.log()}"
            time.sleep(_PAUSE)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more, whoever ended it."""
        return self._process is not None and self._process.poll() is not None

    def by_way_of(self, url: str, port: int) -> str:
        """The URL of something in this server, through another port: that of a proxy say."""
        return with_port(url, self.port, port)

    def log(self) -> str:
        """The end of what it printed."""
        return (self.folder / "log").read_text(errors="replace")[-3_000:]

    def stop(self) -> None:
        """End it as an operator does, and wait for that."""
        self._end(self.ends_with)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop it in the middle of whatever it does, every thread: its port still takes connections."""
        os.kill(self.pid, signal.SIGSTOP)
        end = time.monotonic() + _STOP_SECONDS
        while not all(state in ("T", "t") for state in self._states()):
            assert time.monotonic() < end, f"{type(self).__name__} does not stand still"
            time.sleep(_PAUSE)

    def _states(self) -> list[str]:
        """The state of each thread, proc_pid_stat(5)."""
        found = []
        for path in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with suppress(OSError):  # it has ended
                found.append(path.read_text().rpartition(")")[2].split()[0])
        return found

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def identity(self) -> dict[str, str]:
        """The user to run as, for servers that refuse root."""
        return {} if self.user is None or os.geteuid() != 0 else {"user": self.user, "group": self.user}

    def __enter__(self) -> Self:
        try:
            self.prepare()
            self.start()
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def _end(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)


def with_port(url: str, old: int, new: int) -> str:
    """The URL with another port of 127.0.0.1; a name or a path in it that contains the old one stays as it is."""
    changed, count = re.subn(rf"(127\.0\.0\.1(?::|%3A)){old}(?!\d)", rf"\g<1>{new}", url)
    assert count == 1, f"{url} does not lead to port {old}"
    return changed


def free_port() -> int:
    """A free port of 127.0.0.1. No other caller gets it until this process ends."""
    while True:
        port = secrets.choice(_PORTS)
        reservation = socket.socket(socket.AF_UNIX)
        try:
            reservation.bind(f"\0pymager-tests-port-{port}")
            with socket.socket() as attempt:
                attempt.bind(("127.0.0.1", port))
        except OSError:
            reservation.close()
        else:
            reservation.detach()  # it stays open
            return port
