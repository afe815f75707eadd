"""Request bodies: what is read from them, and that malformed ones are a BadRequest and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pymager.errors import TooLarge
from pymager.telemetry.context import RequestContext
from pymager.web import bodies
from pymager.web.bodies import BodyLimits, check_headers
from pymager.web.failures import BadRequest, UnsupportedCoding, WebError
from pymager.web.request_context import CONTEXT

LIMITS = BodyLimits(max_bytes=1_000, stall_timeout=30.0, min_rate=1)
BOUNDARY = "x-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
Reader = Callable[[web.Request, BodyLimits], AsyncIterator[bytes]]


class Chunks:
    """A request's content that arrives in these chunks."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter([chunk for chunk in chunks if chunk])

    async def readany(self) -> bytes:
        return next(self._chunks, b"")


def request(chunks: Iterable[bytes] = (), content_type: str | None = FORM, **headers: str) -> web.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        named["Content-Type"] = content_type
    content: Any = Chunks(chunks)
    made = make_mocked_request("POST", "/", headers=named, payload=content)
    made[CONTEXT] = RequestContext("1", "192.0.2.1", started=0.0)
    return made


def read(
    reader: Reader, chunks: Iterable[bytes], content_type: str | None = FORM, limits: BodyLimits = LIMITS
) -> bytes:
    async def collect() -> bytes:
        return b"".join([chunk async for chunk in reader(request(chunks, content_type), limits)])

    return asyncio.run(collect())


def part(body: bytes, name: str = "file", *lines: str) -> bytes:
    head = "".join(f"\r\n{line}" for line in (f'Content-Disposition: form-data; name="{name}"', *lines))
    return f"--{BOUNDARY}{head}\r\n\r\n".encode() + body + b"\r\n"


def form(*parts: bytes, end: str = f"--{BOUNDARY}--\r\n") -> bytes:
    return b"".join(parts) + end.encode()


def split(body: bytes, places: Iterable[int]) -> list[bytes]:
    cuts = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:stop] for start, stop in pairwise(cuts)]


CUTS = st.lists(st.integers(0, 5_000), max_size=40)


@given(st.binary(max_size=1_000), CUTS)
@example(b"\r\n--x-boundar", [])
@example(b"\r\n" * 200, list(range(600)))
@example(b"a", list(range(200)))
def test_a_file_is_read_whole_however_the_body_is_split(body: bytes, cuts: list[int]) -> None:
    assert read(bodies.form_file, split(form(part(body)), cuts)) == body


@given(CUTS)
@example([148])
@settings(max_examples=50)
def test_preamble_epilogue_and_other_fields_are_skipped(cuts: list[int]) -> None:
    body = form(part(b"1", "size"), part(b"PICTURE", "file", 'Content-Type: image/png; x="y"'), part(b"2", ""))
    assert read(bodies.form_file, split(b"hello\r\n" + body + b"\r\nbye\r\n", cuts)) == b"PICTURE"


def test_the_end_can_arrive_in_its_own_packet() -> None:
    assert read(bodies.form_file, [form(part(b"PICTURE"), end=f"--{BOUNDARY}--"), b"\r\n"]) == b"PICTURE"


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="file"; filename="cat.jpg"',
        "form-data; name=file; filename=cat.jpg",
        'form-data; filename="a;name=x.jpg"; name="file"',
        'FORM-DATA; NAME="file"',
        'form-data; name="file"; filename="котик.jpg"',
        "form-data; name=\"file\"; filename*=UTF-8''%e2%82%ac.jpg",
    ],
)
def test_the_field_is_found_by_its_name_in_any_spelling(disposition: str) -> None:
    body = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\nPICTURE\r\n--{BOUNDARY}--\r\n"
    assert read(bodies.form_file, [body.encode()]) == b"PICTURE"


def test_a_nested_multipart_is_read_as_bytes() -> None:
    inner = b"--in\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--in--\r\n"
    nested = form(part(inner, "file", "Content-Type: multipart/form-data; boundary=in"))
    assert read(bodies.form_file, [nested]) == inner


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "cut short"),
        (b"\r\n", "cut short"),
        (form(), "no field 'file'"),
        (form(part(b"x", "picture")), "no field 'file'"),
        (form(part(b"x", "")), "no field 'file'"),
        (form(part(b"x"), part(b"y")), "several fields"),
        (form(part(b"x", "a"), part(b"y"), part(b"")), "several fields"),
        (part(b"x"), "cut short"),
        (form(part(b"x"))[:-4], "cut short"),
        (form(*[part(b"", str(number)) for number in range(34)]), "over a limit"),
        (form(part(b"x", "file", *["X-A: b"] * 8)), "over a limit"),
        (form(part(b"x", "file", "X-A: " + "b" * 5_000)), "over a limit"),
        (f"--{BOUNDARY}\r\nX-A: ".encode() + b"b" * 5_000, "over a limit"),
        (f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--".encode(), "Content-Disposition"),
        (f"--{BOUNDARY}\r\nContent-Disposition: attachment\r\n\r\nx\r\n--{BOUNDARY}--".encode(), "Content-Disposition"),
        (f"--{BOUNDARY}\r\nno colon\r\n\r\nx".encode(), "malformed"),
        (f"--{BOUNDARY}\nX-A: b\n\nx".encode(), "malformed"),
        (form(part(b"x", "file", "Content-Length: 2")), "malformed"),
        (form(part(b"x", "file", "Content-Length: -1")), "malformed"),
        (form(part(b"x", "file", "Content-Length: ²")), "malformed"),
        (f"--{BOUNDARY}\r\nX-\xff: a\r\n\r\nx".encode("iso-8859-1"), "malformed"),
        (form(part(b"x"), end=f"--{BOUNDARY}garbage"), "malformed"),
    ],
)
def test_a_malformed_form_is_refused_with_an_explanation(body: bytes, said: str) -> None:
    for chunks in ([body], split(body, range(0, len(body), 7))):
        with pytest.raises(BadRequest, match=said) as caught:
            read(bodies.form_file, chunks)
        assert len(str(caught.value)) < 200
        assert "('" not in str(caught.value)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "image/jpeg",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 71,
        "multipart/form-data; boundary=" + "x" * 8_000,
        "multipart/form-data; boundary",
        ";boundary=x",
        "multipart/form-data;" + ";" * 4_000,
    ],
)
def test_an_invalid_content_type_is_refused(content_type: str | None) -> None:
    with pytest.raises(BadRequest):
        read(bodies.form_file, [form(part(b"x"))], content_type)


SCRAPS = st.sampled_from(
    [
        b"\r\n",
        b"--",
        b"\n",
        b"\r",
        b"--x-boundary",
        b":",
        b";",
        b'"',
        b"\xff",
        b"\0",
        b"Content-Length: 1\r\n",
        b"name=",
    ]
)
MUTATIONS = st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 20), SCRAPS | st.binary(max_size=8)), max_size=6)
WHOLE = form(part(b"1", "size"), part(b"PICTURE" * 9, "file", "Content-Type: image/png"), part(b"2", "b"))


@given(MUTATIONS, st.integers(0, 1_000), CUTS)
@settings(max_examples=500)
def test_a_mangled_form_gives_its_file_or_an_explanation(
    mutations: list[tuple[int, int, bytes]], length: int, cuts: list[int]
) -> None:
    body = WHOLE
    for place, removed, scrap in mutations:
        start = place % len(body) if body else 0
        body = body[:start] + scrap + body[start + removed :]
    try:
        assert len(read(bodies.form_file, split(body[:length], cuts))) <= LIMITS.max_bytes
    except BadRequest as error:
        assert len(str(error)) > 20


@given(st.text() | st.from_regex(r'multipart/form-data; *boundary="?[^"]*"?'))
def test_any_content_type_gives_a_body_or_an_explanation(content_type: str) -> None:
    try:
        read(bodies.form_file, [form(part(b"x"))], content_type)
        check_headers(request((), content_type), LIMITS)
    except WebError as error:
        assert str(error)


@pytest.mark.parametrize("size", [999, 1_000])
def test_a_body_up_to_the_limit_is_accepted(size: int) -> None:
    body = b"x" * size
    assert read(bodies.bare_body, split(body, [300]), None) == body
    assert read(bodies.form_file, split(form(part(body)), [300])) == body
    assert read(bodies.form_file, [form(part(body, "file", f"Content-Length: {size}"))]) == body


def test_a_body_one_byte_over_the_limit_is_too_large() -> None:
    body = b"x" * 1_001
    with pytest.raises(TooLarge, match="1000 bytes"):
        read(bodies.bare_body, split(body, [300]), None)
    for cuts in ([], [300], range(2_000)):
        with pytest.raises(TooLarge, match="1000 bytes"):
            read(bodies.form_file, split(form(part(body)), cuts))
    with pytest.raises(TooLarge, match="1000 bytes"):
        read(bodies.form_file, [form(part(b"x", "file", "Content-Length: 1001"))])


def test_the_form_around_the_file_has_a_limit_too() -> None:
    with pytest.raises(TooLarge):
        read(bodies.form_file, [b"preamble "] * 20_000)
    with pytest.raises(TooLarge):
        read(bodies.form_file, [form(part(b"x")), *[b"epilogue "] * 20_000])


def test_a_put_takes_bytes_and_refuses_a_form() -> None:
    for content_type in (None, "image/jpeg", "application/octet-stream", "nonsense", "text/html; charset="):
        assert read(bodies.bare_body, [b"ab", b"c"], content_type) == b"abc"
    for content_type in (FORM, "multipart/mixed", "Multipart/Form-Data; boundary=x"):
        with pytest.raises(BadRequest, match="PUT takes the picture's bytes"):
            read(bodies.bare_body, [form(part(b"x"))], content_type)


def test_the_headers_alone_can_rule_a_body_out() -> None:
    check_headers(request((), None, Content_Length="1000"), LIMITS)
    check_headers(request((), FORM, Content_Length="120000"), LIMITS)
    check_headers(request((), None, Content_Encoding="Identity"), LIMITS)
    with pytest.raises(TooLarge):
        check_headers(request((), None, Content_Length="1001"), LIMITS)
    with pytest.raises(TooLarge):
        check_headers(request((), FORM, Content_Length="140000"), LIMITS)
    with pytest.raises(UnsupportedCoding):
        check_headers(request((), None, Content_Encoding="gzip"), LIMITS)
    with pytest.raises(BadRequest, match="Content-Range"):
        check_headers(request((), None, Content_Range="bytes 0-1/2"), LIMITS)


@pytest.mark.parametrize("filling", ['"', ";", ' ;a="', "a=", "(", "a", " ", ' ;a="\\"'])
@pytest.mark.parametrize("kind", ["image/jpeg", "multipart/form-data", ""])
def test_a_long_content_type_is_read_in_linear_time(kind: str, filling: str) -> None:
    """In quadratic time each of these would take an hour."""
    content_type = f"{kind}; {filling * 200_000}"
    check_headers(request((), content_type), LIMITS)
    with pytest.raises(BadRequest):
        read(bodies.form_file, [form(part(b"x"))], content_type)


@pytest.mark.parametrize("kind", ["Multipart/Form-Data", "multipart/mixed; boundary=x", " multipart/form-data"])
def test_a_form_is_recognized_in_any_spelling(kind: str) -> None:
    with pytest.raises(BadRequest, match="PUT takes the picture's bytes"):
        read(bodies.bare_body, [form(part(b"x"))], kind)
