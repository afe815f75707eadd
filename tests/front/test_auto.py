"""nginx and Varnish with the files of examples/ keep at most three copies of a picture whose format is negotiated."""

import asyncio
import http.client
from dataclasses import dataclass

import pytest
from PIL import Image

from pymager import formats
from pymager.variants.negotiation import MAX_ACCEPT_CHARACTERS, Negotiation, accepted, fallback
from tests.accept_headers import ALL, BROWSERS, ODD, Accept
from tests.front.conftest import Way
from tests.live.program import TIMEOUT_SECONDS, until
from tests.pictures import encoded, jpeg
from tests.servers.front import FrontServer, Nginx, Varnish

pytestmark = [
    pytest.mark.live,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize(
        "kind", [Nginx, Varnish], ids=lambda kind: kind.__name__.lower(), indirect=True, scope="module"
    ),
]

_RULE = Negotiation(("avif", "webp"), 2_000_000)
_HEADERS = [accept for accept in ALL if sum(map(len, accept.lines)) <= MAX_ACCEPT_CHARACTERS]
_COPIES = 3
_PHOTO = jpeg(640, 480)
_TRANSPARENT = encoded(Image.new("RGBA", (640, 480), (200, 30, 30, 128)), "PNG")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def get(port: int, path: str, accept: Accept) -> Answer:
    """A GET with each line of the header as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.putrequest("GET", path)
        for line in accept.lines:
            connection.putheader("Accept", line.encode("latin-1" if line.isascii() else "utf-8"))
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def content_type(accept: Accept, *, alpha: bool) -> str:
    """The media type that pymager itself gives this client for a small still picture."""
    named = _RULE.best(accepted(",".join(accept.lines)), (80, 60))
    return formats.content_type(named or fallback(alpha=alpha, moves=False))


def allowed(accept: Accept, kind: type[FrontServer], *, alpha: bool) -> set[str]:
    """The media types that this client may get from the front server."""
    found = {content_type(accept, alpha=alpha)}
    if accept in ODD or any('"' in line for line in accept.lines):
        found.add(content_type(Accept("nothing named", (), frozenset()), alpha=alpha))
    if len(accept.lines) > 1 and kind is Nginx:  # 1.22 reads the first line only
        found.add(content_type(Accept("the first line", accept.lines[:1], frozenset()), alpha=alpha))
    return found


class Copies:
    """Counts the responses that a front server keeps: nginx's files, and the objects from which Varnish answers."""

    def __init__(self, front: FrontServer) -> None:
        self._files = front.folder / "cache" if isinstance(front, Nginx) else None
        self._before = self._count()
        self._objects: set[str] = set()

    def saw(self, answer: Answer) -> None:
        """Note an answer. `X-Varnish` has the request's number and, of a hit, the object's."""
        self._objects |= set((answer.headers["X-Varnish"] or "").split()[1:])

    def number(self) -> int:
        return len(self._objects) + self._count() - self._before

    def _count(self) -> int:
        return sum(path.is_file() for path in self._files.rglob("*")) if self._files else 0


@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "transparent"])
async def test_at_most_three_copies_are_kept_and_each_client_gets_what_it_takes(
    ways: dict[str, Way], fronts: dict[str, FrontServer], kind: type[FrontServer], alpha: bool
) -> None:
    way, id = ways["long"], f"{kind.__name__.lower()}-auto-{alpha}".lower()
    assert (await way.writer.post(id, _TRANSPARENT if alpha else _PHOTO)).status == 201
    path, copies = f"/derived/{id}-80x60.auto", Copies(fronts["long"])
    bodies: dict[str, set[bytes]] = {}
    for accept in (*_HEADERS, *_HEADERS):
        answer = await asyncio.to_thread(get, way.port, path, accept)
        assert answer.status == 200, accept
        assert answer.headers["Vary"] == "Accept", accept
        assert answer.headers["Content-Type"] in allowed(accept, kind, alpha=alpha), accept
        bodies.setdefault(answer.headers["Content-Type"], set()).add(answer.body)
        copies.saw(answer)
    assert bodies.keys() == {"image/avif", "image/webp", "image/png" if alpha else "image/jpeg"}
    assert all(len(each) == 1 for each in bodies.values())
    assert copies.number() == _COPIES
    without_webp = [accept for accept in _HEADERS if accept.takes == {"avif"}]
    assert len(await way.answered(path, _COPIES)) <= _COPIES + 2 * len(without_webp)


async def test_browsers_get_their_pictures_from_the_cache(ways: dict[str, Way], kind: type[FrontServer]) -> None:
    way, id = ways["long"], f"{kind.__name__.lower()}-browsers"
    assert (await way.writer.post(id, _PHOTO)).status == 201
    path = f"/derived/{id}-80x60.auto"
    for accept in (*BROWSERS, *BROWSERS):
        answer = await asyncio.to_thread(get, way.port, path, accept)
        assert answer.headers["Content-Type"] == content_type(accept, alpha=False), accept
    assert await way.answered(path, _COPIES) == [200] * _COPIES


async def test_a_plain_url_is_one_copy_whatever_is_accepted(
    ways: dict[str, Way], fronts: dict[str, FrontServer], kind: type[FrontServer]
) -> None:
    way, id = ways["long"], f"{kind.__name__.lower()}-plain"
    assert (await way.writer.post(id, _PHOTO)).status == 201
    path, copies = f"/derived/{id}-80x60.jpg", Copies(fronts["long"])
    for accept in BROWSERS:
        answer = await asyncio.to_thread(get, way.port, path, accept)
        assert (answer.status, answer.headers["Vary"]) == (200, None)
        copies.saw(answer)
    assert copies.number() == 1
    assert await way.answered(path, 1) == [200]


async def test_each_copy_has_its_own_etag_and_is_revalidated(ways: dict[str, Way], kind: type[FrontServer]) -> None:
    way, id = ways["soon"], f"{kind.__name__.lower()}-etags"
    assert (await way.writer.post(id, _PHOTO)).status == 201
    path = f"/derived/{id}-80x60.auto"
    clients = {name: {"Accept": name} for name in ("image/avif,image/webp", "image/webp", "*/*")}
    first = {name: await way.outside.get(path, **headers) for name, headers in clients.items()}
    tags = {answer.headers["etag"] for answer in first.values()}
    assert len(tags) == len(clients)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while way.statuses(path).count(304) < len(clients):
            for name, headers in clients.items():
                assert (await way.outside.get(path, **headers)).body == first[name].body
            await asyncio.sleep(0.05)
    for name, headers in clients.items():
        for other, answer in first.items():
            conditional = await way.outside.get(path, **headers, **{"If-None-Match": answer.headers["etag"]})
            assert (conditional.status, conditional.headers["vary"]) == (304 if other == name else 200, "Accept")


async def test_errors_vary_and_are_not_kept(ways: dict[str, Way], kind: type[FrontServer]) -> None:
    way, path = ways["long"], f"/derived/{kind.__name__.lower()}-absent-80x60.auto"
    for accept in BROWSERS[:6]:
        answer = await asyncio.to_thread(get, way.port, path, accept)
        assert (answer.status, answer.headers["Vary"]) == (404, "Accept")
    await until(lambda: len(way.lines(path)) == 6, "the log")
