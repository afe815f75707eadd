"""The messages between the server and a worker process, in both directions. Needs no decoder.

A request to the worker is a length in four bytes, then JSON. Open files come with its first bytes, unix(7): the
original, and the picture of a watermark if there is one. An answer from the worker is a status in one byte, a length in
four, then the payload. A worker that has a large result answers WANTS_FILE, gets one more request with the file, and
then gives its answer. A malicious picture may have taken control of the worker, so the server bounds and checks every
answer, and never unpickles one.
"""

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from pymager import errors
from pymager.engine.jobs import Header, Inspection, Mezzanine, Overlay, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.formats import Encoding
from pymager.ports import Description
from pymager.sandbox.confinement import Confinement
from pymager.variants.variant import Variant

MAX_BODY_BYTES = 4 << 20
"""The largest variant that is sent in an answer; a larger one is written to a file."""

ANSWER_HEADER = struct.Struct("!BI")
TEMPLATE_ANSWER = struct.Struct("!i")
"""The template's answer: a new worker's process id, or the number of an error, negative; the MiB of address space that
all modules take; or 0 once, when it has loaded."""
FORK, LOAD_ALL = b"f", b"a"
"""The requests to the template: fork a worker with the two files that come along; load all modules."""
ALONE = "alone"
"""The argument of a process that is one worker, instead of the template."""
MAX_FILES = 2
"""The most open files that come with a request."""
MAX_REQUEST_BYTES = 64 << 10
_REQUEST_HEADER = struct.Struct("!I")
REQUEST_HEADER_BYTES = _REQUEST_HEADER.size
_MAX_JSON_BYTES = 64 << 10
_REMEMBERED_JOBS = 256
_MAX_MESSAGE_CHARACTERS = 500
_MAX_TRACEBACK_CHARACTERS = 8_000
_MAX_FORMAT_CHARACTERS = 32
_SHOWN_BYTES = 100
_COLOR = re.compile(r"#[0-9a-f]{6}")
_THUMBHASH = re.compile(r"(?:[A-Za-z0-9+/]{4}){1,8}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
"""Base64 of at most 26 bytes; the longest ThumbHash has 25."""
_BLURHASH = re.compile(r"[LT][0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{27}")
"""4x3 or 3x4 components in the alphabet of BlurHash: 4 + 2 * 12 characters, of which the first counts components."""


class Status(IntEnum):
    """What the payload of an answer is."""

    READY = 1  # empty: the worker has started
    INSPECTION = 2  # JSON: an Inspection; whether the mezzanine is in the file that came after WANTS_FILE
    BODY = 3  # the bytes of a variant
    FILE = 4  # empty: the variant or the mezzanine is in the file that came after WANTS_FILE
    ORIGINAL = 5  # empty: the original's own bytes are the variant
    FAILED = 6  # JSON: the name of an error in _ERRORS, its message, and a traceback if the failure is a bug
    NO_MEZZANINE = 7  # empty: the original gets none
    WANTS_FILE = 8  # empty: the result is ready, and needs a file
    NEEDS_MODULES = 9  # the name of a module that this worker cannot load any more: run the job in another one
    HEADER = 10  # JSON: a Header


_STATUSES = {status.value: status for status in Status}
_MAX_PAYLOAD_BYTES = {
    Status.BODY.value: MAX_BODY_BYTES,
    Status.FILE.value: 0,
    Status.ORIGINAL.value: 0,
    Status.NO_MEZZANINE.value: 0,
    Status.WANTS_FILE.value: 0,
    Status.NEEDS_MODULES.value: 200,
}

LEAST_MEMORY_BYTES = 16 << 20
"""What a worker needs besides its decoders."""
OUT_OF_MEMORY_MESSAGE = (
    "the picture needs more memory than the {} MiB that a worker process may use (PYMAGER_WORKER_MEMORY)"
)
OUT_OF_MEMORY = "OutOfMemory"
"""The name of the failure of a job that lacked memory in a process that kept some from other jobs."""

_ERRORS: dict[str, Callable[[str], errors.PymagerError]] = {
    "NotAPicture": errors.NotAPicture,
    "Undecodable": errors.Undecodable,
    "FrameNotFound": errors.FrameNotFound,
    "EmptyCrop": errors.EmptyCrop,
    "VariantTooLarge": errors.VariantTooLarge,
    "WatermarkChanged": errors.WatermarkChanged,
    "MezzanineDamaged": errors.MezzanineDamaged,
    OUT_OF_MEMORY: errors.Undecodable,
    "UnsupportedFormat": errors.UnsupportedFormat,
    "NotFound": errors.NotFound,
    "NoSpace": errors.NoSpace,
    "Unavailable": lambda message: errors.Unavailable(message, outcome_known=True),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """The error to raise. `traceback` is not empty if it is a bug in a decoder or in pymager.

    `out_of_memory` says that the job may succeed in a new process.
    """

    error: errors.PymagerError
    traceback: str
    out_of_memory: bool = False


class ProtocolError(Exception):
    """An answer that a correct worker never sends."""


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass as a JSON object; `dataclasses.asdict` would take a third of a call's time."""
    return {field.name: getattr(value, field.name) for field in fields(value) if field.init}


_JSON = json.JSONEncoder(default=_fields)


def start_request(memory_bytes: int, cpu_seconds: int, limits: PictureLimits, confinement: Confinement) -> bytes:
    """The first message: what the worker may use, and which pictures are accepted. Answered by READY."""
    return _request(memory_bytes=memory_bytes, cpu_seconds=cpu_seconds, limits=limits, confinement=confinement)


def inspect_request(background: tuple[int, int, int], mezzanine: Mezzanine | None = None) -> bytes:
    """Request an inspection of the file that comes along. Answered by INSPECTION or FAILED.

    A `mezzanine` is made too, and needs a file.
    """
    return _request(job="inspect", background=background, mezzanine=mezzanine)


def header_request() -> bytes:
    """Request what the header of the file that comes along says. Answered by HEADER or FAILED."""
    return _request(job="header")


def mezzanine_request(mezzanine: Mezzanine) -> bytes:
    """Request a mezzanine of the file that comes along. Answered by FILE, NO_MEZZANINE or FAILED."""
    return _request(job="mezzanine", mezzanine=mezzanine)


def render_request(job: RenderJob) -> bytes:
    """Request a variant of the file that comes along. Answered by BODY, FILE, ORIGINAL or FAILED.

    The overlay's picture comes along too: the job names no file.
    """
    if job.overlay is not None:
        job = replace(job, overlay=replace(job.overlay, file=""))
    return _request(job="render", render=_job_text(job))


def file_request(error: int = 0) -> bytes:
    """The message after WANTS_FILE: the file comes along, or it could not be made because of this error number."""
    return _request(error=error)


@lru_cache(maxsize=_REMEMBERED_JOBS)
def _job_text(job: RenderJob) -> str:
    """A job as JSON inside of JSON, so that both sides can remember it: a service renders few different variants."""
    return _JSON.encode(job)


def _request(**content: Any) -> bytes:
    text = _JSON.encode(content).encode()
    if len(text) > MAX_REQUEST_BYTES:
        raise ValueError(f"the request has {len(text)} bytes; at most {MAX_REQUEST_BYTES} are allowed")
    return _REQUEST_HEADER.pack(len(text)) + text


def request_size(header: bytes) -> int:
    """The size in bytes of a request, from its header of `REQUEST_HEADER_BYTES`, which is part of it."""
    return _REQUEST_HEADER.size + int(_REQUEST_HEADER.unpack_from(header)[0])


def read_request(message: bytes) -> dict[str, Any]:
    """The content of a whole request."""
    content: dict[str, Any] = json.loads(memoryview(message)[_REQUEST_HEADER.size :].tobytes())
    return content


def confinement_of(content: dict[str, Any]) -> Confinement:
    """The `Confinement` in a request."""
    return Confinement(**content)


def limits_of(content: dict[str, Any]) -> PictureLimits:
    """The `PictureLimits` in a request."""
    return PictureLimits(**_with_tuples(content))


def background_of(content: list[int]) -> tuple[int, int, int]:
    """The background color in a request."""
    red, green, blue = content
    return red, green, blue


@lru_cache(maxsize=_REMEMBERED_JOBS)
def render_job_of(text: str) -> RenderJob:
    """The `RenderJob` in a request. The file of its overlay comes along with the request."""
    content = json.loads(text)
    encoding = Encoding(**_with_tuples(content["encoding"]))
    overlay = content["overlay"] and Overlay(**content["overlay"])
    upright = content["upright"] and tuple(content["upright"])
    return RenderJob(Variant(**content["variant"]), encoding, content["max_side"], overlay, upright, content["source"])


def mezzanine_of(content: dict[str, Any] | None) -> Mezzanine | None:
    """The `Mezzanine` in a request."""
    return None if content is None else Mezzanine(**content)


def answer(status: Status, payload: bytes = b"") -> bytes:
    """A message to the server."""
    return ANSWER_HEADER.pack(status, len(payload)) + payload


def header_answer(header: Header) -> bytes:
    """The answer to a request for a header."""
    return answer(Status.HEADER, _JSON.encode(header).encode())


def inspection_answer(inspection: Inspection, *, has_mezzanine: bool = False) -> bytes:
    """The answer to an inspection; `has_mezzanine` says that there is one in the file that came after WANTS_FILE."""
    content = _fields(inspection) | {"mezzanine": has_mezzanine}
    return answer(Status.INSPECTION, _JSON.encode(content).encode())


def failure_answer(error: str, message: str, traceback: str = "") -> bytes:
    """The answer to a job that failed: the name of an error class, its message, and a traceback for the log."""
    content = {
        "error": error if error in _ERRORS else "Undecodable",
        "message": message[:_MAX_MESSAGE_CHARACTERS],
        "traceback": traceback[-_MAX_TRACEBACK_CHARACTERS:],
    }
    return answer(Status.FAILED, json.dumps(content).encode())


def read_answer_header(header: bytes) -> tuple[Status, int]:
    """The status of an answer and the size of its payload in bytes. Raises `ProtocolError`."""
    number, size = ANSWER_HEADER.unpack(header)
    status = _STATUSES.get(number)
    if status is None:
        raise ProtocolError(f"unknown status {number}")
    max_size = _MAX_PAYLOAD_BYTES.get(number, _MAX_JSON_BYTES)
    if size > max_size:
        raise ProtocolError(f"{status.name} with {size} bytes; at most {max_size} are allowed")
    return status, size


def read_inspection(payload: bytes, max_frames: int, file: Path | None = None) -> Inspection:
    """The result of an inspection. Raises `ProtocolError`, also for more frames than the worker may accept.

    `file` is where a mezzanine was to be written, if one was requested.
    """
    match _json(payload):
        case {
            "format": str(format),
            "width": width,
            "height": height,
            "description": {
                "frames": frames,
                "alpha": bool(alpha),
                "dominant": str(dominant),
                "thumbhash": str(thumbhash),
                "blurhash": str(blurhash),
            },
            "mezzanine": bool(has_mezzanine),
        } if (
            _is_format(format)
            and all(map(_is_count, (width, height, frames)))
            and frames <= max_frames
            and _COLOR.fullmatch(dominant)
            and _THUMBHASH.fullmatch(thumbhash)
            and _BLURHASH.fullmatch(blurhash)
            and (not has_mezzanine or _is_file(file))
        ):
            description = Description(frames, alpha, dominant, thumbhash, blurhash)
            return Inspection(format, width, height, description, file if has_mezzanine else None)
    raise ProtocolError(f"not an inspection: {payload[:_SHOWN_BYTES]!r}")


def read_header(payload: bytes) -> Header:
    """What the header of a file says. Raises `ProtocolError`."""
    match _json(payload):
        case {"format": str(format), "width": width, "height": height} if (
            _is_format(format) and _is_count(width) and _is_count(height)
        ):
            return Header(format, width, height)
    raise ProtocolError(f"not a header: {payload[:_SHOWN_BYTES]!r}")


def _is_format(text: str) -> bool:
    return 0 < len(text) <= _MAX_FORMAT_CHARACTERS and text.isprintable()


def _is_file(path: Path | None) -> bool:
    return path is not None and path.is_file() and not path.is_symlink()


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 31


def read_failure(payload: bytes) -> Failure:
    """Why a job failed. Raises `ProtocolError`."""
    match _json(payload):
        case {"error": str(error), "message": str(message), "traceback": str(traceback)} if error in _ERRORS:
            return Failure(_ERRORS[error](message), traceback, error == OUT_OF_MEMORY)
    raise ProtocolError(f"not a failure: {payload[:_SHOWN_BYTES]!r}")


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {payload[:_SHOWN_BYTES]!r}") from error


def _with_tuples(content: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
