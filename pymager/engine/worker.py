"""A worker process: guards itself, loads the decoders, then does one job at a time until the server hangs up.

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
from pymager.engine import wire
from pymager.engine.jobs import Inspection, PictureLimits, RenderJob
from pymager.errors import PymagerError

_FREQUENT = ("JPEG", "MPO", "PNG", "WEBP")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class JobHandlers:
    """What a worker can do: the functions of `pymager.engine.inspect` and `pymager.engine.render`, or others like them.

    `inspect(path, limits)` says what a file is. `render(path, limits, job)` makes a picture; None says that the
    original's own bytes are it.
    """

    inspect: Callable[[Path, PictureLimits], Inspection]
    render: Callable[[Path, PictureLimits, RenderJob], bytes | None]


def main(load: Callable[[], JobHandlers]) -> NoReturn:
    """Be a worker. `load` gives the jobs; it is called once the guards are up, and may import what it likes."""
    number, parent = int(sys.argv[1]), int(sys.argv[2])
    sandbox.die_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # meant for the server, which ends its workers when it has drained
    faulthandler.enable()
    with socket.socket(fileno=number) as channel, channel.makefile("rb") as requests:
        settings = wire.read_request(requests.read)
        if settings is not None:
            sandbox.restrict(settings["memory"])
            _serve(channel, requests.read, load(), settings)
    os._exit(0)  # nothing to tidy up, and no decoder's exit code to trust


def _serve(channel: socket.socket, read: Callable[[int], bytes], jobs: JobHandlers, settings: dict[str, Any]) -> None:
    limits = wire.limits_of(settings["limits"])
    gc.freeze()
    channel.sendall(wire.answer(wire.Status.READY))
    while (request := wire.read_request(read)) is not None:
        sandbox.allow_processor(settings["processor_seconds"])
        channel.sendall(_answer(jobs, limits, request, settings["memory"]))


def _answer(jobs: JobHandlers, limits: PictureLimits, request: dict[str, Any], memory: int) -> bytes:
    """Do a job. This is the edge: whatever a decoder raises is an answer."""
    path = Path(request["path"])
    try:
        with path.open("rb"):  # so that a failure of the store is not taken for one of the picture
            pass
        if request["job"] == "inspect":
            return wire.inspected(jobs.inspect(path, limits))
        body = jobs.render(path, limits, wire.render_job_of(request["render"]))
    except (PymagerError, OSError, MemoryError) as error:
        return _known(error, path, memory)
    except Exception as error:
        return _unexpected(error)
    if body is None:
        return wire.answer(wire.Status.ORIGINAL)
    return _delivered(body, Path(request["file"]))


def _delivered(body: bytes, file: Path) -> bytes:
    """A picture as an answer: a large one through the file."""
    if len(body) <= wire.LARGEST_BODY:
        return wire.answer(wire.Status.BODY, body)
    try:
        with file.open("wb", buffering=0) as out:
            rest = memoryview(body)
            while rest:
                rest = rest[out.write(rest) :]
    except OSError as error:
        kind = "NoSpace" if error.errno in _FULL else "Unavailable"
        return wire.failed(kind, f"the spool could not be written: {error.strerror}")
    return wire.answer(wire.Status.FILE)


def _known(error: PymagerError | OSError | MemoryError, path: Path, memory: int) -> bytes:
    if isinstance(error, MemoryError):
        return wire.failed("Undecodable", f"the picture needs more than the {memory >> 20} MiB that a decoder may use")
    if isinstance(error, PymagerError):
        return wire.failed(type(error).__name__, str(error))
    if isinstance(error, FileNotFoundError) and not path.exists():
        return wire.failed("NotFound", "the file is gone")
    if error.filename == str(path):
        return wire.failed("Unavailable", f"the file could not be read: {error.strerror}")
    return _unexpected(error)


def _unexpected(error: Exception) -> bytes:
    trace = "".join(traceback.format_exception(error))
    return wire.failed("Undecodable", f"the picture can't be decoded ({type(error).__name__})", trace)


def _engine() -> JobHandlers:
    from pymager.engine import plugins
    from pymager.engine.inspect import inspect
    from pymager.engine.render import render

    plugins.decoders(_FREQUENT)  # before the first job, which would wait for them
    return JobHandlers(inspect, render)


if __name__ == "__main__":
    main(_engine)
