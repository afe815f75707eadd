"""What somebody sees who starts pymager for the first time, and who tries it with --dev."""

import asyncio
import base64
import re
import shlex
import socket
import stat
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.live.client import Client
from tests.live.program import TIMEOUT_SECONDS, Program, command, running
from tests.pictures import jpeg

pytestmark = pytest.mark.live

OPEN = {"tokens": None, "users": None, "sizes": None}


async def test_the_lines_that_are_printed_work_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(jpeg(1200, 900))
    async with running(tmp_path, **OPEN) as program:
        upload = next(line.strip() for line in program.out.splitlines() if line.strip().startswith("curl"))
        url = next(line.strip() for line in program.out.splitlines() if line.strip().endswith(".jpg"))
        assert "201" in await _curl(tmp_path, *shlex.split(upload)[1:], "-w", "\n%{http_code}")
        await _curl(tmp_path, "--fail", "-o", "derived.jpg", url)
    with Image.open(tmp_path / "derived.jpg") as picture:
        picture.load()
        assert (picture.format, picture.size) == ("JPEG", (800, 600))


async def test_the_password_is_shown_once_and_its_hash_is_for_the_owner_only(tmp_path: Path) -> None:
    async with running(tmp_path, name="first", **OPEN) as first:
        password = shown_password(first)
        assert password is not None
    async with running(tmp_path, name="second", **OPEN) as second:
        assert password not in second.out + second.log
        assert shown_password(second) is None
        assert await upload_status(second, "admin", password) == 201
        assert await upload_status(second, "admin", "another") == 401
    file = tmp_path / "data/first-user"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert password not in file.read_text()
    shown = await command(tmp_path, "config", **OPEN)
    assert f"first user: admin  ({file})\n" in shown.out
    assert file.read_text().strip().partition(":")[2] not in shown.out
    others = await command(tmp_path, "config")
    assert "first user" not in others.out


async def test_no_user_is_created_while_another_program_has_the_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = await command(tmp_path, "serve", **OPEN, port=other.getsockname()[1])
    assert done.code == 2
    assert "Address already in use" in done.err
    assert "password" not in done.out + done.err
    assert not list(tmp_path.rglob("first-user"))


async def test_programs_that_start_together_on_a_new_folder_agree_on_one_user(tmp_path: Path) -> None:
    async with (
        running(tmp_path, name="first", wait=False, **OPEN) as first,
        running(tmp_path, name="second", wait=False, **OPEN) as second,
    ):
        await asyncio.gather(first.answers(), second.answers())
        (password,) = filter(None, (shown_password(first), shown_password(second)))
        assert await upload_status(first, "admin", password) == 201
        assert await upload_status(second, "admin", password) == 409


async def test_dev_starts_afresh_with_the_user_test_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    for name in ("first", "second"):
        async with running(tmp_path, "--dev", name=name, data=None, spool=None, **OPEN) as program:
            assert "curl -u test:test" in program.out
            assert await upload_status(program, "test", "test") == 201
            async with Client(program.url) as client:
                assert (await client.get("/derived/cat-37x21.png")).picture.size == (37, 21)
            assert any(temporary.iterdir())
            assert await program.stop() == 0
        assert list(temporary.iterdir()) == []


async def upload_status(program: Program, user: str, password: str) -> int:
    """The status of an upload of `cat` with these credentials."""
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    async with Client(program.url) as client:
        answer = await client.request(
            "POST",
            "/original/cat",
            data={"file": BytesIO(jpeg(120, 90))},
            headers={"Authorization": f"Basic {credentials}"},
        )
    return answer.status


def shown_password(program: Program) -> str | None:
    match = re.search(r"with the password '([^']+)'", program.out)
    return match and match[1]


async def _curl(folder: Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "curl", "--silent", "--show-error", *arguments, cwd=folder, stdout=-1, stderr=-1
    )
    async with asyncio.timeout(TIMEOUT_SECONDS):
        out, err = await process.communicate()
    assert process.returncode == 0, err
    return out.decode()


_ANY_SIZE = "any size of variant is allowed"


@pytest.mark.parametrize(
    ("arguments", "sizes", "warnings"),
    [((), "*", 1), (("--processes", "2"), "*", 1), ((), None, 0), (("--dev",), None, 0)],
)
async def test_a_server_that_allows_any_size_warns_once_unless_it_is_for_development(
    tmp_path: Path, arguments: tuple[str, ...], sizes: str | None, warnings: int
) -> None:
    async with running(tmp_path, *arguments, sizes=sizes) as program:
        assert program.log.count(_ANY_SIZE) == warnings
        assert program.log.count("PYMAGER_SIZES") == warnings


@pytest.mark.parametrize(
    ("arguments", "ui", "has_page"),
    [
        ((), None, True),
        (("--host", "127.1"), None, False),  # as inet_aton(3) reads it; no address by the rules of the setting
        (("--host", "127.1", "--dev"), None, True),
        (("--dev",), "off", False),
        (("--host", "127.1"), "on", True),
    ],
)
async def test_the_web_page_is_named_and_served_where_the_setting_says(
    tmp_path: Path, arguments: tuple[str, ...], ui: str | None, has_page: bool
) -> None:
    async with running(tmp_path, *arguments, ui=ui, **OPEN) as program, Client(program.url) as client:
        assert (f"  {program.url}/\n" in program.out) is has_page
        response = await client.get("/")
        assert response.status == 200
        assert response.body.startswith(b"<!doctype html>" if has_page else b'{"name":"pymager"')
        assert (await client.get("/ui/app.js")).status == (200 if has_page else 404)


async def test_every_server_process_of_dev_serves_the_page(tmp_path: Path) -> None:
    arguments = ("--host", "127.1", "--dev", "--processes", "2")
    async with running(tmp_path, *arguments, **OPEN) as program:
        for _ in range(8):
            async with Client(program.url) as client:
                assert (await client.get("/ui/app.js")).status == 200
