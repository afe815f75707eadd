"""One worker process, from the server's side: fork it, send it requests, watch it, end it."""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Self

from pymager import process_limits
from pymager.engine import protocol
from pymager.engine.protocol import Status
from pymager.workers.channel import Channel
from pymager.workers.child import Child, WorkerStartFailed, pairs_of_ends
from pymager.workers.template import Template

EXTERNAL_EXIT_CODES = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGQUIT}
"""Exit codes of a process that a signal from outside ended: the kernel's when memory runs out, or an operator's."""

_START_TIMEOUT_SECONDS = 30.0
_KILL_TIMEOUT_SECONDS = 30.0
_RESULT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_EXIT_TIMEOUT_SECONDS = 5.0  # between closing the connection and the end of the process


class WorkerExited(Exception):
    """The process ended in the middle of a job. `code` is as in `subprocess.Popen.returncode`."""

    def __init__(self, code: int, stderr: str) -> None:
        super().__init__(f"exited with {code}: {stderr}")
        self.code = code


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job as it is sent to a worker: the message, open files that come along, and the new file for a large result."""

    message: bytes
    files: tuple[int, ...] = ()
    result: Path | str | None = None


@contextmanager
def _result_file(path: Path | str | None) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    """Make the file that a worker wants; yields the message about it, and the file. It is closed at the end.

    Raises `ProtocolError` if the job has no such file.
    """
    if path is None:
        raise protocol.ProtocolError("it wants a file for a result that needs none")
    try:
        file = os.open(path, _RESULT_FLAGS, 0o666)
    except OSError as error:
        yield protocol.file_request(error.errno or errno.EIO), ()
        return
    try:
        yield protocol.file_request(), (file,)
    finally:
        os.close(file)


class WorkerProcess(Child):
    """A worker that runs; `on_exit` is called when it has ended. `forked` makes one."""

    def __init__(
        self, pid: int, connection: socket.socket, stderr: int, on_exit: Callable[["WorkerProcess"], None]
    ) -> None:
        super().__init__(pid, stderr)
        self.jobs = 0
        self.started = monotonic()
        self.is_retired = False
        self._socket = connection
        self._on_exit = on_exit
        self._size_when_ready = 0
        self._channel: Channel | None = None

    @classmethod
    async def forked(cls, template: Template, on_exit: Callable[["WorkerProcess"], None]) -> Self:
        """Fork one. Raises `WorkerStartFailed` and `OSError`."""
        with pairs_of_ends() as (ours, theirs):
            pid = await template.fork(theirs.connection.fileno(), theirs.stderr)
            return cls(pid, ours.connection, ours.stderr, on_exit)

    async def prepare(self, start: bytes) -> None:
        """Send the first message, and wait until the worker has loaded its decoders. Raises `WorkerStartFailed`."""
        self._socket.setblocking(False)
        _, self._channel = await asyncio.get_running_loop().create_connection(
            partial(Channel, self._socket), sock=self._socket
        )
        try:
            status, _ = await self.request(JobRequest(start), _START_TIMEOUT_SECONDS)
        except (TimeoutError, WorkerExited, protocol.ProtocolError) as error:
            raise WorkerStartFailed(str(error) or f"not ready after {_START_TIMEOUT_SECONDS:.0f} seconds") from None
        if status is not Status.READY or not self.alive:
            raise WorkerStartFailed(f"its first answer was {status.name}" if self.alive else "it ended immediately")
        self.jobs = 0
        self._size_when_ready = self._address_space()

    def kept_bytes(self) -> int:
        """How much its address space has grown since it was ready, in bytes; 0 if that is unknown."""
        return max(0, self._address_space() - self._size_when_ready)

    def _address_space(self) -> int:
        with suppress(OSError, ValueError, IndexError):
            return process_limits.address_space(self.pid)
        return 0

    async def request(self, job: JobRequest, seconds: float) -> tuple[Status, bytes]:
        """Send a request and return the answer. If the worker wants a file for its result, make it.

        Raises `TimeoutError` after `seconds`, `WorkerExited`, and `ProtocolError`. After any of them, and when it is
        canceled, the process is killed: its state is unknown.
        """
        assert self._channel is not None
        self.jobs += 1
        try:
            deadline = monotonic() + seconds
            answer = await self._channel.exchange(job.message, seconds, job.files)
            if answer[0] is Status.WANTS_FILE:
                with _result_file(job.result) as (message, files):
                    answer = await self._channel.exchange(message, max(0.0, deadline - monotonic()), files)
            if answer[0] is Status.WANTS_FILE:
                raise protocol.ProtocolError("it wants a second file")
        except ConnectionError:
            raise WorkerExited(await self._exit_code(), self.stderr) from None
        except BaseException:
            self.kill()
            raise
        self.read_stderr()
        return answer

    async def retire(self, grace: float) -> None:
        """Close its connection so that it exits; kill it after `grace` seconds."""
        self._close_connection()
        await asyncio.wait([self.exit], timeout=grace)
        if self.alive:
            self.kill()
            await asyncio.wait([self.exit], timeout=_KILL_TIMEOUT_SECONDS)
        if self._channel is not None:
            await self._channel.wait_closed()

    async def _exit_code(self) -> int:
        """The exit code of a process that closed its connection. One that still runs is killed: `ProtocolError`."""
        try:
            await asyncio.wait([self.exit], timeout=_EXIT_TIMEOUT_SECONDS)
        finally:
            self.kill()
        if self.killed:
            raise protocol.ProtocolError("it closed its connection")
        return self.exit.result()

    def _on_end(self) -> None:
        super()._on_end()
        if self._channel is not None:  # otherwise it is being opened
            self._channel.close()
        self._on_exit(self)

    def _close_connection(self) -> None:
        if self._channel is not None:
            self._channel.close()
        else:
            self._socket.close()
