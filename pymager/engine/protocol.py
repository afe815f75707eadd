"""The protocol between the server and a worker process. Needs no decoder.

To the worker: a length in four bytes, then JSON. From the worker: a status in one byte, a length in four bytes, then
the payload. A stranger's picture may have taken a worker over, so its messages are bounded, checked, never unpickled.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path
from typing import Any

from pymager import errors
from pymager.engine.jobs import Inspection, PictureLimits, RenderJob
from pymager.formats import Encoding
from pymager.names import Variant

MAX_BODY_BYTES = 4 << 20
"""The largest variant that is sent in a message; a larger one is sent as a file."""

ANSWER = struct.Struct("!BI")
_LENGTH = struct.Struct("!I")
_MAX_REQUEST_BYTES = 64 << 10
_MAX_JSON_BYTES = 64 << 10
_MAX_SENTENCE_LENGTH = 500
_MAX_TRACE_LENGTH = 8_000
_MAX_FORMAT_LENGTH = 32


class Status(IntEnum):
    """What an answer's payload is."""

    READY = 1  # JSON: the worker has started
    INSPECTION = 2  # JSON: an Inspection
    BODY = 3  # a variant
    FILE = 4  # nothing: the variant is in the file that the request named
    ORIGINAL = 5  # nothing: the original itself is the variant
    FAILED = 6  # JSON: a kind of _RAISED, a sentence, and a trace where the failure is a bug


_BOUNDS = {Status.BODY: MAX_BODY_BYTES, Status.FILE: 0, Status.ORIGINAL: 0}

_RAISED: dict[str, Callable[[str], errors.PymagerError]] = {
    "NotAPicture": errors.NotAPicture,
    "Undecodable": errors.Undecodable,
    "UnsupportedFormat": errors.UnsupportedFormat,
    "NotFound": errors.NotFound,
    "NoSpace": errors.NoSpace,
    "Unavailable": lambda sentence: errors.Unavailable(sentence, outcome_known=True),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """The error to raise, and a trace if it is a bug in a decoder or in pymager."""

    error: errors.PymagerError
    trace: str


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass as an object; `dataclasses.asdict` would take a third of the time of a call."""
    return {field.name: getattr(value, field.name) for field in fields(value) if field.init}


_JSON = json.JSONEncoder(default=_fields)


class ProtocolError(Exception):
    """A malformed answer of a worker process."""


def request(**content: Any) -> bytes:
    """A message to the worker."""
    text = _JSON.encode(content).encode()
    if len(text) > _MAX_REQUEST_BYTES:
        raise ValueError(f"a request of {len(text)} bytes")
    return _LENGTH.pack(len(text)) + text


def start(memory: int, processor_seconds: int, limits: PictureLimits) -> bytes:
    """The first message: the limits of the worker process, and those on pictures."""
    return request(memory=memory, processor_seconds=processor_seconds, limits=limits)


def inspect(path: Path) -> bytes:
    """Ask what the file at `path` is. The answer is INSPECTION or FAILED."""
    return request(job="inspect", path=str(path))


def render(path: Path, job: RenderJob, file: Path) -> bytes:
    """Ask for a variant. The answer is BODY, FILE, ORIGINAL or FAILED; a large variant is written to the new `file`."""
    return request(job="render", path=str(path), render=job, file=str(file))


def read_request(read: Callable[[int], bytes]) -> dict[str, Any] | None:
    """The next message, by a `read` that blocks; None when the server has closed the connection."""
    head = read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    content: dict[str, Any] = json.loads(read(*_LENGTH.unpack(head)))
    return content


def limits_of(content: dict[str, Any]) -> PictureLimits:
    """The `PictureLimits` that were sent."""
    return PictureLimits(**_with_tuples(content))


def render_job_of(content: dict[str, Any]) -> RenderJob:
    """The `RenderJob` that was sent."""
    return RenderJob(Variant(**content["variant"]), Encoding(**_with_tuples(content["encoding"])))


def answer(status: Status, payload: bytes = b"") -> bytes:
    """A message to the server."""
    return ANSWER.pack(status, len(payload)) + payload


def inspected(inspection: Inspection) -> bytes:
    """The answer to `inspect`."""
    return answer(Status.INSPECTION, _JSON.encode(inspection).encode())


def failed(kind: str, sentence: str, trace: str = "") -> bytes:
    """The answer to a job that failed: `kind` names an error class, `trace` is for the log."""
    content = {
        "kind": kind if kind in _RAISED else "Undecodable",
        "sentence": sentence[:_MAX_SENTENCE_LENGTH],
        "trace": trace[-_MAX_TRACE_LENGTH:],
    }
    return answer(Status.FAILED, json.dumps(content).encode())


def read_head(head: bytes) -> tuple[Status, int]:
    """An answer's status and the size of its payload. Raises `ProtocolError`."""
    number, size = ANSWER.unpack(head)
    try:
        status = Status(number)
    except ValueError:
        raise ProtocolError(f"status {number}") from None
    if size > _BOUNDS.get(status, _MAX_JSON_BYTES):
        raise ProtocolError(f"{size} bytes of {status.name}")
    return status, size


def read_inspection(payload: bytes) -> Inspection:
    """Raises `ProtocolError`."""
    match _object(payload):
        case {"format": str(format), "width": int(width), "height": int(height)} if (
            0 < len(format) <= _MAX_FORMAT_LENGTH
            and format.isprintable()
            and 0 < width < 1 << 31
            and 0 < height < 1 << 31
        ):
            return Inspection(format, width, height)
    raise ProtocolError(f"an inspection of {payload[:100]!r}")


def read_failure(payload: bytes) -> Failure:
    """Raises `ProtocolError`."""
    match _object(payload):
        case {"kind": str(kind), "sentence": str(sentence), "trace": str(trace)} if kind in _RAISED:
            return Failure(_RAISED[kind](sentence), trace)
    raise ProtocolError(f"a failure of {payload[:100]!r}")


def _object(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {payload[:100]!r}") from error


def _with_tuples(content: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
