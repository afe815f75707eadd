"""A worker process: restricts itself, then runs one job at a time until the server disconnects."""

import errno
import gc
import os
import select
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pymager import heap, sandbox
from pymager.engine import protocol
from pymager.engine.jobs import Inspection, Mezzanine, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.protocol import Status, failure_answer
from pymager.errors import NotAPicture, PymagerError

_NO_SPACE_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_SUSPECT_SHARE = 0.7  # of the limit on memory: a decoder that fails above it may lack memory
_MAX_KEPT_BYTES = 160 << 20  # of freed memory, before it is given back to the system: glibc keeps up to 144 MiB
_IDLE_SECONDS = 5.0  # without a job, before freed memory is given back: it spares the next picture page faults
_RETRIED_FROM_BYTES = 16 << 20  # kept from other jobs: less makes no difference
_LEAST_MEMORY_BYTES = 16 << 20  # besides the decoders
_OUT_OF_MEMORY = "the picture needs more memory to decode than the {} MiB that a worker process may use"


@dataclass(frozen=True, slots=True)
class Memory:
    """The limit on the address space, and how much of it was kept from other jobs when the job began; in bytes."""

    limit: int
    kept: int

    @property
    def failure(self) -> str:
        """The name of the failure of a job that lacks memory."""
        return protocol.OUT_OF_MEMORY if self.kept > _RETRIED_FROM_BYTES else "Undecodable"


@dataclass(frozen=True, slots=True)
class JobHandlers:
    """The functions that run jobs: those of `pymager.engine`, or a test's.

    `inspect(path, limits, background, mezzanine)` says what a file is, and makes a mezzanine. `render(path, limits,
    job)` returns a variant; None means that the original's own bytes are the variant. `make_mezzanine(path, limits,
    mezzanine)` returns a mezzanine, or None if the original gets none.
    """

    inspect: Callable[[Path, PictureLimits, tuple[int, int, int], Mezzanine | None], tuple[Inspection, bytes | None]]
    render: Callable[[Path, PictureLimits, RenderJob], bytes | None]
    make_mezzanine: Callable[[Path, PictureLimits, Mezzanine], bytes | None]


def run(channel: socket.socket, server: int, handlers: JobHandlers) -> NoReturn:
    """Run jobs in this process, which was just forked from the template. `server` is the server's process id."""
    sandbox.die_with_parent(server)
    sandbox.set_name("pymager-worker")
    os.setpgid(0, 0)  # Ctrl-C reaches only the server, which then drains
    with channel, channel.makefile("rb") as requests:
        start = protocol.read_request(requests.read)
        if start is not None:
            sandbox.restrict(start["memory_bytes"])
            _require_memory(start["memory_bytes"])
            _serve(channel, requests.read, handlers, start)
    os._exit(0)  # there is nothing to clean up, and a decoder's exit code cannot be trusted


def _require_memory(limit: int) -> None:
    """Exit if the decoders take so much of the address space that no picture can be decoded."""
    if (taken := sandbox.address_space()) + _LEAST_MEMORY_BYTES > limit:
        raise SystemExit(f"the decoders take {taken >> 20} MiB of address space")


def _serve(channel: socket.socket, read: Callable[[int], bytes], handlers: JobHandlers, start: dict[str, Any]) -> None:
    limits = protocol.limits_of(start["limits"])
    gc.freeze()
    size_when_ready, kept = sandbox.address_space(), 0
    channel.sendall(protocol.answer(Status.READY))
    while True:
        if kept > _RETRIED_FROM_BYTES and _is_idle(channel):
            _give_back_memory()
            kept = sandbox.address_space() - size_when_ready
        if (request := protocol.read_request(read)) is None:
            return
        sandbox.limit_cpu_seconds(start["cpu_seconds"])
        answer = _answer(handlers, limits, request, Memory(start["memory_bytes"], kept))
        kept = sandbox.address_space() - size_when_ready
        if kept > _MAX_KEPT_BYTES:
            _give_back_memory()
            kept = sandbox.address_space() - size_when_ready
        channel.sendall(answer)


def _is_idle(channel: socket.socket) -> bool:
    """Wait for the next request. True if none arrives for a while: a busy worker needs its memory for the next job."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return not poll.poll(_IDLE_SECONDS * 1_000)


def _give_back_memory() -> None:
    gc.collect()
    heap.trim()


def _answer(handlers: JobHandlers, limits: PictureLimits, request: dict[str, Any], memory: Memory) -> bytes:
    """Run a job. Nothing that a decoder raises gets past this function: everything becomes an answer."""
    path = Path(request["path"])
    try:
        if request["job"] == "inspect":
            return _inspection_answer(handlers, limits, request, path)
        if request["job"] == "mezzanine":
            return _mezzanine_answer(handlers, limits, request, path)
        body = handlers.render(path, limits, protocol.render_job_of(request["render"]))
    except (PymagerError, OSError, MemoryError) as error:
        return _expected_failure(error, path, memory)
    except Exception as error:
        return _unexpected_failure(error)
    if body is None:
        return protocol.answer(Status.ORIGINAL)
    return _body_answer(body, Path(request["file"]))


def _inspection_answer(handlers: JobHandlers, limits: PictureLimits, request: dict[str, Any], path: Path) -> bytes:
    """The answer to an inspection. An upload does not fail because its mezzanine cannot be written."""
    wanted = protocol.mezzanine_of(request["mezzanine"])
    inspection, mezzanine = handlers.inspect(path, limits, protocol.background_of(request["background"]), wanted)
    written = mezzanine is not None and _file_answer(mezzanine, Path(request["file"])) == protocol.answer(Status.FILE)
    return protocol.inspection_answer(inspection, has_mezzanine=written)


def _mezzanine_answer(handlers: JobHandlers, limits: PictureLimits, request: dict[str, Any], path: Path) -> bytes:
    wanted = protocol.mezzanine_of(request["mezzanine"])
    assert wanted is not None
    mezzanine = handlers.make_mezzanine(path, limits, wanted)
    if mezzanine is None:
        return protocol.answer(Status.NO_MEZZANINE)
    return _file_answer(mezzanine, Path(request["file"]))


def _body_answer(body: bytes, file: Path) -> bytes:
    """The answer with a variant. A large one is written to the file."""
    return protocol.answer(Status.BODY, body) if len(body) <= protocol.MAX_BODY_BYTES else _file_answer(body, file)


def _file_answer(body: bytes, file: Path) -> bytes:
    """Write to the file, and say so."""
    try:
        with file.open("wb", buffering=0) as out:
            rest = memoryview(body)
            while rest:
                rest = rest[out.write(rest) :]
    except OSError as error:
        name = "NoSpace" if error.errno in _NO_SPACE_ERRORS else "Unavailable"
        return failure_answer(name, f"the spool cannot be written: {error.strerror}")
    return protocol.answer(Status.FILE)


def _expected_failure(error: PymagerError | OSError | MemoryError, path: Path, memory: Memory) -> bytes:
    if isinstance(error, MemoryError):
        return failure_answer(memory.failure, _OUT_OF_MEMORY.format(memory.limit >> 20))
    if isinstance(error, NotAPicture) and error.__cause__ and _largest_address_space() > _SUSPECT_SHARE * memory.limit:
        return failure_answer(memory.failure, _OUT_OF_MEMORY.format(memory.limit >> 20) + ", or is damaged")
    if isinstance(error, PymagerError):
        return failure_answer(type(error).__name__, str(error))
    if isinstance(error, FileNotFoundError) and not path.exists():
        return failure_answer("NotFound", "the file is gone")
    if error.filename == str(path):
        return failure_answer("Unavailable", f"the file cannot be read: {error.strerror}")
    return _unexpected_failure(error)


def _largest_address_space() -> int:
    """The largest address space that this process has had, in bytes, proc(5)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmPeak:"):
            return int(line.split()[1]) << 10
    return 0


def _unexpected_failure(error: Exception) -> bytes:
    return failure_answer(
        "Undecodable",
        f"the picture cannot be decoded: its decoder raised {type(error).__name__}; the server's log has details",
        "".join(traceback.format_exception(error)),
    )
