"""One worker process, from the server's side: start it, send it requests, watch it, end it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from pymager import sandbox
from pymager.engine import protocol
from pymager.engine.protocol import Status
from pymager.workers.channel import Channel

# The only environment variables that a worker process inherits: secrets must not reach it.
_INHERITED_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONUTF8",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
)
# Freed memory is kept for the next picture, up to 128 MiB, since page faults are a third of what a decode costs.
# 32 MiB is the highest threshold that glibc accepts.
_ALLOCATOR_VARIABLES = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
    "OPENBLAS_NUM_THREADS": "1",  # each thread of numpy's would reserve address space
}
EXTERNAL_EXIT_CODES = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGQUIT}
"""Exit codes of a process that a signal from outside ended: the kernel's when memory runs out, or an operator's."""

_START_TIMEOUT_SECONDS = 30.0
_KILL_TIMEOUT_SECONDS = 30.0
_EXIT_TIMEOUT_SECONDS = 5.0  # between closing the connection and the end of the process
_MAX_STDERR_BYTES = 64 << 10


class WorkerStartFailed(Exception):
    """A worker process did not start; the message has its standard error."""


class WorkerExited(Exception):
    """The process ended in the middle of a job. `code` is as in `subprocess.Popen.returncode`."""

    def __init__(self, code: int, stderr: str) -> None:
        super().__init__(f"exited with {code}: {stderr}")
        self.code = code


class WorkerProcess:
    """A process that runs from its construction on; `on_exit` is called when it has ended.

    Construct it in the event loop's thread: the kernel kills the process when that thread ends. Raises `OSError` if
    no process can be started.
    """

    def __init__(self, program: Sequence[str], on_exit: Callable[["WorkerProcess"], None]) -> None:
        self.jobs = 0
        self.started = time.monotonic()
        self.is_retired = False
        self.killed = False  # by this server
        self.stderr = ""  # the last part of its standard error, once it has ended
        self.exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._on_exit = on_exit
        self._size_when_ready = 0
        self._channel: Channel | None = None
        ours, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        # A worker never blocks on its standard error: what does not fit into the pipe is lost.
        os.set_blocking(write_end, False)
        os.set_blocking(read_end, False)
        try:
            self._popen = _spawn(program, theirs, write_end)
        except BaseException:
            ours.close()
            os.close(read_end)
            raise
        finally:
            theirs.close()
            os.close(write_end)
        self._socket, self._stderr_pipe = ours, read_end
        self._watch()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it runs; False as soon as its end has been detected."""
        return not self.exit.done()

    async def prepare(self, start: bytes) -> None:
        """Send the first message, and wait until the worker has loaded its decoders. Raises `WorkerStartFailed`."""
        self._socket.setblocking(False)
        _, self._channel = await asyncio.get_running_loop().create_connection(Channel, sock=self._socket)
        try:
            status, _ = await self.request(start, _START_TIMEOUT_SECONDS)
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
            return sandbox.address_space(self.pid)
        return 0

    async def request(self, message: bytes, seconds: float) -> tuple[Status, bytes]:
        """Send a request and return the answer.

        Raises `TimeoutError` after `seconds`, `WorkerExited`, and `ProtocolError`. After any of them, and when it is
        canceled, the process is killed: its state is unknown.
        """
        assert self._channel is not None
        self.jobs += 1
        try:
            answer = await self._channel.exchange(message, seconds)
        except ConnectionError:
            raise WorkerExited(await self._exit_code(), self.stderr) from None
        except BaseException:
            self.kill()
            raise
        self._read_stderr()
        return answer

    def kill(self) -> None:
        """Kill it."""
        self.killed |= self.alive
        self._popen.kill()

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

    def _watch(self) -> None:
        """Detect its end immediately, without a thread or a SIGCHLD handler: pidfd_open(2)."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            self.kill()
            self._popen.wait()
            self._socket.close()
            os.close(self._stderr_pipe)
            raise
        loop = asyncio.get_running_loop()

        def on_end() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            self.stderr = self._read_stderr()
            os.close(self._stderr_pipe)
            if self._channel is not None:  # otherwise it is being opened
                self._channel.close()
            self.exit.set_result(self._popen.wait())
            self._on_exit(self)

        loop.add_reader(descriptor, on_end)

    def _close_connection(self) -> None:
        if self._channel is not None:
            self._channel.close()
        else:
            self._socket.close()

    def _read_stderr(self) -> str:
        """What it wrote to its standard error since the last call."""
        with suppress(BlockingIOError):
            return os.read(self._stderr_pipe, _MAX_STDERR_BYTES).decode(errors="replace").strip()
        return ""


def _spawn(program: Sequence[str], channel: socket.socket, stderr: int) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ} | _ALLOCATOR_VARIABLES
    return subprocess.Popen(
        [sys.executable, "-P", "-s", *program, str(channel.fileno()), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        close_fds=True,
        pass_fds=[channel.fileno()],
        env=environment,
        process_group=0,  # Ctrl-C reaches only the server, which then drains
    )
