"""What is fuzzed. A target takes bytes, and fails with an exception if they break a promise."""

import asyncio
import atexit
import re
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from pymager import formats, keys, ports
from pymager.engine import containers, protocol
from pymager.engine.containers.container import Container
from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.protocol import ProtocolError, Status
from pymager.errors import NotAPicture, PymagerError, Undecodable
from pymager.formats import Encoding
from pymager.variants import negotiation
from pymager.variants.grammar import Grammar, Preset
from pymager.web import bodies, conditions, media_type
from pymager.web.bodies import BodyLimits
from pymager.web.clients import ClientResolver
from pymager.web.conditions import Validators
from pymager.web.failures import WebError
from pymager.web.ranges import requested_range
from pymager.workers.channel import Channel
from pymager_aws.http_connection import ConnectionBroken, HttpConnection, ResponseHead
from pymager_s3 import errors as s3_errors
from pymager_s3.get_request import describe_response
from tests.fuzz import seeds

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """A function of bytes, with seeds to make them from, and tokens that occur in them."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    tokens: Sequence[bytes] = ()


@cache
def _runner() -> asyncio.Runner:
    """One event loop for all inputs: to make one takes longer than most of them."""
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


def _run(work: Coroutine[Any, Any, T]) -> T:
    return _runner().run(work)


_LIMITS = PictureLimits(("*",), pixels=50_000_000, frames=200, scans=50)
_MAX_FRAGMENT_CHARACTERS = 20_000_000


def walk(data: bytes) -> None:
    """The container walkers refuse, or say what can be relied on, and a walk to the end agrees with a short one."""
    found = [_walked(data, full_walk=full_walk) for full_walk in (True, False)]
    for container in filter(None, found):
        assert 0 <= container.frames <= _LIMITS.frames
        if container.crop is not None:
            left, top, right, bottom = container.crop
            assert 0 <= left < right and 0 <= top < bottom
        if container.vector is not None:
            width, height = container.vector.size
            assert 0 < width * height <= _LIMITS.pixels
            assert len(container.vector.fragment) <= _MAX_FRAGMENT_CHARACTERS
    if found[0] is not None:  # what is accepted at the upload is accepted later
        assert found[1] is not None


def _walked(data: bytes, *, full_walk: bool) -> Container | None:
    try:
        return containers.walk(data, _LIMITS, full_walk=full_walk)
    except (Undecodable, NotAPicture) as error:
        assert str(error).isprintable(), error
        return None


def s3_response(data: bytes) -> None:
    """However a response is cut into packets, its body is the same, or the connection is broken."""
    whole, cut = _responded(data, [data]), _responded(data, _pieces(data))
    assert whole == cut
    if whole is not None:
        head, body = whole
        end = data.index(b"\r\n\r\n") + 4
        assert body == data[end:][: head.size]
        for has_range in (False, True):
            try:
                meta, (start, stop) = describe_response("name", head, has_range=has_range)
            except ValueError:  # the caller then asks obstore
                continue
            assert 0 <= start <= stop <= meta["size"]


def s3_error(data: bytes) -> None:
    """What is said of an error is short, and has no markup."""
    details = s3_errors.error_details(Exception(data.decode("utf-8", "replace")))
    assert len(details.code) <= 80
    assert len(details.message) <= 400
    s3_errors.configuration_error("bucket", details)


class _Transport:
    """What a connection asks of its transport."""

    def __init__(self) -> None:
        self.is_open = True

    def write(self, data: bytes) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None:
        self.is_open = False

    close = abort


def _responded(data: bytes, pieces: Iterable[bytes]) -> tuple[ResponseHead, bytes] | None:
    """The response in these bytes, None if there is no whole one."""

    async def respond() -> tuple[ResponseHead, bytes] | None:
        connection, transport = HttpConnection(), _Transport()
        connection.connection_made(cast(asyncio.BaseTransport, transport))
        sending = asyncio.ensure_future(connection.send(b"", 64))
        body: list[bytes] = []

        async def read() -> ResponseHead:
            head = await sending
            while (chunk := await connection.read()) is not None:
                body.append(bytes(chunk))
            return head

        reading = asyncio.ensure_future(read())
        await asyncio.sleep(0)
        for piece in pieces:
            rest = memoryview(piece)
            while rest and transport.is_open and not reading.done():
                buffer = connection.get_buffer(-1)
                count = min(len(buffer), len(rest))
                assert count > 0
                buffer[:count] = rest[:count]
                connection.buffer_updated(count)
                rest = rest[count:]
                for _ in range(4):  # the reader takes what has arrived
                    await asyncio.sleep(0)
        connection.connection_lost(None)
        try:
            return await reading, b"".join(body)
        except ConnectionBroken:
            return None

    return _run(respond())


def _pieces(data: bytes) -> list[bytes]:
    """The data in pieces whose sizes follow from it."""
    pieces, at = [], 0
    while at < len(data):
        size = 1 + data[at] % 17
        pieces.append(data[at : at + size])
        at += size
    return pieces


_TRUSTED = ("10.0.0.0/8", "2001:db8::/32")


def forwarded(data: bytes) -> None:
    """Nothing that a client writes changes the address that a trusted proxy appends."""
    text = data.decode("latin-1").replace("\r", " ").replace("\n", " ")
    for header, appended in (("forwarded", "for=192.0.2.7"), ("x-forwarded-for", "192.0.2.7")):
        resolver = ClientResolver(_TRUSTED, header)
        assert resolver.address(_from_proxy(header, [f"{text}, {appended}"])) == "192.0.2.7"
        assert resolver.address(_from_proxy(header, [text, appended])) == "192.0.2.7"
        ip_address(resolver.address(_from_proxy(header, [text])))


def _from_proxy(header: str, lines: list[str]) -> web.BaseRequest:
    request = SimpleNamespace(remote="10.0.0.1", headers=_headers(*((header, line) for line in lines)))
    return cast(web.BaseRequest, request)


def _headers(*lines: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(lines))


def accept(data: bytes) -> None:
    """A format is taken only if it is named, and a weight of 0 refuses it."""
    text = data.decode("latin-1")
    taken = negotiation.accepted(text)
    for name in taken:
        assert any(kind in text.lower() for kind, known in formats.NEGOTIABLE.items() if known == name)
    negotiation.accepted(negotiation.field_value([text, "image/avif;q=0"]))
    if '"' not in text and len(text) < negotiation.MAX_ACCEPT_CHARACTERS - 20:
        assert "avif" not in negotiation.accepted(negotiation.field_value([text, "image/avif;q=0"]))
        assert "webp" not in negotiation.accepted(negotiation.field_value(["image/webp;q=0", text]))


_VALIDATORS = Validators("tag", datetime(2026, 11, 29, tzinfo=UTC))


def ranges(data: bytes) -> None:
    """A range is inside of the picture, and the validators are read without an exception of another kind."""
    size, text = 1 + len(data) % 1_000, data.decode("latin-1")
    value, _, other = text.partition("|")
    for headers in (_headers(("Range", value)), _headers(("Range", value), ("If-Range", other))):
        try:
            found = requested_range(headers, size, _VALIDATORS)
        except WebError:
            continue
        assert found is None or 0 <= found[0] < found[1] <= size
    for name in ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"):
        try:
            conditions.is_not_modified(_headers((name, value), (name, other)), _VALIDATORS)
            conditions.check_write_preconditions(_headers((name, value)), _VALIDATORS)
        except WebError:
            continue


_BODY_LIMITS = BodyLimits(max_bytes=4_000, stall_timeout=30.0, min_rate=1)
_FORM = "multipart/form-data; boundary=x"


def form(data: bytes) -> None:
    """A file that comes out of a form is the same however it is cut into packets; a correct form gives its file.

    The parser tells some malformed forms, with a bare line feed in a header, only if they come in pieces.
    """
    whole, cut = _form_file([data]), _form_file(_pieces(data))
    assert whole == cut or isinstance(whole, str) or isinstance(cut, str)
    file = data[: _BODY_LIMITS.max_bytes]
    if b"--x" not in file:
        head = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
        whole = head + file + b"\r\n--x--\r\n"
        assert _form_file([whole]) == _form_file(_pieces(whole)) == file


def _form_file(chunks: Iterable[bytes]) -> bytes | str:
    """The bytes of the file, or the kind of error."""
    left = iter([chunk for chunk in chunks if chunk])

    async def readany() -> bytes:
        return next(left, b"")

    content = SimpleNamespace(readany=readany)
    request = cast(web.Request, SimpleNamespace(headers={"Content-Type": _FORM}, content=content))

    async def collect(found: AsyncIterator[bytes]) -> bytes:
        return b"".join([chunk async for chunk in found])

    try:
        found = _run(collect(bodies.form_file(request, _BODY_LIMITS)))
    except (WebError, PymagerError) as error:
        return type(error).__name__
    assert len(found) <= _BODY_LIMITS.max_bytes
    return found


def content_type(data: bytes) -> None:
    """A boundary is short and printable, or the header is refused."""
    text = data.decode("latin-1")
    media_type.media_type(text)
    try:
        boundary = media_type.boundary(text)
    except ValueError as error:
        assert len(str(error)) < 200
    else:
        assert 1 <= len(boundary) <= 70 and boundary.isascii() and boundary.isprintable()


_ENCODING = Encoding()
_GRAMMAR = Grammar(_ENCODING, {"thumb": Preset(100, 100, {"fit": "cover"})}, ("logo",))
_MAX_NAME_BYTES = 255  # of a file


def variant(data: bytes) -> None:
    """A variant that a URL names is canonical, can be a key, and reaches a worker as it is."""
    before, _, after = data.partition(b"?")
    name, query = before.decode("utf-8", "surrogateescape"), after.decode("ascii", "ignore")  # HTTP has no other query
    try:
        found = _GRAMMAR.parse(name, query)
    except PymagerError as error:
        assert len(str(error)) < 1_000
        return
    assert found.variant.canonical(_ENCODING) == found.variant
    file_name = found.variant.file_name
    assert len(file_name.encode()) <= _MAX_NAME_BYTES and re.fullmatch(r"[0-9A-Za-z._@-]+", file_name), file_name
    ports.check_key(f"{keys.DERIVED}{found.id}/{'0' * 32}/{'0' * 8}/{file_name}")
    job = RenderJob(found.variant, _ENCODING, upright=(4_000, 3_000), source="0" * 64)
    request = protocol.render_request(job)
    assert protocol.render_job_of(_read_back(request)["render"]) == job


def _read_back(request: bytes) -> dict[str, Any]:
    assert protocol.request_size(request) == len(request)
    return protocol.read_request(request)


def worker_answer(data: bytes) -> None:
    """Whatever a worker sends, the server has an answer within its bounds, or a `ProtocolError`."""
    whole, cut = _exchanged([data]), _exchanged(_pieces(data))
    assert type(whole) is type(cut)
    if isinstance(whole, tuple):
        assert whole == cut
        _read_answer(*whole)


def _exchanged(pieces: Iterable[bytes]) -> tuple[Status, bytes] | Exception:
    async def exchange() -> tuple[Status, bytes] | Exception:
        channel = Channel(cast(socket.socket, None))  # only files go over the socket itself
        channel.connection_made(cast(asyncio.BaseTransport, _Transport()))
        asking = asyncio.ensure_future(channel.exchange(b"", 60.0))
        await asyncio.sleep(0)
        for piece in pieces:
            channel.data_received(piece)
        if not channel._answer or not channel._answer.done():
            channel.connection_lost(None)
        try:
            status, payload = await asking
        except (ProtocolError, ConnectionError) as error:
            return error
        # Bytes that come in the same packet break the connection, and those that come later the next exchange.
        return (status, payload) if channel._error is None else ProtocolError("more bytes")

    return _run(exchange())


def _read_answer(status: Status, payload: bytes) -> None:
    try:
        match status:
            case Status.INSPECTION:
                found = protocol.read_inspection(payload, 1_000)
                assert found.format.isprintable() and 0 < found.description.frames <= 1_000
                assert 0 < found.width < 1 << 31 and 0 < found.height < 1 << 31
            case Status.HEADER:
                header = protocol.read_header(payload)
                assert header.format.isprintable()
                assert 0 < header.width < 1 << 31
                assert 0 < header.height < 1 << 31
            case Status.FAILED:
                assert isinstance(protocol.read_failure(payload).error, PymagerError)
    except ProtocolError as error:
        assert len(str(error)) < 500


def worker_request(data: bytes) -> None:
    """A worker that cannot read a request raises nothing but what ends it in an orderly way."""
    if len(data) < protocol.REQUEST_HEADER_BYTES:
        return
    assert protocol.request_size(data) >= protocol.REQUEST_HEADER_BYTES
    with suppress(*_UNREADABLE):
        content = protocol.read_request(data)
        for name in _REQUEST_PARTS.keys() & content.keys():
            with suppress(*_UNREADABLE):
                _REQUEST_PARTS[name](content[name])


# Only the server sends requests: a worker that cannot read one ends.
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_REQUEST_PARTS: dict[str, Callable[[Any], object]] = {
    "limits": protocol.limits_of,
    "confinement": protocol.confinement_of,
    "render": protocol.render_job_of,
    "mezzanine": protocol.mezzanine_of,
    "background": protocol.background_of,
}

TARGETS: dict[str, Target] = {
    "walk": Target(walk, seeds.pictures, seeds.PICTURE_TOKENS),
    "s3_response": Target(s3_response, seeds.responses, seeds.RESPONSE_TOKENS),
    "s3_error": Target(s3_error, seeds.s3_errors, seeds.ERROR_TOKENS),
    "forwarded": Target(forwarded, seeds.forwarded, seeds.FORWARDED_TOKENS),
    "accept": Target(accept, seeds.accepts, seeds.ACCEPT_TOKENS),
    "ranges": Target(ranges, seeds.ranges, seeds.RANGE_TOKENS),
    "form": Target(form, seeds.forms, seeds.FORM_TOKENS),
    "content_type": Target(content_type, seeds.content_types, seeds.FORM_TOKENS),
    "variant": Target(variant, seeds.variants, seeds.VARIANT_TOKENS),
    "worker_answer": Target(worker_answer, seeds.worker_answers, seeds.ANSWER_TOKENS),
    "worker_request": Target(worker_request, seeds.worker_requests, seeds.ANSWER_TOKENS),
}
