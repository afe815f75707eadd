"""The program of a worker process: limits itself, loads the decoders, runs one job at a time until the server leaves.

Started as `python -m pymager.engine.worker FILE PARENT`: the number of the socket to the server, and its process id.
"""

import errno
import faulthandler
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pymager import sandbox
from pymager.engine import protocol
from pymager.engine.jobs import Inspection, PictureLimits, RenderJob
from pymager.errors import PymagerError

_FREQUENT = ("JPEG", "MPO", "PNG", "WEBP")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class JobHandlers:
    """What a worker process can do: the functions of `engine.inspect` and `engine.render`, or substitutes for them.

    `inspect(path, limits)` says what a file is. `render(path, limits, job)` renders a variant; None means that the
    original itself is the variant.
    """

    inspect: Callable[[Path, PictureLimits], Inspection]
    render: Callable[[Path, PictureLimits, RenderJob], bytes | None]


def main(load: Callable[[], JobHandlers]) -> NoReturn:
    """Run as a worker process. `load` returns the handlers; it is called when the limits are set."""
    number, parent = int(sys.argv[1]), int(sys.argv[2])
    sandbox.die_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # for the server, which ends its worker processes after draining
    faulthandler.enable()
    with socket.socket(fileno=number) as channel, channel.makefile("rb") as requests:
        settings = protocol.read_request(requests.read)
        if settings is not None:
            sandbox.restrict(settings["memory"])
            _serve(channel, requests.read, load(), settings)
    os._exit(0)  # skips clean-up code of decoders, and their exit codes


def _serve(channel: socket.socket, read: Callable[[int], bytes], jobs: JobHandlers, settings: dict[str, Any]) -> None:
    limits = protocol.limits_of(settings["limits"])
    gc.freeze()
    channel.sendall(protocol.answer(protocol.Status.READY))
    while (request := protocol.read_request(read)) is not None:
        sandbox.allow_processor(settings["processor_seconds"])
        channel.sendall(_answer(jobs, limits, request, settings["memory"]))


def _answer(jobs: JobHandlers, limits: PictureLimits, request: dict[str, Any], memory: int) -> bytes:
    """Run a job. Whatever a decoder raises becomes an answer."""
    path = Path(request["path"])
    try:
        with path.open("rb"):  # so that a failure of the store is not mistaken for one of the picture
            pass
        if request["job"] == "inspect":
            return protocol.inspected(jobs.inspect(path, limits))
        body = jobs.render(path, limits, protocol.render_job_of(request["render"]))
    except (PymagerError, OSError, MemoryError) as error:
        return _known(error, path, memory)
    except Exception as error:
        return _unexpected(error)
    if body is None:
        return protocol.answer(protocol.Status.ORIGINAL)
    return _delivered(body, Path(request["file"]))


def _delivered(body: bytes, file: Path) -> bytes:
    """A variant as an answer: a large one as a file."""
    if len(body) <= protocol.MAX_BODY_BYTES:
        return protocol.answer(protocol.Status.BODY, body)
    try:
        with file.open("wb", buffering=0) as out:
            rest = memoryview(body)
            while rest:
                rest = rest[out.write(rest) :]
    except OSError as error:
        kind = "NoSpace" if error.errno in _FULL else "Unavailable"
        return protocol.failed(kind, f"the spool could not be written: {error.strerror}")
    return protocol.answer(protocol.Status.FILE)


def _known(error: PymagerError | OSError | MemoryError, path: Path, memory: int) -> bytes:
    if isinstance(error, MemoryError):
        return protocol.failed(
            "Undecodable", f"the picture needs more than the {memory >> 20} MiB that a decoder can use"
        )
    if isinstance(error, PymagerError):
        return protocol.failed(type(error).__name__, str(error))
    if isinstance(error, FileNotFoundError) and not path.exists():
        return protocol.failed("NotFound", "the file is gone")
    if error.filename == str(path):
        return protocol.failed("Unavailable", f"the file could not be read: {error.strerror}")
    return _unexpected(error)


def _unexpected(error: Exception) -> bytes:
    trace = "".join(traceback.format_exception(error))
    return protocol.failed("Undecodable", f"the picture cannot be decoded ({type(error).__name__})", trace)


def _engine() -> JobHandlers:
    from pymager.engine import plugins
    from pymager.engine.inspect import inspect
    from pymager.engine.render import render

    plugins.decoders(_FREQUENT)  # now, so that the first job does not wait for them
    return JobHandlers(inspect, render)


if __name__ == "__main__":
    main(_engine)
