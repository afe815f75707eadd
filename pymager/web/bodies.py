"""Request bodies: read in chunks, limited in size and in parts. One that arrives too slowly is ended with 408."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from aiohttp import HttpVersion11, web
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from pymager.errors import TooLarge
from pymager.web.failures import BadRequest, RequestTimeout, UnsupportedCoding
from pymager.web.media_type import boundary, media_type
from pymager.web.request_context import CONTEXT

_FILE_FIELD = "file"
MAX_FIELDS = 32
"""The most fields that a form can have besides the picture. They are ignored."""
MAX_FIELDS_BYTES = 64 * 1024
"""The most bytes of all these fields together."""
_MAX_PART_HEADERS = 8
_MAX_PART_HEADER_BYTES = 4_096
_MAX_HEADS_BYTES = 64 * 1024  # of all parts together, with the boundaries
_MAX_FORM_OVERHEAD_BYTES = MAX_FIELDS_BYTES + _MAX_HEADS_BYTES
# Decodes any bytes. The only name that matters is ASCII, and the name of a file can be in any charset.
_PART_HEADER_CHARSET = "iso-8859-1"


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Limits of a body: at most `max_bytes`, and at least `min_rate` bytes per second over `stall_timeout` seconds."""

    max_bytes: int
    stall_timeout: float
    min_rate: int


def check_headers(request: web.Request, limits: BodyLimits) -> None:
    """Refuse a body by its headers, before it is sent. Raises `TooLarge`, `UnsupportedCoding` and `BadRequest`."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedCoding("Content-Encoding is not supported; send the picture's bytes without this header")
    if "Content-Range" in request.headers:
        raise BadRequest("Content-Range is not supported; send the whole picture without this header")
    if (request.content_length or 0) > limits.max_bytes + (_MAX_FORM_OVERHEAD_BYTES if _is_form(request) else 0):
        raise _too_large(limits)


async def send_continue(request: web.Request) -> None:
    """Send 100 Continue to a client that waits for it before it sends its body (RFC 9110 section 10.1.1)."""
    expectation = request.headers.get("Expect")
    if expectation is None or request.version < HttpVersion11:
        return
    if expectation.lower() != "100-continue":
        raise BadRequest("the Expect header must be 100-continue")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # aiohttp counts these bytes as part of the response, and would treat the response as started.
    request.writer.output_size = 0
    request[CONTEXT].sent_continue = True


async def bare_body(request: web.Request, limits: BodyLimits) -> AsyncIterator[bytes]:
    """The chunks of a body that is the picture itself."""
    if _is_form(request):
        raise BadRequest(
            "PUT takes the picture's bytes as the body, as `curl -T cat.jpg` sends them; use POST to send a form"
        )
    received = 0
    async for chunk in _chunks(request, limits):
        received += len(chunk)
        if received > limits.max_bytes:
            raise _too_large(limits)
        yield chunk


async def small_body(request: web.Request, limits: BodyLimits, max_bytes: int) -> bytes:
    """A body of at most `max_bytes`, whole. Raises `TooLarge`, `UnsupportedCoding`, `BadRequest`, `RequestTimeout`."""
    small = replace(limits, max_bytes=max_bytes)
    check_headers(request, small)
    await send_continue(request)
    body = bytearray()
    async for chunk in _chunks(request, small):
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge(f"the body is too large: at most {max_bytes} bytes are accepted")
    return bytes(body)


async def form_file(request: web.Request, limits: BodyLimits) -> AsyncIterator[bytes]:
    """The chunks of the field `file` of a multipart form (RFC 7578)."""
    parser = _parser(request, limits)
    in_file = found = False
    received = in_fields = 0
    try:
        async for chunk in _chunks(request, limits):
            received += len(chunk)
            if received > limits.max_bytes + _MAX_FORM_OVERHEAD_BYTES:
                raise _too_large(limits)
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    in_file = event.name == _FILE_FIELD
                    if in_file and found:
                        raise BadRequest(f"the form has several fields '{_FILE_FIELD}'; send one picture at a time")
                    found = found or in_file
                elif event and in_file:
                    yield bytes(event)
                elif event:
                    in_fields += len(event)
                    if in_fields > MAX_FIELDS_BYTES:
                        raise TooLarge(
                            f"the fields besides '{_FILE_FIELD}' are too large: at most {MAX_FIELDS_BYTES} bytes "
                            f"together are accepted; the picture must be in the field '{_FILE_FIELD}'"
                        )
        _close(parser)
    except ParserLimitReached as error:
        if "segment size" in str(error):
            raise _too_large(limits) from None
        raise BadRequest(
            f"the form is over a limit: at most {MAX_FIELDS} fields besides '{_FILE_FIELD}', each with "
            f"{_MAX_PART_HEADERS} headers of {_MAX_PART_HEADER_BYTES} bytes"
        ) from None
    except MultipartError as error:
        reason = str(error.args[0])
        raise BadRequest(f"the multipart form is malformed: {reason[:1].lower()}{reason[1:]}") from None
    if not found:
        raise BadRequest(f"the form has no field '{_FILE_FIELD}'; send one, as `curl -F file=@cat.jpg` does")


def _close(parser: PushMultipartParser) -> None:
    """Raises `BadRequest` if the form is not complete."""
    try:
        parser.close()
    except MultipartError:
        raise BadRequest("the multipart form is cut short: it must end with its boundary and `--`") from None


def _parser(request: web.Request, limits: BodyLimits) -> PushMultipartParser:
    content_type = request.headers.get("Content-Type", "")
    if media_type(content_type) != "multipart/form-data":
        raise BadRequest(
            f"POST takes a multipart form with the picture in the field '{_FILE_FIELD}'; use PUT to send the bare bytes"
        )
    try:
        return PushMultipartParser(
            boundary(content_type),
            max_header_size=_MAX_PART_HEADER_BYTES,
            max_header_count=_MAX_PART_HEADERS,
            max_segment_size=limits.max_bytes,
            max_segment_count=MAX_FIELDS + 1,
            header_charset=_PART_HEADER_CHARSET,
        )
    except ValueError as error:
        raise BadRequest(str(error)) from None


async def _chunks(request: web.Request, limits: BodyLimits) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    deadline, received = loop.time() + limits.stall_timeout, 0
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await request.content.readany()
        except TimeoutError:
            raise RequestTimeout(
                f"the body stalled: send at least {limits.min_rate} bytes per second over "
                f"{limits.stall_timeout:g} seconds"
            ) from None
        except web.RequestPayloadError as error:
            raise BadRequest(f"the body is malformed: {error}") from None
        if not chunk:
            return
        yielded = loop.time()
        yield chunk
        deadline += loop.time() - yielded  # the time that the server takes to store the chunk does not count
        received += len(chunk)
        if received >= limits.min_rate * limits.stall_timeout:
            deadline, received = loop.time() + limits.stall_timeout, 0


def _is_form(request: web.Request) -> bool:
    return media_type(request.headers.get("Content-Type", "")).startswith("multipart/")


def _too_large(limits: BodyLimits) -> TooLarge:
    return TooLarge(f"the picture is too large: at most {limits.max_bytes} bytes are accepted (PYMAGER_MAX_BODY)")
