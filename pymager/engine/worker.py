"""A worker process: confines itself, then runs one job at a time until the server disconnects."""

import errno
import gc
import os
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from pymager import heap, process_limits
from pymager.engine import protocol
from pymager.engine.connection import Connection, Request
from pymager.engine.import_block import Files, ImportBlock, ModulesNeeded
from pymager.engine.jobs import EncoderFailed, Header, Inspection, Mezzanine, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.protocol import Status, failure_answer
from pymager.errors import NotAPicture, PymagerError
from pymager.sandbox.confinement import Confinement, confine

_NO_SPACE_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_SUSPECT_SHARE = 0.7  # of the limit on memory: a decoder that fails above it may lack memory
_MAX_KEPT_BYTES = 160 << 20  # of freed memory, before it is given back to the system: glibc keeps up to 144 MiB
_IDLE_SECONDS = 5.0  # without a job, before freed memory is given back: it spares the next picture page faults
_RETRIED_FROM_BYTES = 16 << 20  # kept from other jobs: less makes no difference


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

    `read_header(source, limits)` says what a file says before a pixel is decoded. `inspect(source, limits, background,
    mezzanine)` says what a file is, and makes a mezzanine. `render(source, limits, job)` returns a variant; None means
    that the original's own bytes are the variant. `make_mezzanine(source, limits, mezzanine)` returns a mezzanine, or
    None if the original gets none. The source is an open descriptor.

    `load_all()` loads all modules that these functions can need, and returns what they read later.
    """

    read_header: Callable[[int, PictureLimits], Header]
    inspect: Callable[[int, PictureLimits, tuple[int, int, int], Mezzanine | None], tuple[Inspection, bytes | None]]
    render: Callable[[int, PictureLimits, RenderJob], bytes | None]
    make_mezzanine: Callable[[int, PictureLimits, Mezzanine], bytes | None]
    load_all: Callable[[], Files] = Files


def run(
    channel: socket.socket, server: int, handlers: JobHandlers, files: Files | None, *, is_alone: bool = False
) -> NoReturn:
    """Run jobs in this process, which was just forked from the template. `server` is the server's process id.

    `files` is what the modules read later; None if only the usual ones are loaded. `is_alone` says that there is no
    template, which could load the others later.
    """
    process_limits.die_with_parent(server)
    process_limits.set_name("pymager-worker")
    os.setpgid(0, 0)  # Ctrl-C reaches only the server, which then drains
    connection = Connection(channel)
    if (start := connection.receive()) is not None:
        if is_alone and protocol.confinement_of(start.content["confinement"]):
            files = handlers.load_all()
        limit = start.content["memory_bytes"]
        process_limits.restrict(limit)
        _require_memory(limit)
        _Worker(connection, handlers, start.content, files).serve()
    os._exit(0)  # there is nothing to clean up, and a decoder's exit code cannot be trusted


def _require_memory(limit: int) -> None:
    """Exit if the decoders take so much of the address space that no picture can be decoded."""
    if (taken := process_limits.address_space()) + protocol.LEAST_MEMORY_BYTES > limit:
        raise SystemExit(f"the decoders take {taken >> 20} MiB of address space")


class _Worker:
    """A worker process, which is confined when this has been made."""

    def __init__(
        self, connection: Connection, handlers: JobHandlers, start: dict[str, Any], files: Files | None
    ) -> None:
        self._connection = connection
        self._handlers = handlers
        self._limits = protocol.limits_of(start["limits"])
        self._memory_bytes: int = start["memory_bytes"]
        self._cpu_seconds: int = start["cpu_seconds"]
        self._usage = process_limits.MemoryUsage()
        self._imports = ImportBlock(is_complete=files is not None)
        self._confine(protocol.confinement_of(start["confinement"]), files or Files())

    def serve(self) -> None:
        """Run one job at a time until the server disconnects."""
        gc.freeze()
        size_when_ready, kept = self._usage.address_space(), 0
        self._connection.send(protocol.answer(Status.READY))
        while True:
            if kept > _RETRIED_FROM_BYTES and not self._connection.receives_within(_IDLE_SECONDS):
                _give_back_memory()
                kept = self._usage.address_space() - size_when_ready
            if (request := self._connection.receive()) is None:
                return
            process_limits.limit_cpu_seconds(self._cpu_seconds)
            answer = self._answer(request, Memory(self._memory_bytes, kept))
            request.close()
            kept = self._usage.address_space() - size_when_ready
            if kept > _MAX_KEPT_BYTES:
                _give_back_memory()
                kept = self._usage.address_space() - size_when_ready
            self._connection.send(answer)

    def _confine(self, confinement: Confinement, files: Files) -> None:
        if not confinement:
            return
        self._imports.install()
        keep = (self._connection.fileno(), *self._usage.descriptors, *files.descriptors)
        confine(confinement, keep, files.folders)

    def _answer(self, request: Request, memory: Memory) -> bytes:
        """Run a job. Nothing that a decoder raises gets past this function: everything becomes an answer."""
        try:
            answer = self._result(request)
        except ModulesNeeded:
            pass
        except (PymagerError, OSError, MemoryError) as error:
            answer = self._expected_failure(error, request.files[0], memory)
        except EncoderFailed as error:
            answer = _encoder_failure(error, memory)
        except Exception as error:
            answer = _unexpected_failure(error)
        if self._imports.needs_others():  # even if a library has ignored it
            return protocol.answer(Status.NEEDS_MODULES, self._imports.refused[0].encode())
        return answer

    def _result(self, request: Request) -> bytes:
        content, source = request.content, request.files[0]
        if content["job"] == "header":
            return protocol.header_answer(self._handlers.read_header(source, self._limits))
        if content["job"] == "inspect":
            return self._inspection_answer(content, source)
        if content["job"] == "mezzanine":
            return self._mezzanine_answer(content, source)
        job = protocol.render_job_of(content["render"])
        if job.overlay is not None:
            job = replace(job, overlay=replace(job.overlay, file=request.files[1]))
        body = self._handlers.render(source, self._limits, job)
        if body is None:
            return protocol.answer(Status.ORIGINAL)
        return protocol.answer(Status.BODY, body) if len(body) <= protocol.MAX_BODY_BYTES else self._file_answer(body)

    def _inspection_answer(self, content: dict[str, Any], source: int) -> bytes:
        """The answer to an inspection. An upload does not fail because its mezzanine cannot be written."""
        background = protocol.background_of(content["background"])
        wanted = protocol.mezzanine_of(content["mezzanine"])
        inspection, mezzanine = self._handlers.inspect(source, self._limits, background, wanted)
        written = mezzanine is not None and self._file_answer(mezzanine) == protocol.answer(Status.FILE)
        return protocol.inspection_answer(inspection, has_mezzanine=written)

    def _mezzanine_answer(self, content: dict[str, Any], source: int) -> bytes:
        wanted = protocol.mezzanine_of(content["mezzanine"])
        assert wanted is not None
        mezzanine = self._handlers.make_mezzanine(source, self._limits, wanted)
        return protocol.answer(Status.NO_MEZZANINE) if mezzanine is None else self._file_answer(mezzanine)

    def _lacked_memory(self) -> bool:
        """Whether a decoder that has failed may have lacked memory."""
        return self._usage.largest_address_space() > _SUSPECT_SHARE * self._memory_bytes

    def _file_answer(self, body: bytes) -> bytes:
        """Write to a file that the server makes, and say so."""
        try:
            self._connection.write_to_file(body)
        except OSError as error:
            name = "NoSpace" if error.errno in _NO_SPACE_ERRORS else "Unavailable"
            return failure_answer(name, f"the spool cannot be written: {error.strerror}")
        return protocol.answer(Status.FILE)

    def _expected_failure(self, error: PymagerError | OSError | MemoryError, source: int, memory: Memory) -> bytes:
        if isinstance(error, MemoryError):
            return failure_answer(memory.failure, protocol.OUT_OF_MEMORY_MESSAGE.format(memory.limit >> 20))
        if isinstance(error, NotAPicture) and error.__cause__ and self._lacked_memory():
            return failure_answer(
                memory.failure, protocol.OUT_OF_MEMORY_MESSAGE.format(memory.limit >> 20) + ", or is damaged"
            )
        if isinstance(error, PymagerError):
            return failure_answer(type(error).__name__, str(error))
        if error.filename == source:
            return failure_answer("Unavailable", f"the file cannot be read: {error.strerror}")
        return _unexpected_failure(error)


def _encoder_failure(error: EncoderFailed, memory: Memory) -> bytes:
    """In a process that keeps memory from other jobs, the job runs again in a new one."""
    message = (
        f"the variant cannot be encoded: its encoder raised {type(error.__cause__).__name__}, probably because it "
        f"needs more memory than the {memory.limit >> 20} MiB that a worker process may use (PYMAGER_WORKER_MEMORY); "
        "ask for a smaller size"
    )
    trace = "" if memory.failure == protocol.OUT_OF_MEMORY else "".join(traceback.format_exception(error))
    return failure_answer(memory.failure, message, trace)


def _give_back_memory() -> None:
    gc.collect()
    heap.trim()


def _unexpected_failure(error: Exception) -> bytes:
    return failure_answer(
        "Undecodable",
        f"the picture cannot be decoded: its decoder raised {type(error).__name__}; the server's log has details",
        "".join(traceback.format_exception(error)),
    )
