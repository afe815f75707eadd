"""Bodies as they come in from strangers: bounded in size, in parts and in time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import HttpVersion11, web
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from pymager.errors import TooLarge
from pymager.web.failures import BadRequest, RequestTimeout, UnsupportedCoding
from pymager.web.request_context import CONTEXT

_PARTS = 4
_PART_HEADERS = 8
_PART_HEADER_BYTES = 4_096
_ENVELOPE = 64 * 1024
_FIELD = "file"


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """`size` in bytes; a body has to move on by `rate` bytes a second over each `stall` seconds."""

    size: int
    stall: float
    rate: int


def check_head(request: web.Request, limits: BodyLimits) -> None:
    """Refuse by the head alone what can't be taken. Raises `TooLarge`, `UnsupportedCoding` and `BadRequest`."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedCoding("send the picture's bytes as they are, without a Content-Encoding")
    if "Content-Range" in request.headers:
        raise BadRequest("send the whole picture, without a Content-Range")
    if (request.content_length or 0) > limits.size + (_ENVELOPE if _is_form(request) else 0):
        raise _too_large(limits)


async def go_on(request: web.Request) -> None:
    """Tell a client that waits with its body to send it (RFC 9110 section 10.1.1)."""
    expectation = request.headers.get("Expect")
    if expectation is None or request.version < HttpVersion11:
        return
    if expectation.lower() != "100-continue":
        raise BadRequest("the only expectation that can be met is 100-continue")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # aiohttp counts these bytes as the answer's, and would believe that it had begun.
    request.writer.output_size = 0
    request[CONTEXT].sent_continue = True


async def raw(request: web.Request, limits: BodyLimits) -> AsyncIterator[bytes]:
    """The chunks of a body that is the picture itself."""
    if _is_form(request):
        raise BadRequest(
            "PUT takes the picture's bytes as the body, as `curl -T cat.jpg` sends them; POST takes a form"
        )
    size = 0
    async for chunk in _paced(request, limits):
        size += len(chunk)
        if size > limits.size:
            raise _too_large(limits)
        yield chunk


async def form_file(request: web.Request, limits: BodyLimits) -> AsyncIterator[bytes]:
    """The chunks of the field `file` of a multipart form (RFC 7578)."""
    parser = _parser(request, limits)
    inside = found = False
    received = 0
    try:
        async for chunk in _paced(request, limits):
            received += len(chunk)
            if received > limits.size + _ENVELOPE:
                raise _too_large(limits)
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    inside = event.name == _FIELD
                    if inside and found:
                        raise BadRequest("the form has several fields named 'file'; send one picture at a time")
                    found = found or inside
                elif event and inside:
                    yield bytes(event)
        parser.close()
    except ParserLimitReached as error:
        if "segment size" in str(error):
            raise _too_large(limits) from None
        raise BadRequest(
            f"the form is over a limit: at most {_PARTS} parts, of {_PART_HEADERS} headers, "
            f"of {_PART_HEADER_BYTES} bytes each"
        ) from None
    except MultipartError as error:
        raise BadRequest(f"the multipart form is malformed or cut short: {error.args[0]}") from None
    if not found:
        raise BadRequest("the form has no field 'file'; send one, as `curl -F file=@cat.jpg` does")


def _parser(request: web.Request, limits: BodyLimits) -> PushMultipartParser:
    kind, options = _content_type(request)
    if kind != "multipart/form-data":
        raise BadRequest("POST takes a multipart form with the picture in the field 'file'; PUT takes the bare bytes")
    boundary = options.get("boundary", "")
    if not 1 <= len(boundary) <= 70:  # RFC 2046 section 5.1.1
        raise BadRequest("the Content-Type needs a boundary of 1 to 70 characters")
    try:
        return PushMultipartParser(
            boundary,
            max_header_size=_PART_HEADER_BYTES,
            max_header_count=_PART_HEADERS,
            max_segment_size=limits.size,
            max_segment_count=_PARTS,
        )
    except (MultipartError, UnicodeError) as error:
        raise BadRequest(f"the boundary in the Content-Type can't be right: {error}") from None


async def _paced(request: web.Request, limits: BodyLimits) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    deadline, got = loop.time() + limits.stall, 0
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await request.content.readany()
        except TimeoutError:
            raise RequestTimeout(
                f"the body stalled: it has to move on by {limits.rate} bytes a second over {limits.stall:g} seconds"
            ) from None
        except web.RequestPayloadError as error:
            raise BadRequest(f"the body is malformed: {error}") from None
        if not chunk:
            return
        handed = loop.time()
        yield chunk
        deadline += loop.time() - handed  # what the server took to store the chunk is not the client's time
        got += len(chunk)
        if got >= limits.rate * limits.stall:
            deadline, got = loop.time() + limits.stall, 0


def _is_form(request: web.Request) -> bool:
    # Not by aiohttp's `content_type`: Python's mail parser takes a second for 8 KB of quotation marks.
    kind, _ = _content_type(request)
    return kind.startswith("multipart/")


def _content_type(request: web.Request) -> tuple[str, dict[str, str]]:
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    return kind, options


def _too_large(limits: BodyLimits) -> TooLarge:
    return TooLarge(f"the picture is larger than {limits.size} bytes, the most that is taken")
