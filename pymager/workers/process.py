"""One worker process, seen from the server: started, asked, watched, ended."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from pymager.engine import wire
from pymager.engine.wire import Status

# Of the server's environment a worker gets these and no more: it must not learn a secret.
_INHERITED = (
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
_ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
}
_BUFFER = 1 << 20
_PATIENCE = 30.0  # for the start; and for a killed process to be gone
_LEAVING = 5.0  # between hanging up and being gone
_LAST_WORDS = 64 << 10


class WorkerStartFailed(Exception):
    """A worker process did not come up; the message says what it said."""


class WorkerExited(Exception):
    """The process ended in the middle of a job. `code` is as `subprocess.Popen.returncode`."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"ended with {code}: {words}")
        self.code = code


class WorkerProcess:
    """A process that runs from its construction on; `exited` gets its return code as soon as there is one.

    Construct it in the event loop's thread: the process is killed by the kernel when that thread ends. Raises
    `OSError` where none can be started.
    """

    def __init__(self, program: Sequence[str], exited: Callable[["WorkerProcess"], None]) -> None:
        self.jobs = 0
        self.born = time.monotonic()
        self.told = False  # to end
        self.killed = False  # by us
        self.last_words = ""  # the last it wrote to its standard error, once it has ended
        self.exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._exited = exited
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        ours, theirs = socket.socketpair()
        words, their_words = os.pipe()
        # A worker never waits for someone to read its complaints: what doesn't fit into the pipe is lost.
        os.set_blocking(their_words, False)
        os.set_blocking(words, False)
        try:
            self._popen = _spawn(program, theirs, their_words)
        except BaseException:
            ours.close()
            os.close(words)
            raise
        finally:
            theirs.close()
            os.close(their_words)
        self._socket, self._words = ours, words
        self._watch()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it has not been seen to end yet."""
        return not self.exit.done()

    async def prepare(self, start: bytes) -> None:
        """Send the first message and wait until the worker has loaded its decoders. Raises `WorkerStartFailed`."""
        self._socket.setblocking(False)
        self._streams = await asyncio.open_connection(sock=self._socket, limit=_BUFFER)
        try:
            status, _ = await self.ask(start, _PATIENCE)
        except (TimeoutError, WorkerExited, wire.ProtocolError) as error:
            raise WorkerStartFailed(str(error) or f"not ready after {_PATIENCE:.0f} seconds") from None
        if status is not Status.READY or not self.alive:
            raise WorkerStartFailed(f"its first answer is {status.name}" if self.alive else "ended at once")
        self.jobs = 0

    async def ask(self, message: bytes, seconds: float) -> tuple[Status, bytes]:
        """Send a request and return the answer.

        Raises `TimeoutError` after `seconds`, `WorkerExited`, and `ProtocolError`. After any of them, and when it is
        cancelled, the process is killed: it may be in the middle of anything.
        """
        assert self._streams is not None
        reader, writer = self._streams
        self.jobs += 1
        try:
            async with asyncio.timeout(seconds):
                writer.write(message)
                status, size = wire.read_head(await reader.readexactly(wire.ANSWER.size))
                answer = status, await reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise WorkerExited(await self._code(), self.last_words) from None
        except BaseException:
            self.kill()
            raise
        self._hear()
        return answer

    def kill(self) -> None:
        """End it now."""
        self.killed |= self.alive
        self._popen.kill()

    async def retire(self, grace: float) -> None:
        """Let it end by itself, by hanging up; kill it where it has not in `grace` seconds."""
        self._hang_up()
        await asyncio.wait([self.exit], timeout=grace)
        if self.alive:
            self.kill()
            await asyncio.wait([self.exit], timeout=_PATIENCE)
        if self._streams is not None:
            with suppress(ConnectionError):
                await self._streams[1].wait_closed()

    async def _code(self) -> int:
        """The exit code of a process that closed its connection. One that still runs is killed: `ProtocolError`."""
        try:
            await asyncio.wait([self.exit], timeout=_LEAVING)
        finally:
            self.kill()
        if self.killed:
            raise wire.ProtocolError("it hung up")
        return self.exit.result()

    def _watch(self) -> None:
        """See the end at once, without a thread and without a handler of SIGCHLD: pidfd_open(2)."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            self.kill()
            self._popen.wait()
            self._socket.close()
            os.close(self._words)
            raise
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            self.last_words = self._hear()
            os.close(self._words)
            if self._streams is not None:  # else they are being made
                self._streams[1].close()
            self.exit.set_result(self._popen.wait())
            self._exited(self)

        loop.add_reader(descriptor, gone)

    def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        else:
            self._socket.close()

    def _hear(self) -> str:
        """What it wrote to its standard error since this was last asked."""
        with suppress(BlockingIOError):
            return os.read(self._words, _LAST_WORDS).decode(errors="replace").strip()
        return ""


def _spawn(program: Sequence[str], channel: socket.socket, words: int) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ} | _ALLOCATOR
    return subprocess.Popen(
        [sys.executable, "-P", "-s", *program, str(channel.fileno()), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=words,
        close_fds=True,
        pass_fds=[channel.fileno()],
        env=environment,
        process_group=0,  # so that Ctrl-C reaches the server only, which then drains
    )
