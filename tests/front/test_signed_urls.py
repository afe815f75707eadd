"""Signed URLs behind the front servers of examples/, and what goes wrong where nginx rewrites URLs."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from pymager.variants.signatures import Keyring
from tests.live.client import Answer, Client, connected, head
from tests.live.program import Program, running
from tests.pictures import jpeg
from tests.servers import Missing
from tests.servers.front import FRONTS, FrontServer, Nginx

pytestmark = pytest.mark.live

_KEY = bytes(range(32))
_CONFIGURATION = """
proxy_cache_path {folder}/cache keys_zone=signed:1m use_temp_path=off;
server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / {{
        proxy_pass http://127.0.0.1:{origin};
        proxy_cache signed;
        proxy_cache_key $uri$is_args$args;
        add_header X-Cache $upstream_cache_status always;
    }}
    location /rewritten/ {{
        proxy_pass http://127.0.0.1:{origin}/;
    }}
}}
"""


class SigningNginx(Nginx):
    """nginx with a cache that keys on the query; below `/rewritten/` it decodes and encodes paths."""

    def files(self) -> list[Path]:
        path = self.folder / "signed.conf"
        path.write_text(_CONFIGURATION.format(folder=self.folder, port=self.port, origin=self._origin))
        return [path]


@pytest_asyncio.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Program]:
    async with running(tmp_path, signing_keys=_KEY.hex(), signatures="required") as program:
        async with Client(program.url) as writer:
            assert (await writer.put("caf%C3%A9", jpeg(64, 48))).status == 201
        yield program


@pytest.fixture
def front(origin: Program) -> Iterator[int]:
    """The port of nginx."""
    try:
        SigningNginx.install()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    with SigningNginx(origin.port) as nginx:
        yield nginx.port


async def _get(port: int, target: str) -> Answer:
    """The response to a GET without credentials. The target is sent as it is; other clients encode it again."""
    async with connected(port) as raw:
        await raw.send(head("GET", target, Authorization=None))
        return await raw.answer()


def _signed(path: str) -> str:
    return Keyring([_KEY]).sign(f"{path}?v=%7e&&v=a%20%20b&exp={int(time.time()) + 3_600}")


async def test_nginx_passes_signed_urls_on_as_they_are_and_caches_them_for_nobody_else(front: int) -> None:
    for spelling in ("/original/caf%C3%A9", "/derived/c%61f%c3%a9-32x24.jpg", "/info/caf%C3%A9"):
        url = _signed(spelling)
        answers = [await _get(front, url) for _ in range(2)]
        assert [(answer.status, answer.headers["x-cache"]) for answer in answers] == [(200, "MISS"), (200, "HIT")]
        for other in (spelling, url.partition("&exp=")[0], f"{url[:-43]}{'A' * 43}"):
            assert (await _get(front, other)).status == 403


async def test_a_path_that_nginx_rewrites_only_keeps_its_signature_in_the_usual_spelling(front: int) -> None:
    for id, status in (("caf%C3%A9", 200), ("caf%c3%a9", 403), ("c%61f%C3%A9", 403)):
        assert (await _get(front, f"/rewritten{_signed(f'/original/{id}')}")).status == status


@pytest.mark.parametrize("kind", FRONTS, ids=lambda kind: kind.__name__.lower())
async def test_the_examples_keep_what_is_signed_from_everybody_else(origin: Program, kind: type[FrontServer]) -> None:
    try:
        kind.install()
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    with kind(origin.port) as server:
        for path in ("/original/caf%C3%A9", "/derived/caf%C3%A9-32x24.auto", "/info/caf%C3%A9"):
            url = Keyring([_KEY]).sign(f"{path}?exp={int(time.time()) + 3_600}")
            for _ in range(2):
                assert (await _get(server.port, url)).status == 200
            for other in (path, f"{path}?v=1", url.partition("&sig=")[0], f"{url[:-43]}{'A' * 43}"):
                assert (await _get(server.port, other)).status in (400, 403), other
