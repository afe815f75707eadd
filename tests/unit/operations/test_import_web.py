"""Sources over HTTP, with hostile servers and hostile DNS: what is fetched, what is refused, and who is never asked."""

import asyncio
import gzip
import io
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET, AddressFamily

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pymager.errors import ConfigurationError, ImportRefused, Unavailable
from pymager.operations.importing.allowed_hosts import AllowedHosts, IpAddress, is_public
from pymager.operations.importing.candidates import Candidate
from pymager.operations.importing.web import Web, WebPicture
from pymager.operations.report import Report
from tests.unit.operations.test_import import imported
from tests.unit.place import Place

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_FOREVER = 3_600.0


def is_ours(address: IpAddress) -> bool:
    return address == ip_address("127.0.0.1")


@dataclass
class Names(AbstractResolver):
    """DNS: for each name the addresses that the next answers give; the last one stays."""

    answers: dict[str, list[Sequence[str]]]
    asked: Counter[str] = field(default_factory=Counter)

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        self.asked[host] += 1
        answers = self.answers[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(hostname=host, host=one, port=port, family=AF_INET, proto=0, flags=0) for one in addresses
        ]

    async def close(self) -> None: ...


@asynccontextmanager
async def server(handler: Handler, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """A server; gives its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app, host=host, port=port) as started:
        assert started.port is not None
        yield started.port


@asynccontextmanager
async def opened(
    port: int, names: Names | None = None, *, hosts: Sequence[str] = (), timeout: float = _FOREVER
) -> AsyncIterator[Web]:
    names = names or Names({"pictures.test": [["127.0.0.1"]]})
    allowed = AllowedHosts([f"pictures.test:{port}", *hosts], is_ours)
    async with Web(allowed, timeout, 4, names) as fetching:
        yield fetching


async def body_of(fetching: Web, url: str, known: str = "") -> bytes | None:
    async with fetching.open(url, known) as content:
        return None if content is None else b"".join([chunk async for chunk in content.chunks])


class Listed:
    """A source with these URLs."""

    def __init__(self, fetching: Web, *urls: str) -> None:
        self._candidates = [WebPicture(fetching, url) for url in urls]

    async def candidates(self) -> AsyncIterator[Candidate]:
        for candidate in self._candidates:
            yield candidate

    async def count(self) -> int | None:
        return None


async def outcome(place: Place, fetching: Web, *urls: str, checkpoint: Path | None = None) -> tuple[Report, list[str]]:
    screen = io.StringIO()
    report = await imported(place, Listed(fetching, *urls), screen, 1_000, checkpoint=checkpoint)  # type: ignore[arg-type]
    return report, screen.getvalue().splitlines()


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1"),
        *("192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
        *("239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:8.8.8.8"),
        *("::ffff:0:8.8.8.8", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::808:808", "2001:0:1::1", "2001:db8::1"),
        *("2002:a00:1::1", "2002:808:808::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "100::1"),
    ],
)
def test_an_address_that_is_not_a_public_one_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001::200e"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("host", "url", "allowed"),
    [
        ("example.org", "http://example.org/a.jpg", True),
        ("example.org", "https://EXAMPLE.org:443/a.jpg", True),
        ("example.org", "http://example.org:8080/a.jpg", False),
        ("example.org:8080", "http://example.org:8080/a.jpg", True),
        ("example.org:8080", "http://example.org/a.jpg", False),
        ("example.org", "http://a.example.org/a.jpg", False),
        ("example.org", "http://example.org.evil.test/a.jpg", False),
        ("*.example.org", "http://a.example.org/a.jpg", True),
        ("*.example.org", "http://a.b.example.org/a.jpg", True),
        ("*.example.org", "http://example.org/a.jpg", False),
        ("*.example.org", "http://evilexample.org/a.jpg", False),
        ("bücher.example", "https://xn--bcher-kva.example/a.jpg", True),
        ("example.org", "http://example.org@evil.test/a.jpg", False),
        ("example.org", "http://user:secret@example.org/a.jpg", False),
        ("example.org", "ftp://example.org/a.jpg", False),
        ("example.org", "http:///a.jpg", False),
        ("example.org", "http://example.org:99999/a.jpg", False),
        ("8.8.8.8", "http://8.8.8.8/a.jpg", True),
        ("10.0.0.1", "http://10.0.0.1/a.jpg", False),
        ("[::1]", "http://[::1]/a.jpg", False),
        ("[::ffff:10.0.0.1]", "http://[::ffff:10.0.0.1]/a.jpg", False),
    ],
)
def test_only_hosts_that_are_allowed_pass(host: str, url: str, allowed: bool) -> None:
    hosts = AllowedHosts([host])
    if allowed:
        hosts.checked(url)
    else:
        with pytest.raises(ImportRefused) as caught:
            hosts.checked(url)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["", "*", "*.*.org", "http://a.org", "a.org/x", "a b", "a@b", "*example.org", "a.org:x"]
)
def test_a_host_that_is_none_is_a_configuration_error(host: str) -> None:
    with pytest.raises(ConfigurationError, match="--allow-host: must be a host"):
        AllowedHosts([host])


async def test_a_picture_is_fetched_with_nothing_but_the_request(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[dict[str, str]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        response = web.Response(body=b"picture of a cat")
        response.set_cookie("session", "a-cookie")
        return response

    (tmp_path / ".netrc").write_text("machine pictures.test login ann password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with server(handle) as port, opened(port) as fetching:
        url = f"http://pictures.test:{port}/2024/my%20cat.jpg?size=large"
        report, lines = await outcome(place, fetching, url, url.replace("cat", "dog"))
        assert (report.done, report.failed, lines) == (2, 0, [])
    assert {row.id for row in await place.rows()} == {"2024-my_cat", "2024-my_dog"}
    for headers in seen:
        assert headers.keys() == {"host", "accept", "accept-encoding", "user-agent"}
        assert headers["host"] == f"pictures.test:{port}"
        assert headers["accept-encoding"] == "identity"


async def test_a_name_with_a_private_address_is_refused_before_anything_connects(place: Place) -> None:
    async def handle(request: web.Request) -> web.Response:
        raise AssertionError("a private address was asked")

    async with server(handle) as port:
        names = Names({"pictures.test": [["8.8.8.8", "127.0.0.1"]]})
        async with Web(AllowedHosts([f"pictures.test:{port}"]), _FOREVER, 4, names) as fetching:
            report, [line] = await outcome(place, fetching, f"http://pictures.test:{port}/cat.jpg")
    assert report.failed == 1
    assert line.endswith("the host pictures.test has the address 127.0.0.1, which is not a public one")


async def test_a_connection_is_made_to_the_address_that_was_checked(place: Place) -> None:
    async def honest(request: web.Request) -> web.Response:
        return web.Response(body=b"picture", headers={"Connection": "close"})

    async def internal(request: web.Request) -> web.Response:
        raise AssertionError("an address was asked that is not allowed")

    names = Names({"pictures.test": [["127.0.0.1"], ["127.0.0.2"]]})
    async with server(honest) as port, server(internal, "127.0.0.2", port), opened(port, names) as fetching:
        url = f"http://pictures.test:{port}/cat.jpg"
        assert await body_of(fetching, url) == b"picture"
        assert names.asked == {"pictures.test": 1}
        with pytest.raises(ImportRefused, match=r"has the address 127[.]0[.]0[.]2"):
            await body_of(fetching, url)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data", "the address 169.254.169.254 is not a public one; import only"),
        ("http://[::ffff:169.254.169.254]/", "the address ::ffff:a9fe:a9fe is not a public one"),
        ("http://127.0.0.1:{port}/", "names the host 127.0.0.1:{port}; allow it"),
        ("http://other.test/", "names the host other.test"),
        ("//other.test/", "names the host other.test"),
        ("http://internal.test:{port}/", "the host internal.test has the address 10.0.0.1"),
        ("http://ann:secret@pictures.test:{port}/", "contains a user or a password"),
        ("file:///etc/passwd", "must be an absolute one with http or https"),
        ("http://2130706433/", "names the host"),
        ("/loop", "has more than 5 redirects"),
        ("", "got 302 without a location"),
    ],
)
async def test_a_redirect_is_checked_like_the_first_url(place: Place, location: str, reason: str) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=302, headers={"Location": location.format(port=request.url.port)})
        await response.prepare(request)
        while True:  # a body that is not read
            await response.write(bytes(1 << 16))

    names = Names({"pictures.test": [["127.0.0.1"]], "internal.test": [["10.0.0.1"]]})
    async with server(handle) as port:
        hosts = [f"internal.test:{port}"]
        async with opened(port, names, hosts=hosts) as fetching:
            report, [line] = await outcome(place, fetching, f"http://pictures.test:{port}/cat.jpg")
    assert report.failed == 1
    assert reason.format(port=port) in line
    assert "secret" not in line


async def test_a_redirect_to_an_allowed_literal_address_is_refused_if_it_is_private(place: Place) -> None:
    async def handle(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data")

    async with server(handle) as port, opened(port, hosts=["169.254.169.254"]) as fetching:
        with pytest.raises(ImportRefused, match=r"the address 169[.]254[.]169[.]254 is not a public one"):
            await body_of(fetching, f"http://pictures.test:{port}/cat.jpg")


def test_a_redirect_from_https_to_http_is_refused() -> None:
    hosts = AllowedHosts(["example.org"])
    first = hosts.checked("https://example.org/cat.jpg")
    assert str(hosts.checked("dog.jpg", first)) == "https://example.org/dog.jpg"
    with pytest.raises(ImportRefused, match="leads from https to http"):
        hosts.checked("http://example.org/cat.jpg", first)


async def test_a_redirect_to_an_allowed_host_is_followed_without_the_headers_of_an_answer(place: Place) -> None:
    async def handle(request: web.Request) -> web.Response:
        if request.path == "/cat.jpg":
            raise web.HTTPFound(f"http://more.test:{request.url.port}/moved", headers={"Set-Cookie": "a=b"})
        assert "Cookie" not in request.headers
        return web.Response(body=b"picture")

    names = Names({"pictures.test": [["127.0.0.1"]], "more.test": [["127.0.0.1"]]})
    async with server(handle) as port, opened(port, names, hosts=[f"*.test:{port}"]) as fetching:
        assert await body_of(fetching, f"http://pictures.test:{port}/cat.jpg") == b"picture"
    assert names.asked == {"pictures.test": 1, "more.test": 1}


async def test_an_endless_body_is_cut_off_at_the_limit(place: Place) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        while True:
            await response.write(bytes(1 << 10))

    async with server(handle) as port, opened(port) as fetching:
        report, [line] = await outcome(place, fetching, f"http://pictures.test:{port}/cat.jpg")
    assert (report.failed, line.endswith("has more than 1000 bytes; PYMAGER_MAX_BODY allows no more")) == (1, True)
    assert (await place.rows(), await place.is_sound()) == ([], True)


async def test_a_body_that_is_announced_as_too_long_is_not_read(place: Place) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1001"})
        await response.prepare(request)
        await asyncio.sleep(_FOREVER)
        return response

    async with server(handle) as port, opened(port) as fetching:
        report, [line] = await outcome(place, fetching, f"http://pictures.test:{port}/cat.jpg")
    assert (report.failed, line.endswith("has 1001 bytes; PYMAGER_MAX_BODY allows 1000")) == (1, True)


@pytest.mark.parametrize("stage", ["headers", "body", "drops", "redirects"])
async def test_a_server_that_takes_too_long_is_given_up(place: Place, stage: str) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=302 if stage == "redirects" else 200, headers={"Location": "/next"})
        if stage == "redirects" and request.path == "/next":
            await asyncio.sleep(_FOREVER)
        if stage != "headers":
            await response.prepare(request)
        if stage == "redirects":
            return response
        while stage == "drops":
            await response.write(b"x")
            await asyncio.sleep(0.05)
        await asyncio.sleep(_FOREVER)
        return response

    async with server(handle) as port, opened(port, timeout=0.3) as fetching:
        report, [line] = await outcome(place, fetching, f"http://pictures.test:{port}/cat.jpg")
    assert (report.failed, line.endswith("took longer than 0.3 seconds")) == (1, True)
    assert await place.is_sound()


async def test_a_compressed_body_is_refused_and_never_decompressed(place: Place) -> None:
    bomb = gzip.compress(bytes(1 << 24))

    async def handle(request: web.Request) -> web.Response:
        body = bomb[:900] if request.path == "/unannounced.jpg" else bomb
        headers = {} if request.path == "/unannounced.jpg" else {"Content-Encoding": "gzip"}
        return web.Response(body=body, headers=headers)

    async with server(handle) as port, opened(port) as fetching:
        url = f"http://pictures.test:{port}"
        report, [line] = await outcome(place, fetching, f"{url}/cat.jpg")
        assert (report.failed, line.endswith("has the Content-Encoding 'gzip', although none was asked for")) == (
            1,
            True,
        )
        assert await body_of(fetching, f"{url}/unannounced.jpg") == bomb[:900]


async def test_a_second_run_asks_whether_the_picture_has_changed(place: Place, tmp_path: Path) -> None:
    sent: Counter[int] = Counter()

    async def handle(request: web.Request) -> web.Response:
        status = 304 if request.headers.get("If-None-Match") == '"one"' else 200
        sent[status] += 1
        return web.Response(status=status, body=b"picture" if status == 200 else None, headers={"ETag": '"one"'})

    async with server(handle) as port, opened(port) as fetching:
        url = f"http://pictures.test:{port}/cat.jpg"
        first, _ = await outcome(place, fetching, url, checkpoint=tmp_path / "checkpoint")
        second, _ = await outcome(place, fetching, url, checkpoint=tmp_path / "checkpoint")
        assert (first.done, second.existing, sent) == (1, 1, {200: 1, 304: 1})
        await place.library.remove("cat")
        third, _ = await outcome(place, fetching, url, checkpoint=tmp_path / "checkpoint")
        assert (third.done, sent[200]) == (1, 2)


async def test_a_temporary_error_is_retried_and_others_are_not(place: Place) -> None:
    asked: Counter[str] = Counter()

    async def handle(request: web.Request) -> web.Response:
        asked[request.path] += 1
        if request.path == "/missing.jpg":
            return web.Response(status=404)
        return web.Response(body=b"picture") if asked[request.path] == 2 else web.Response(status=503)

    async with server(handle) as port, opened(port) as fetching:
        url = f"http://pictures.test:{port}"
        report, [line] = await outcome(place, fetching, f"{url}/missing.jpg", f"{url}/cat.jpg")
    assert (report.done, report.failed) == (1, 1)
    assert line == f"{url}/missing.jpg: the server answered 404"
    assert asked == {"/missing.jpg": 1, "/cat.jpg": 2}


async def test_hosts_that_are_down_do_not_stop_the_run(place: Place) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=b"picture") if request.path == "/last.jpg" else web.Response(status=503)

    async with server(handle) as port, opened(port) as fetching:
        url = f"http://pictures.test:{port}"
        urls = [*(f"{url}/{number}.jpg" for number in range(30)), f"{url}/last.jpg"]
        report, _ = await outcome(place, fetching, *urls)
    assert (report.done, report.failed, report.stopped) == (1, 30, None)


async def test_a_connection_that_breaks_is_an_outage(place: Place) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"the first half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with server(handle) as port, opened(port) as fetching:
        with pytest.raises(Unavailable, match="the request failed"):
            await body_of(fetching, f"http://pictures.test:{port}/cat.jpg")


def _tls(folder: Path, name: str, asked: list[str | None]) -> ssl.SSLContext:
    """A server's context with a certificate that nobody trusts; `asked` gets the names that clients ask for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "certificate").write_bytes(certificate.public_bytes(pem))
    (folder / "key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate", folder / "key")
    context.sni_callback = lambda connection, asked_name, context: asked.append(asked_name)
    return context


async def test_over_https_the_name_is_asked_for_and_the_certificate_is_verified(tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        raise AssertionError("a server was asked whose certificate nobody trusts")

    asked: list[str | None] = []
    app = web.Application()
    app.router.add_get("/cat.jpg", handle)
    context = _tls(tmp_path, "pictures.test", asked)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        async with opened(port) as fetching:
            with pytest.raises(Unavailable, match="certificate verify failed"):
                await body_of(fetching, f"https://pictures.test:{port}/cat.jpg")
    finally:
        await runner.cleanup()
    assert asked == ["pictures.test"]
