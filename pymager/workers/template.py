"""The template of the worker processes, from the server's side: start it, and have it fork worker processes."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import structlog

from pymager.engine import protocol
from pymager.workers.child import Child, WorkerStartFailed, pairs_of_ends

# The only environment variables that the template and the workers inherit: secrets must not reach them.
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
    "PILLOW_BLOCK_SIZE": "1m",  # of a picture's pixels: small parts fit where memory was freed. The default is 16 MiB.
    "OPENBLAS_NUM_THREADS": "1",  # each thread of numpy's would reserve address space
}

_LOAD_TIMEOUT_SECONDS = 30.0
_FORK_TIMEOUT_SECONDS = 10.0
_KILL_TIMEOUT_SECONDS = 30.0
_EXIT_TIMEOUT_SECONDS = 5.0  # between closing the connection and the end of the process
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EPERM)
"""The errors of a system that cannot fork a sibling: qemu's user mode emulation, another machine, a seccomp filter."""

log = structlog.get_logger("pymager.workers")


class Template:
    """Forks worker processes, which are children of this process. The template itself starts with the first one.

    It loads the `decoders` that the settings accept, and the other modules only when a job needs them (`load_all`).

    A template that ends or does not answer is replaced with the next worker. Running workers are not affected. Where
    the system cannot fork like this, each worker loads the decoders itself. Use it in a thread that outlives all these
    processes: the kernel kills them when that thread ends.
    """

    def __init__(self, program: Sequence[str], decoders: Sequence[str] = ()) -> None:
        self._program = program
        self._decoders = ",".join(decoders)
        self._loads_all = False
        self._size_of_all: int | None = None  # in bytes, once it is known
        self._lock = asyncio.Lock()
        self._process: _TemplateProcess | None = None
        self._can_fork = True

    @property
    def pid(self) -> int | None:
        """Its process id; None if it does not run."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def fork(self, channel: int, stderr: int) -> int:
        """Fork a worker with these open files, and return its process id. Raises `WorkerStartFailed` and `OSError`."""
        async with self._lock:
            if self._can_fork:
                pid = await self._forked(channel, stderr)
                if pid > 0:
                    return pid
                if -pid not in _UNSUPPORTED:
                    raise OSError(-pid, f"a worker process cannot be forked: {os.strerror(-pid)}")
                await self._give_up(os.strerror(-pid))
        return _started_alone(self._program, self._decoders, channel, stderr)

    async def load_all(self, max_bytes: int) -> bool:
        """Load all modules that a job can need, for the workers that are forked from now on.

        Returns False, and loads nothing, if they take more address space. Raises `WorkerStartFailed` and `OSError`.
        """
        async with self._lock:
            if not self._can_fork:
                return True
            if self._size_of_all is None:
                process = await self._running()
                self._size_of_all = await self._load_all(process)
                self._loads_all = self._size_of_all <= max_bytes
                if not self._loads_all:
                    await process.end(_EXIT_TIMEOUT_SECONDS)
            return self._loads_all

    async def close(self) -> None:
        """End the process."""
        if self._process is not None:
            await self._process.end(_EXIT_TIMEOUT_SECONDS)

    async def _forked(self, channel: int, stderr: int) -> int:
        process = await self._running()
        try:
            return await process.fork(channel, stderr)
        except BaseException:
            await process.end(0)  # whether it has forked a worker is unknown
            raise

    async def _running(self) -> "_TemplateProcess":
        """The template, with the modules that it should have. Raises `WorkerStartFailed` and `OSError`."""
        if self._process is not None and not self._process.alive:
            await self._process.end(0)
            self._process = None
        if self._process is None:
            self._process = await self._started()
            if self._loads_all:
                await self._load_all(self._process)
        return self._process

    async def _load_all(self, process: "_TemplateProcess") -> int:
        try:
            return await process.load_all()
        except BaseException:
            await process.end(0)
            raise

    async def _give_up(self, reason: str) -> None:
        """End the template, since the system has no such fork."""
        self._can_fork = False
        log.warning("worker processes cannot be forked from a template: each one loads the decoders", reason=reason)
        if self._process is not None:
            await self._process.end(_EXIT_TIMEOUT_SECONDS)

    async def _started(self) -> "_TemplateProcess":
        process = _TemplateProcess.started(self._program, self._decoders)
        try:
            await process.loaded()
        except EOFError:
            await process.end(_EXIT_TIMEOUT_SECONDS)
            raise WorkerStartFailed(f"exited with {process.exit.result()}: {process.stderr}") from None
        except BaseException:
            await process.end(0)
            raise
        return process


class _TemplateProcess(Child):
    """A running template."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: socket.socket, stderr: int) -> None:
        super().__init__(process.pid, stderr)
        self._control = control
        self._popen = process
        self._is_expected_to_end = False

    @classmethod
    def started(cls, program: Sequence[str], decoders: str) -> Self:
        """Start one. Raises `OSError`."""
        with pairs_of_ends(socket.SOCK_SEQPACKET) as (ours, theirs):
            ours.connection.setblocking(False)
            process = _spawn(program, decoders, theirs.connection.fileno(), theirs.stderr)
            return cls(process, ours.connection, ours.stderr)

    async def loaded(self) -> None:
        """Wait until it has loaded the decoders. Raises `WorkerStartFailed`, and `EOFError` if it ends."""
        await self._answer("it has not loaded the decoders", _LOAD_TIMEOUT_SECONDS)

    async def load_all(self) -> int:
        """Load all modules, and return the address space in bytes that they take. Raises `WorkerStartFailed`."""
        try:
            self._control.send(protocol.LOAD_ALL)
            return await self._answer("it has not loaded all modules", _LOAD_TIMEOUT_SECONDS) << 20
        except (EOFError, ConnectionError):
            raise WorkerStartFailed("the template of the worker processes has ended") from None

    async def fork(self, channel: int, stderr: int) -> int:
        """The process id of a new worker, or the number of an error, negative. Raises `WorkerStartFailed`."""
        try:
            socket.send_fds(self._control, [protocol.FORK], [channel, stderr])
            return await self._answer("it has not forked a worker", _FORK_TIMEOUT_SECONDS)
        except (EOFError, ConnectionError):
            raise WorkerStartFailed("the template of the worker processes has ended") from None

    async def end(self, grace: float) -> None:
        """Disconnect it so that it exits; kill it after `grace` seconds."""
        self._is_expected_to_end = True
        self._control.close()
        await asyncio.wait([self.exit], timeout=grace)
        self.kill()
        await asyncio.wait([self.exit], timeout=_KILL_TIMEOUT_SECONDS)

    async def _answer(self, failure: str, seconds: float) -> int:
        try:
            async with asyncio.timeout(seconds):
                answer = await asyncio.get_running_loop().sock_recv(self._control, protocol.TEMPLATE_ANSWER.size)
        except TimeoutError:
            raise WorkerStartFailed(f"{failure} after {seconds:.0f} seconds") from None
        if len(answer) != protocol.TEMPLATE_ANSWER.size:
            raise EOFError
        (number,) = protocol.TEMPLATE_ANSWER.unpack(answer)
        return int(number)

    def _on_end(self) -> None:
        super()._on_end()
        self._popen.returncode = self.exit.result()  # otherwise `subprocess` would wait for it
        with suppress(OSError):  # it is closed
            self._control.shutdown(socket.SHUT_RDWR)  # ends a wait for an answer
        if not self._is_expected_to_end:
            log.warning("template of the worker processes ended", code=self.exit.result(), stderr=self.stderr)


def _started_alone(program: Sequence[str], decoders: str, channel: int, stderr: int) -> int:
    """Start a worker that is not forked from a template, and return its process id."""
    process = _spawn((*program, protocol.ALONE), decoders, channel, stderr)
    process.returncode = 0  # `Child` waits for it, and not `subprocess`
    return process.pid


def _spawn(program: Sequence[str], decoders: str, connection: int, stderr: int) -> "subprocess.Popen[bytes]":
    environment = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ} | _ALLOCATOR_VARIABLES
    return subprocess.Popen(
        [sys.executable, "-P", "-s", *program, decoders, str(connection), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        close_fds=True,
        pass_fds=[connection],
        env=environment,
        process_group=0,  # Ctrl-C reaches only the server, which then drains
    )
