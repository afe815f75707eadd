"""The messages between the server and a worker, both ways. Needs no decoder.

To the worker: a length in four bytes, then JSON. From the worker: a status in one byte, a length in four, then the
payload. What comes from a worker may have been written by a stranger's picture, so it is bounded, checked, and never
unpickled.
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

LARGEST_BODY = 4 << 20
"""Bytes of the largest picture that is answered in a message; a larger one goes through a file."""

ANSWER = struct.Struct("!BI")
_LENGTH = struct.Struct("!I")
_LARGEST_REQUEST = 64 << 10
_LARGEST_JSON = 64 << 10
_LONGEST_SENTENCE = 500
_LONGEST_TRACE = 8_000
_LONGEST_FORMAT = 32


class Status(IntEnum):
    """What an answer's payload is."""

    READY = 1  # JSON: the worker has started
    INSPECTION = 2  # JSON: an Inspection
    BODY = 3  # a picture
    FILE = 4  # nothing: the picture is in the file that the request named
    ORIGINAL = 5  # nothing: the original's own bytes are the answer
    FAILED = 6  # JSON: a kind of _RAISED, a sentence, and a trace where the failure is a bug


_BOUNDS = {Status.BODY: LARGEST_BODY, Status.FILE: 0, Status.ORIGINAL: 0}

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
    """The error to raise, and its trace where it is a bug in a decoder or in pymager."""

    error: errors.PymagerError
    trace: str


def _fields(value: Any) -> dict[str, Any]:
    """A value of `pymager.engine.jobs` as an object; `dataclasses.asdict` would take a third of a call's time."""
    return {field.name: getattr(value, field.name) for field in fields(value) if field.init}


_JSON = json.JSONEncoder(default=_fields)


class ProtocolError(Exception):
    """An answer that no sound worker gives."""


def request(**content: Any) -> bytes:
    """A message to the worker."""
    text = _JSON.encode(content).encode()
    if len(text) > _LARGEST_REQUEST:
        raise ValueError(f"a request of {len(text)} bytes")
    return _LENGTH.pack(len(text)) + text


def start(memory: int, processor_seconds: int, limits: PictureLimits) -> bytes:
    """The first message: what the worker may use, and what is accepted as a picture."""
    return request(memory=memory, processor_seconds=processor_seconds, limits=limits)


def inspect(path: Path) -> bytes:
    """Ask what the file at `path` is; answered by INSPECTION or FAILED."""
    return request(job="inspect", path=str(path))


def render(path: Path, job: RenderJob, file: Path) -> bytes:
    """Ask for a picture; answered by BODY, FILE, ORIGINAL or FAILED. A large one is written to the new `file`."""
    return request(job="render", path=str(path), render=job, file=str(file))


def read_request(read: Callable[[int], bytes]) -> dict[str, Any] | None:
    """The next message at the worker's end, by a `read` that blocks; None once the server has gone."""
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
        "sentence": sentence[:_LONGEST_SENTENCE],
        "trace": trace[-_LONGEST_TRACE:],
    }
    return answer(Status.FAILED, json.dumps(content).encode())


def read_head(head: bytes) -> tuple[Status, int]:
    """An answer's status and the size of its payload. Raises `ProtocolError`."""
    number, size = ANSWER.unpack(head)
    try:
        status = Status(number)
    except ValueError:
        raise ProtocolError(f"status {number}") from None
    if size > _BOUNDS.get(status, _LARGEST_JSON):
        raise ProtocolError(f"{size} bytes of {status.name}")
    return status, size


def read_inspection(payload: bytes) -> Inspection:
    """Raises `ProtocolError`."""
    match _object(payload):
        case {"format": str(format), "width": int(width), "height": int(height)} if (
            0 < len(format) <= _LONGEST_FORMAT and format.isprintable() and 0 < width < 1 << 31 and 0 < height < 1 << 31
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
