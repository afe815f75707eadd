"""Several processes share a folder: one is killed, one finds the disk full."""

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pymager.errors import NotFound
from pymager_filesystem import FolderBlobs

KEY = "original/cat/0123.jpg"
HEAD = """
import asyncio, os, signal, sys, resource
from pathlib import Path
from pymager import failpoints
from pymager.errors import NoSpace
from pymager_filesystem import FolderBlobs

root, *rest = sys.argv[1:]
"""


@pytest.fixture
async def blobs(root: Path) -> AsyncIterator[FolderBlobs]:
    async with FolderBlobs(f"file://{root}") as store:
        yield store


def program(body: str) -> list[str]:
    return [sys.executable, "-c", HEAD + textwrap.dedent(body)]


def temporary_files(root: Path) -> list[Path]:
    return list((root / "tmp").iterdir())


async def read(store: FolderBlobs, key: str) -> bytes:
    async with store.open(key) as blob:
        return b"".join([chunk async for chunk in blob.chunks])


@pytest.mark.parametrize(
    ("point", "is_there"), [("file.written", False), ("file.renamed", True), ("file.synced", True)]
)
async def test_a_killed_writer_leaves_a_whole_blob_or_a_file_that_tidy_removes(
    blobs: FolderBlobs, root: Path, point: str, is_there: bool
) -> None:
    killed = program("""
        def die(point):
            if point == rest[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        async def main():
            async with FolderBlobs(f"file://{root}") as blobs:
                failpoints.hook = die
                await blobs.put("original/cat/0123.jpg", bytes(1_000_000), "image/jpeg")

        asyncio.run(main())
    """)
    assert subprocess.run([*killed, str(root), point], check=False).returncode == -signal.SIGKILL
    if is_there:
        assert await read(blobs, KEY) == bytes(1_000_000)
    else:
        with pytest.raises(NotFound):
            await read(blobs, KEY)
    assert await blobs.tidy(0) == (0 if is_there else 1)
    assert temporary_files(root) == []


FULL = """
    async def main():
        async with FolderBlobs(f"file://{root}") as blobs:
            await blobs.put("original/cat/1.jpg", bytes(100_000), "image/jpeg")
            source = Path(rest[0]) / "source"
            source.write_bytes(bytes(6_000_000))
            if rest[1] == "limit":
                resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            for body in (bytes(6_000_000), source):
                try:
                    await blobs.put("original/cat/2.jpg", body, "image/jpeg")
                except NoSpace as error:
                    print("NoSpace:", error)
            await blobs.put("original/dog/3.jpg", bytes(150_000), "image/jpeg")
            print(sorted([(info.key, info.size) async for info in blobs.list("")]))
            print([path.name for path in (Path(root) / "tmp").iterdir()], (Path(root) / "blobs/.probe").exists())

    asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["limit", "disk"])
def test_a_full_disk_leaves_no_partial_blob_and_the_store_keeps_working(root: Path, tmp_path: Path, kind: str) -> None:
    command = [*program(FULL), str(root), str(tmp_path), kind]
    if kind == "disk":
        root.mkdir()
        mounting = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
        mount = f"mount -t tmpfs -o size=4m none '{root}'"
        if subprocess.run([*mounting, mount], capture_output=True, check=False).returncode:
            pytest.skip("this environment can't mount a tmpfs")
        command = [*mounting, f'{mount} && exec "$@"', "sh", *command]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    first, second, listed, left = result.stdout.splitlines() or [result.stderr] * 4
    assert first.startswith("NoSpace: the blob folder is full")
    assert second.startswith("NoSpace: the blob folder is full")
    assert listed == "[('original/cat/1.jpg', 100000), ('original/dog/3.jpg', 150000)]"
    assert left == "[] False"


async def test_several_processes_can_put_and_delete_in_one_folder(blobs: FolderBlobs, root: Path) -> None:
    busy = program("""
        async def put_and_delete(blobs, task):
            for n in range(30):
                key = f"derived/cat/r{n % 2}/abcd/{rest[0]}x{task}.jpg"
                await blobs.put(key, bytes([n]) * 10_000, "image/jpeg")
                async with blobs.open(key) as blob:
                    assert b"".join([chunk async for chunk in blob.chunks]) == bytes([n]) * 10_000
                await blobs.delete([key])

        async def main():
            async with FolderBlobs(f"file://{root}") as blobs:
                await asyncio.gather(*[put_and_delete(blobs, task) for task in range(8)])

        asyncio.run(main())
    """)
    processes = [
        await asyncio.create_subprocess_exec(*busy, str(root), str(n), stderr=subprocess.PIPE) for n in range(4)
    ]
    outcomes = await asyncio.gather(*[process.communicate() for process in processes])
    assert [process.returncode for process in processes] == [0] * 4, outcomes
    assert list((root / "blobs").iterdir()) == []
    assert temporary_files(root) == []
