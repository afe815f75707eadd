"""Private pictures, as people use them: `pymager sign`, curl, and a log and traces without signatures."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.live.client import Client, connected
from tests.live.collector import collecting
from tests.live.program import TOKEN, Program, command, running, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_KEY, _OLD_KEY = bytes(range(32)).hex(), "ab" * 40
_PHOTO = jpeg(64, 48)
_SETTINGS = {"signing_keys": f"{_KEY} {_OLD_KEY}", "signatures": "required", "log_level": "debug"}


async def _signed(folder: Path, url: str, *options: str, **changes: object) -> str:
    """What `pymager sign` prints."""
    done = await command(folder, "sign", url, *options, **(_SETTINGS | changes))
    assert (done.code, done.err) == (0, "")
    return done.out.strip()


async def _curl(url: str, *options: str) -> int:
    """The status of the response that curl gets."""
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *options, url), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return int(out)


def _signature(url: str) -> str:
    return url.rpartition("sig=")[2]


async def test_private_pictures_are_for_those_who_have_a_signed_url_or_credentials(tmp_path: Path) -> None:
    async with running(tmp_path, processes=2, **_SETTINGS) as program, Client(program.url) as client:
        assert (await client.put("caf%C3%A9", _PHOTO)).status == 201
        secrets = set()
        for path in ("/derived/café-32x24.jpg", "/original/café", "/info/café"):
            encoded = program.url + path.replace("é", "%C3%A9")
            signed = await _signed(tmp_path, program.url + path, "--expires", "1h")
            by_old_key = await _signed(tmp_path, program.url + path, signing_keys=_OLD_KEY)
            by_another = await _signed(tmp_path, program.url + path, signing_keys="cd" * 32)
            secrets |= {_signature(url) for url in (signed, by_old_key)}
            for options in ([], ["-I"]):
                assert await _curl(signed, *options) == 200
                assert await _curl(by_old_key, *options) == 200
                assert await _curl(by_another, *options) == 403
                assert await _curl(signed.replace("%C3", "%c3"), *options) == 403
                assert await _curl(encoded, *options) == 403
                assert await _curl(encoded, "-H", f"Authorization: Bearer {TOKEN}", *options) == 200
                assert await _curl(encoded, "-u", "ann:wrong", *options) == 401
        assert await _curl(f"{program.url}/healthz") == 200
        assert await _curl(f"{program.url}/original") == 401
        assert await program.stop() == 0
    assert [secret for secret in (*secrets, _KEY, _OLD_KEY) if secret in program.log] == []
    logged = {line["path"] for line in program.logged("request")}
    assert "/info/caf%C3%A9?sig=***" in logged


async def test_a_signature_expires(tmp_path: Path) -> None:
    async with running(tmp_path, **_SETTINGS) as program, Client(program.url) as client:
        assert (await client.put("cat", _PHOTO)).status == 201
        signed = await _signed(tmp_path, "/original/cat", "--expires", "1s")

        async def status() -> int:
            return (await client.get(signed)).status

        statuses = [await status()]
        while statuses[-1] == 200 and len(statuses) < 1_000:
            await asyncio.sleep(0.05)
            statuses.append(await status())
        assert statuses[-1] == 403
        answer = await client.get(signed)
        assert answer.json["detail"].startswith("The signature expired at ")
        assert answer.headers["cache-control"] == "no-store"


async def test_an_error_is_logged_and_traced_without_the_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with collecting() as collector:
        for name, value in collector.environment.items():
            monkeypatch.setenv(name, value)
        async with running(tmp_path, otel=True, **_SETTINGS) as program, Client(program.url) as client:
            assert (await client.put("cat", _PHOTO)).status == 201
            signed = await _signed(tmp_path, "/original/cat", "--expires", "1h", otel=None)
            _lose_blobs(program)
            assert (await client.get(signed)).status == 500
            (error,) = await until(lambda: program.logged("internal error"), "the error's line")
            assert error["path"].startswith("/original/cat?exp=")
            assert error["path"].endswith("&sig=***")
            await until(
                lambda: any(span.name == "GET /original/{id}" for span in collector.spans), "the request's span"
            )
            assert await program.stop() == 0
        assert _signature(signed) not in program.log
        assert [span for span in collector.spans if _signature(signed) in str(span)] == []


async def test_a_request_that_is_refused_early_is_logged_without_the_signature(tmp_path: Path) -> None:
    secret = "S" * 43
    async with running(tmp_path, **_SETTINGS) as program:
        statuses = []
        for start, more in (
            (f"GET /original/caf\xe9?sig={secret} HTTP/1.1", ""),
            (f"GET /original/cat?sig={secret} HTTP/9.x", ""),
            (f"GET /original/cat?sig={secret} HTTP/1.1", "no header\r\n"),
            (f"GET /original/cat?sig={secret} HTTP/1.1", "Transfer-Encoding: x\r\n"),
            (f"GET /{'a' * 1_100}?sig={secret} HTTP/1.1", ""),
            (f"GET /{'a' * 9_000}?sig={secret} HTTP/1.1", ""),
            (f"GET /nowhere?v=1&s%69G={secret} HTTP/1.1", ""),
            (f"PATCH /original/cat?sig={secret} HTTP/1.1", ""),
        ):
            async with connected(program.port) as raw:
                await raw.send(f"{start}\r\nHost: localhost\r\n{more}\r\n".encode("latin-1"))
                statuses.append((await raw.answer()).status)
        assert statuses == [400, 400, 400, 400, 404, 400, 404, 405]
        await until(lambda: len(program.logged("request")) == len(statuses), "the requests' lines")
        assert secret not in program.log


def _lose_blobs(program: Program) -> None:
    for blob in (program.folder / "data").rglob("original/**/*"):
        if blob.is_file():
            blob.unlink()
