"""The largest upload: it goes through the disk, not through memory."""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.live.client import Client, connected, head
from tests.live.program import Program, running
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_WIDTH, _HEIGHT = 5760, 5770  # 99.7 MB as PPM, under the 100 MB and the 100 megapixels that are the defaults
_SPARE = 4 << 20  # what Python's allocator may take more, on its way


def _picture() -> Iterator[bytes]:
    row = Random(1).randbytes(_WIDTH * 3)
    yield b"P6 %d %d 255\n" % (_WIDTH, _HEIGHT)
    for _ in range(_HEIGHT):
        yield row


async def _body() -> AsyncIterator[bytes]:
    for piece in _picture():
        yield piece


async def test_a_hundred_megabytes_go_in_and_out_in_flat_memory(
    tmp_path: Path, summarize: Callable[[str], None]
) -> None:
    digest = hashlib.sha256()
    for piece in _picture():
        digest.update(piece)
    async with running(tmp_path) as program, Client(program.url) as client:
        small = jpeg(1600, 1200)
        assert (await client.post("small", small)).status == 201  # what the first upload loads is no upload's cost
        assert (await client.put("small", small)).status == 200
        assert (await client.get("/original/small")).status == 200
        costs = {}
        before = _start_peak(program)
        answer = await client.put("big", _body())
        costs["PUT"] = _peak(program) - before
        assert (answer.status, answer.json["sha256"]) == (201, digest.hexdigest())
        before = _start_peak(program)
        assert (await client.post("form", _body())).status == 201
        costs["POST"] = _peak(program) - before
        before = _start_peak(program)
        assert await _hash_of_original(program, "big") == digest.hexdigest()
        costs["GET"] = _peak(program) - before
    summarize("more memory at the peak of 100 MB: " + ", ".join(f"{k} {v / 1e6:.2f} MB" for k, v in costs.items()))
    assert max(costs.values()) < _SPARE


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
async def test_what_is_over_the_limit_is_refused(tmp_path: Path, chunked: bool) -> None:
    data = jpeg(640, 480)
    async with running(tmp_path, max_body=len(data) - 1) as program, Client(program.url) as client:
        answer = await client.put("cat", _in_pieces(data) if chunked else data)
        assert answer.status == 413
        assert (await client.post("cat", data)).status == 413
        assert (await client.get("/original/cat")).status == 404
        assert (await client.put("cat", jpeg(320, 240))).status == 201


async def _in_pieces(data: bytes) -> AsyncIterator[bytes]:
    for first in range(0, len(data), 1000):
        yield data[first : first + 1000]


async def _hash_of_original(program: Program, id: str) -> str:
    digest = hashlib.sha256()
    async with connected(program.port) as raw:
        await raw.send(head("GET", f"/original/{id}"))
        _, headers = await raw.head()
        left = int(headers["content-length"])
        while left:
            piece = await raw.reader.read(1 << 20)
            assert piece
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


def _start_peak(program: Program) -> int:
    """Let the peak start anew from what is resident now, and give that in bytes (proc(5), clear_refs)."""
    Path(f"/proc/{program.pid}/clear_refs").write_text("5")
    return _status(program, "VmRSS")


def _peak(program: Program) -> int:
    return _status(program, "VmHWM")


def _status(program: Program, name: str) -> int:
    match = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{program.pid}/status").read_text())
    assert match is not None
    return int(match[1]) * 1024
