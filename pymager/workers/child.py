"""A child process of the server, from its start on: detect its end, kill it, read its standard error."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

_MAX_STDERR_BYTES = 64 << 10


class WorkerStartFailed(Exception):
    """A worker process, or the template, did not start; the message has its standard error."""


class Child:
    """A child process that runs. The event loop detects its end, which sets `exit` to its exit code.

    `stderr` is the read end of a pipe, which is closed at the end. Raises `OSError`, after it has killed the process
    and without closing the pipe, if its end cannot be detected.
    """

    def __init__(self, pid: int, stderr: int) -> None:
        self.pid = pid
        self.killed = False  # by this server
        self.stderr = ""  # the last part of its standard error, once it has ended
        self.exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._stderr_pipe = stderr
        try:
            self._handle = os.pidfd_open(pid)
        except OSError:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._reap()
            raise
        asyncio.get_running_loop().add_reader(self._handle, self._on_end)

    @property
    def alive(self) -> bool:
        """Whether it runs; False as soon as its end has been detected."""
        return not self.exit.done()

    def kill(self) -> None:
        """Kill it."""
        if self.alive:
            self.killed = True
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def read_stderr(self) -> str:
        """What it wrote to its standard error since the last call."""
        with suppress(BlockingIOError):
            return os.read(self._stderr_pipe, _MAX_STDERR_BYTES).decode(errors="replace").strip()
        return ""

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self.stderr = self.read_stderr()
        os.close(self._stderr_pipe)
        self.exit.set_result(self._reap())

    def _reap(self) -> int:
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:  # the kernel has done it, because SIGCHLD is ignored
            return 0


class Ends(NamedTuple):
    """One side's ends of the connection between the server and a child process, and of the child's standard error."""

    connection: socket.socket
    stderr: int


@contextmanager
def pairs_of_ends(kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[tuple[Ends, Ends]]:
    """The server's ends and the child's, for a process that is started inside.

    Then the child's are closed here. The server's stay open, unless the block fails. A child never blocks on its
    standard error: what does not fit into the pipe is lost.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    os.set_blocking(read_end, False)
    try:
        yield Ends(ours, read_end), Ends(theirs, write_end)
    except BaseException:
        ours.close()
        os.close(read_end)
        raise
    finally:
        theirs.close()
        os.close(write_end)
