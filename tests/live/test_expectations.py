"""`Expect: 100-continue`: what can be refused by the head is refused before the body is sent (RFC 9110, 10.1.1)."""

from pathlib import Path

import pytest

from tests.live.client import Client, connected, head
from tests.live.program import running
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_PHOTO = jpeg(320, 240)
_FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + _PHOTO + b"\r\n--b--\r\n"
_IS_FORM = {"Content_Type": "multipart/form-data; boundary=b"}


async def test_what_the_head_is_enough_to_refuse_is_refused_without_a_100(tmp_path: Path) -> None:
    async with running(tmp_path, max_body=1_000_000) as program, Client(program.url) as client:
        assert (await client.put("there", _PHOTO)).status == 201
        refusals = [
            (401, "PUT", "/original/cat", {"Authorization": None}),
            (401, "POST", "/original/cat", {"Authorization": "Bearer another"} | _IS_FORM),
            (409, "POST", "/original/there", _IS_FORM),
            (412, "PUT", "/original/there", {"If_None_Match": "*"}),
            (413, "PUT", "/original/cat", {"Content_Length": 1_000_001}),
            (413, "POST", "/original/cat", {"Content_Length": 2_000_000} | _IS_FORM),
            (400, "PUT", "/original/a%20cat", {}),
            (415, "PUT", "/original/cat", {"Content_Encoding": "gzip"}),
        ]
        for status, method, path, headers in refusals:
            lines = {"Expect": "100-continue", "Content_Length": len(_PHOTO)} | headers
            async with connected(program.port) as raw:
                await raw.send(head(method, path, **lines))
                answer = await raw.answer()
            assert (answer.status, answer.json["status"]) == (status, status), (method, path)
        assert (await client.get("/original/cat")).status == 404


@pytest.mark.parametrize(("method", "headers", "body"), [("PUT", {}, _PHOTO), ("POST", _IS_FORM, _FORM)])
async def test_what_is_taken_is_told_to_go_on(
    tmp_path: Path, method: str, headers: dict[str, object], body: bytes
) -> None:
    async with running(tmp_path) as program, connected(program.port) as raw:
        await raw.send(head(method, "/original/cat", Expect="100-continue", Content_Length=len(body), **headers))
        assert (await raw.head())[0] == 100
        await raw.send(body)
        assert (await raw.answer()).status == 201
        await raw.send(head("GET", "/original/cat"))
        assert (await raw.answer()).body == _PHOTO


async def test_a_client_that_keeps_its_body_is_not_waited_for(tmp_path: Path) -> None:
    """With a stall time of an hour a server that waited for the body would not close, nor stop."""
    async with running(tmp_path, stall_timeout=3600, shutdown_timeout=3600) as program:
        async with connected(program.port) as raw:
            lines = {"Expect": "100-continue", "Content_Length": len(_PHOTO), "Authorization": "Bearer another"}
            await raw.send(head("PUT", "/original/cat", **lines))
            assert (await raw.answer()).status == 401
            assert await raw.reader.read() == b""
        async with connected(program.port) as raw:
            await raw.send(head("PUT", "/nowhere", Content_Length=len(_PHOTO)))
            assert (await raw.answer()).status == 404
        assert await program.stop() == 0
