"""The cache in memcached: its URL, several servers, credentials, TLS, and servers that fail or lie."""

import asyncio
import secrets
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from pymager.errors import ConfigurationError, NoSpace, Unavailable
from pymager_memcached import MemcachedCache
from pymager_memcached import pool as pool_module
from pymager_memcached.url import Address, Credentials, parse_url
from tests.backends.certificates import certificates
from tests.servers import Memcached
from tests.waiting import until


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memcached:", "must be memcached://HOST:PORT"),
        ("memcached://", "must be memcached://HOST:PORT"),
        ("memcached://a/b", "must be memcached://HOST:PORT"),
        ("memcached://a#b", "must be memcached://HOST:PORT"),
        ("memcached://a,,b", "'' in the memcached URL must be a server"),
        ("memcached://a:0", "'a:0' in the memcached URL must be a server"),
        ("memcached://a:65536", "'a:65536' in the memcached URL must be a server"),
        ("memcached://a..b", "'a..b' in the memcached URL must be a server"),
        (f"memcached://{'a' * 64}", "in the memcached URL must be a server"),
        ("memcached://a,a:11211", "must name each server once"),
        ("memcached://user@a", "must be USER:PASSWORD@"),
        ("memcached://user:hunter%202@a", "must be USER:PASSWORD@"),
        ("memcached://:hunter2@a", "must be USER:PASSWORD@"),
        ("memcached://a?timeout=1", "unknown parameter 'timeout' in the memcached URL; known parameters: ca, tls, ttl"),
        ("memcached://a?ttl=1&ttl=2", "each parameter only once"),
        ("memcached://a?ttl", "must be NAME=VALUE"),
        (
            "memcached://a?ttl=2592001",
            "ttl in the memcached URL must be whole seconds from 1 to 2592000, got '2592001'",
        ),
        ("memcached://a?tls=yes", "tls in the memcached URL must be true or false, got 'yes'"),
        ("memcached://a?ca=/x", "needs tls=true"),
        ("memcached://a?tls=true&ca=x", "must be the absolute path"),
        ("memcached://a?tls=true&ca=/absent.pem", "cannot read /absent.pem"),
    ],
)
def test_a_wrong_url_is_refused_with_what_is_right(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        MemcachedCache(url)
    assert said in str(caught.value)
    assert "hunter" not in str(caught.value)


def test_a_url_names_servers_credentials_and_how_long_values_stay() -> None:
    parsed = parse_url("memcached://ada:p%40ss@cache-0.example:1,127.0.0.1,[::1]:2/?ttl=60&tls=true")
    assert parsed.servers == (Address("cache-0.example", 1), Address("127.0.0.1", 11_211), Address("::1", 2))
    assert parsed.credentials == Credentials("ada", "p@ss")
    assert (parsed.ttl, parsed.tls) == (60, True)
    assert "p@ss" not in repr(parsed)
    assert "p@ss" not in repr(MemcachedCache("memcached://ada:p%40ss@a"))


def test_keys_are_spread_evenly_and_only_those_of_a_removed_server_move() -> None:
    keys = [secrets.token_urlsafe(24) for _ in range(3_000)]
    four, three = MemcachedCache("memcached://a,b,c,d"), MemcachedCache("memcached://d,b,a")
    counts = Counter(map(four.node, keys))
    assert all(600 < count < 900 for count in counts.values()), counts
    assert all(three.node(key) == four.node(key) for key in keys if four.node(key) != "c:11211")


async def test_values_expire(memcached: Memcached) -> None:
    async with MemcachedCache(f"{memcached.url}?ttl=1") as cache:
        await cache.put("short", b"value")
        async with asyncio.timeout(60):
            while await cache.get("short") is not None:
                await asyncio.sleep(0.05)


async def test_credentials_are_sent_and_wrong_ones_are_an_error(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("ada:p@ss\n")
    with Memcached("-Y", str(users)) as server:
        async with MemcachedCache(server.url.replace("://", "://ada:p%40ss@")) as cache:
            await cache.put("a", b"value")
            assert await cache.get("a") == b"value"
        for user in ("ada:wrong@", ""):
            async with MemcachedCache(server.url.replace("://", f"://{user}")) as cache:
                with pytest.raises(Unavailable) as caught:
                    await cache.get("a")
                assert "wrong" not in str(caught.value)


async def test_tls_verifies_the_servers_certificate(memcached: Memcached, tmp_path: Path) -> None:
    certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    async with relay(memcached.port, context) as port:
        url = f"memcached://127.0.0.1:{port}?tls=true&ca={tmp_path}"
        async with MemcachedCache(f"{url}/server.crt") as cache:
            value = secrets.token_bytes(300_000)
            await cache.put("tls", value)
            assert await cache.get("tls") == value
        async with MemcachedCache(f"{url}/stranger.crt") as cache:
            with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await cache.get("tls")


@asynccontextmanager
async def relay(upstream: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server with TLS before a port without."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
        server.close()


async def test_a_full_server_keeps_other_values_or_refuses_them_and_never_a_part() -> None:
    with Memcached("-m", "2", "-M") as server:
        async with MemcachedCache(server.url) as cache:
            values = {f"key-{number}": secrets.token_bytes(60_000) for number in range(100)}
            refused = 0
            for key, value in values.items():
                try:
                    await cache.put(key, value)
                except NoSpace:
                    refused += 1
            found = {key: await cache.get(key) for key in values}
            assert refused > 0
            assert all(value in (None, values[key]) for key, value in found.items())
            assert sum(value is not None for value in found.values()) == 100 - refused


async def test_a_value_over_the_servers_limit_is_refused_and_the_connection_stays(memcached: Memcached) -> None:
    async with MemcachedCache(memcached.url) as cache:
        await cache.put("a", b"value")
        before = memcached.stats()["total_connections"]
        with pytest.raises(NoSpace, match="object too large"):
            await cache.put("large", bytes((1 << 20) + 1))
        assert await cache.get("a") == b"value"
        assert memcached.stats()["total_connections"] - before == 1  # that of these statistics


async def test_idle_connections_are_used_again_and_there_are_at_most_32(memcached: Memcached) -> None:
    async with MemcachedCache(memcached.url) as cache:
        await cache.put("a", b"value")
        before = memcached.stats()["total_connections"]
        for _ in range(5):
            assert await asyncio.gather(*(cache.get("a") for _ in range(200))) == [b"value"] * 200
        assert memcached.stats()["total_connections"] - before <= pool_module._MAX_CONNECTIONS


async def test_a_server_that_is_restarted_is_used_again() -> None:
    with Memcached() as server:
        async with MemcachedCache(server.url) as cache:
            await cache.put("a", b"value")
            server.kill()
            with pytest.raises(Unavailable):
                await cache.get("a")
            server.start()
            assert await cache.get("a") is None
            await cache.put("a", b"value")
            assert await cache.get("a") == b"value"


LIES = {
    "another key": b"VALUE b 0 5\r\nvalue\r\nEND\r\n",
    "no end": b"VALUE a 0 5\r\nvalue and more\r\nEND\r\n",
    "two responses": b"VALUE a 0 5\r\nvalue\r\nEND\r\nEND\r\n",
    "two lines": b"END\r\nEND\r\n",
    "too large": b"VALUE a 0 999999999\r\n",
    "negative": b"VALUE a 0 -5\r\nvalue\r\nEND\r\n",
    "an error": b"SERVER_ERROR out of memory\r\n",
    "an endless line": b"x" * 100_000,
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "an early end": b"VALUE a 0 5\r\nval",
    "nothing": b"",
}


@asynccontextmanager
async def liar(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The URL of a server that answers every line with this, and then closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"memcached://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("answer", LIES.values(), ids=LIES)
async def test_a_response_that_is_not_right_is_an_error_and_never_a_value(answer: bytes) -> None:
    async with liar(answer) as url, MemcachedCache(url) as cache:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await cache.get("a")


async def test_a_connection_is_opened_even_if_who_waited_for_it_has_given_up(memcached: Memcached) -> None:
    async with MemcachedCache(memcached.url) as cache:
        asking = asyncio.create_task(cache.get("a"))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        [pool] = cache._pools.values()
        await until(lambda: pool._idle)


async def test_a_closed_cache_leaves_no_connection_and_no_task(memcached: Memcached) -> None:
    before = memcached.stats()["curr_connections"]
    cache = MemcachedCache(memcached.url)
    async with cache:
        await asyncio.gather(*(cache.get("a") for _ in range(10)))
        waiting = asyncio.create_task(cache.get("b"))
        await asyncio.sleep(0)
    await asyncio.wait([waiting])
    await until(lambda: memcached.stats()["curr_connections"] == before)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(Unavailable):
        await cache.get("a")
