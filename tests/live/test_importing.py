"""`import` as a process: from a bucket, killed and run again; lists; dry runs; reports.

IMPORT_PICTURES is the number of pictures in the bucket of the kills.
"""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pymager import registry
from tests.backends.s3_buckets import client_of, new_bucket
from tests.live.program import TIMEOUT_SECONDS, command, environment, until
from tests.live.traces import assert_nothing_leaked, assert_swept, catalog
from tests.pictures import jpeg
from tests.servers import Minio

pytestmark = pytest.mark.live

_PICTURES = int(os.environ.get("IMPORT_PICTURES") or 300)
_SECONDS = TIMEOUT_SECONDS * max(1, _PICTURES / 300)
_LEAST_LEFT = 0.1  # of the pictures, when the second kill strikes
_UPLOADS = 16
_JOBS = 4


def picture(number: int) -> bytes:
    """A small PNG that no other number has."""
    out = BytesIO()
    Image.new("RGB", (16, 12), (number >> 16, number >> 8 & 255, number & 255)).save(out, "PNG")
    return out.getvalue()


async def filled(minio: Minio, bucket: str, pictures: dict[str, bytes]) -> None:
    """Put the objects, whose names no blob store of pymager would take."""
    client = client_of(minio)
    limit = asyncio.Semaphore(_UPLOADS)

    async def put(name: str, body: bytes) -> None:
        async with limit:
            await asyncio.to_thread(client.put_object, Bucket=bucket, Key=name, Body=body)

    async with asyncio.TaskGroup() as group:
        for name, body in pictures.items():
            group.create_task(put(name, body))


def stored(folder: Path) -> dict[str, str]:
    """The SHA-256 of each original by its id, from the catalog; check has compared the bytes with it."""
    with closing(sqlite3.connect(folder / "data/catalog.db")) as connection:
        return dict(connection.execute("SELECT id, sha256 FROM originals"))


def count(folder: Path) -> int:
    try:
        return len(catalog(folder))
    except sqlite3.OperationalError:  # no table yet
        return 0


async def test_an_import_from_a_bucket_that_was_killed_twice_loses_and_repeats_nothing(
    tmp_path: Path, minio: Minio, summarize: Callable[[str], None]
) -> None:
    bucket = await new_bucket(minio)
    pictures = {f"my album/{number % 7}/{number:06}.png": picture(number) for number in range(_PICTURES)}
    await filled(minio, bucket, pictures)
    assert (await command(tmp_path, "init", workers=2)).code == 0
    arguments = ("import", minio.url(bucket, "my%20album"), "--resume", "checkpoint", "--jobs", str(_JOBS))
    seen = [0]
    for share in (0.2, 0.5):
        process = subprocess.Popen(
            [sys.executable, "-m", "pymager", *arguments],
            env=environment(tmp_path, {"workers": 2}),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            enough = max(seen[-1] + 1, int(share * _PICTURES))
            await until(lambda enough=enough: count(tmp_path) >= enough, f"{enough} originals", _SECONDS)  # type: ignore[misc]
        finally:
            process.send_signal(signal.SIGKILL)
            assert process.wait(TIMEOUT_SECONDS) == -signal.SIGKILL
        seen.append(count(tmp_path))
    assert seen[-1] <= (1 - _LEAST_LEFT) * _PICTURES, "the run was over before the second kill"
    before = catalog(tmp_path)
    figures = await measured(tmp_path, arguments)
    assert figures["code"] == 0, figures
    assert before < catalog(tmp_path)  # what was imported has the same revision
    assert stored(tmp_path) == {
        name.removeprefix("my album/").removesuffix(".png").replace("/", "-"): sha256(body).hexdigest()
        for name, body in pictures.items()
    }
    again = await measured(tmp_path, arguments)
    assert again["out"] == f"0 imported, {_PICTURES} already there, 0 failed\n"
    await assert_swept(tmp_path)
    assert_nothing_leaked(tmp_path)
    lines = [f"{_PICTURES} pictures, killed at {seen[1]} and {seen[2]} originals"]
    for name, run in (("the third run", figures), ("the fourth, with nothing to do", again)):
        lines.append("{}: {seconds:.1f} s, {cpu:.1f} s of CPU, {peak:.0f} MB at most".format(name, **run))
    summarize("\n".join(lines))


async def measured(folder: Path, arguments: tuple[str, ...]) -> dict[str, Any]:
    """Run the command to its end. CPU time includes worker processes, the peak is that of the largest process."""
    began = time.monotonic()
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pymager", *arguments],
            env=environment(folder, {"workers": 2}),
            cwd=folder,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "code": process.returncode,
        "out": (folder / "out").read_text(),
        "seconds": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / 1024,
    }


async def test_objects_with_any_name_are_imported_or_named_in_the_report(tmp_path: Path, minio: Minio) -> None:
    bucket = await new_bucket(minio)
    names = ["photos/my cat.jpg", "photos/été.jpg", "photos/a+b%20c?.jpg", "photos/.hidden/x.jpg", "other/dog.jpg"]
    bodies = {name: jpeg(8, 8, seed=number) for number, name in enumerate(names)}
    await filled(minio, bucket, bodies | {"photos/": b"", "photos/text.jpg": b"no picture", "photos/my_cat.png": b"x"})
    arguments = ("import", minio.url(bucket, "photos"), "--report", "report.jsonl")
    dry = await command(tmp_path, *arguments, "--dry-run")
    assert dry.code == 1
    would = dict(line.split(" would become ") for line in dry.out.splitlines()[:-1])
    assert would[f"s3://{bucket}/photos/été.jpg"] == "'été'"
    assert would[f"s3://{bucket}/photos/a+b%20c?.jpg"] == "'a_b_20c_'"
    assert len(would) == 4  # one of the two with the same id, and the text: no picture is read
    assert catalog(tmp_path) == set()
    done = await command(tmp_path, *arguments)
    assert (done.code, done.out.partition(" (")[0]) == (1, "3 imported")
    assert {id for id, _ in catalog(tmp_path)} == {"my_cat", "été", "a_b_20c_"}
    *refused, last = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert {(line["source"].rpartition("/")[2], line["id"]) for line in refused} == {
        ("text.jpg", "text"),
        ("my_cat.png", "my_cat"),
    }
    assert all(line["reason"] for line in refused)
    assert last["summary"] | {"bytes": 0} == {"imported": 3, "bytes": 0, "existing": 0, "failed": 2, "stopped": None}
    assert minio.endpoint not in (tmp_path / "report.jsonl").read_text()


async def test_a_list_names_files_and_objects_and_pages(tmp_path: Path, minio: Minio) -> None:
    bucket = await new_bucket(minio)
    await filled(minio, bucket, {"far away/cat.jpg": jpeg(8, 8, seed=1)})
    album = tmp_path / "album"
    album.mkdir()
    for name in ("near.jpg", "absolute.jpg"):
        (album / name).write_bytes(jpeg(8, 8, seed=2))
    (album / "list.csv").write_text(
        "\ufeffid,source\r\n"
        f"a-cat,{minio.url(bucket, 'far%20away/cat.jpg')}\r\n"
        ",near.jpg\r\n"
        f'"named","{album / "absolute.jpg"}"\r\n'
        "\r\n"
        "not an id!,near.jpg\r\n"
        "missing,no-such-file.jpg\r\n"
        "null,/dev/zero\r\n"
        "web,http://example.test/cat.jpg\r\n"
        "local,http://127.0.0.1/cat.jpg\r\n"
    )
    done = await command(tmp_path, "import", "--list", "album/list.csv", "--allow-host", "127.0.0.1", workers=2)
    assert (done.code, done.out.partition(" (")[0]) == (1, "3 imported"), done
    assert {id for id, _ in catalog(tmp_path)} == {"a-cat", "near", "named"}
    assert "list.csv:6: the id contains the character" in done.err
    assert "/dev/zero: is not a regular file" in done.err
    assert "names the host example.test; allow it with --allow-host example.test" in done.err
    assert "the address 127.0.0.1 is not a public one; import only connects to public ones" in done.err
    lines = '{"source": "album/near.jpg", "id": "again"}\n{"source": "album/near.jpg"}\n{"source"\n[]\n'
    done = await command(tmp_path, "import", "--list", "-", stdin=lines)
    assert (done.code, done.out.rpartition(")")[2]) == (1, ", 0 already there, 2 failed\n"), done
    assert {"again", "album-near"} < {id for id, _ in catalog(tmp_path)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "import needs either SOURCE or --list"),
        (["album", "--list", "list.csv"], "import needs either SOURCE or --list"),
        (["no-such-folder"], "the URL of a blob store, got 'no-such-folder': there is no such folder"),
        (["list.csv"], "the URL of a blob store, got 'list.csv': it is a file"),
        (["http://example.org/a.jpg"], "write the addresses of pictures into a file for --list"),
        (["nothing:x"], "SOURCE: unknown blob store 'nothing:'"),
        (["album", "--allow-host", "example.org"], "--allow-host needs --list"),
        (["--list", "list.csv", "--allow-host", "http://example.org"], "--allow-host: must be a host"),
        (["--list", "list.csv"], "must begin with a header that names the column source"),
        (["album", "--dry-run", "--resume", "checkpoint"], "--dry-run cannot be combined with --resume"),
        (["album", "--resume", "list.csv"], "list.csv: cannot use the checkpoint: file is not a database"),
        (["album", "--resume", "data/catalog.db"], "cannot use the checkpoint: file is not a checkpoint of an import"),
        (["album", "--report", "no/such/folder"], "--report: cannot write no/such/folder"),
    ],
)
async def test_what_does_not_fit_together_is_wrong_usage(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "list.csv").write_text("album/cat.jpg\n" * 200)
    assert (await command(tmp_path, "init")).code == 0
    done = await command(tmp_path, "import", *arguments)
    assert (done.code, message in done.err) == (2, True), done


async def test_a_store_that_is_no_bucket_is_imported_by_its_keys(tmp_path: Path) -> None:
    other = f"file://{tmp_path / 'other'}"
    assert registry.has_tree("s3://bucket")
    assert not registry.has_tree(other)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "cat.jpg").write_bytes(jpeg(8, 8))
    done = await command(tmp_path, "import", other)
    assert (done.code, {id for id, _ in catalog(tmp_path)}) == (0, {"cat"}), done
