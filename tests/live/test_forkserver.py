"""A forked process is one of its own: its variables, its folder, its files, its end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.live.client import Client
from tests.live.forkserver import ForkServer
from tests.live.program import command, environment, running, started, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live


async def test_commands_side_by_side_have_their_own_settings_and_files(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with running(tmp_path / "one", sizes="8x6") as one, running(tmp_path / "two", sizes="9x7") as two:
        for program, answers in ((one, (200, 403)), (two, (403, 200))):
            assert Path(f"/proc/{program.pid}/cwd").readlink() == program.folder
            async with Client(program.url) as client:
                assert (await client.put("cat", jpeg(64, 48))).status == 201
            async with Client(program.url, headers={}) as client:
                assert (
                    tuple([(await client.get(f"/derived/cat-{size}.jpg")).status for size in ("8x6", "9x7")]) == answers
                )
        assert "10x8" in (await command(tmp_path, "config", sizes="10x8")).out
        assert await two.stop() == 0
        assert one.code is None


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["config"], 0, "port"),
        (["copy-blobs", "file:.", "file:to"], 1, "FROM is empty"),
        (["sweep", "--no-such"], 2, "Usage: python -m pymager sweep"),
        (["hash-password", "--name", "ann"], 0, "ann:$argon2"),
    ],
)
async def test_a_command_exits_and_prints_as_one_that_starts_afresh(
    tmp_path: Path, arguments: list[str], code: int, said: str, fresh: bool
) -> None:
    done = await command(tmp_path, *arguments, stdin="a password\n", fresh=fresh)
    assert done.code == code, done
    assert said in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
async def test_a_signal_is_its_end(tmp_path: Path, number: signal.Signals) -> None:
    async with running(tmp_path) as program:
        program.signal(number)
        assert await program.ended() == -number


async def test_another_version_a_mutant_and_another_interpreter_start_afresh(tmp_path: Path) -> None:
    server = ForkServer.of_this_process()
    assert server.can_start(environment(tmp_path, {"workers": 2, "failpoint_count": tmp_path / "passed"}))
    for settings in ({"code": tmp_path}, {"failpoint_mutant": "a_mutation_is_retried"}):
        assert not server.can_start(environment(tmp_path, settings))
    assert not server.can_start(environment(tmp_path, {}) | {"PYTHONPROFILEIMPORTTIME": "1"})


async def test_nothing_outlives_the_tests(tmp_path: Path) -> None:
    """The tests are killed, and what they started has not even a moment to look around."""
    script = (
        "import json, sys; from pathlib import Path; from tests.live.program import Program, until; import asyncio\n"
        f"program = Program(Path({str(tmp_path)!r}), (), 'program', {{}})\n"
        "asyncio.run(program.answers())\n"
        "print(json.dumps([process.pid for process in program.processes()]), flush=True)\n"
        "sys.stdin.read()\n"
    )
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    tests = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )
    with tests:
        assert tests.stdout is not None
        pids = json.loads(tests.stdout.readline())
        found = [psutil.Process(pid) for pid in pids]
        assert len(found) >= 2
        tests.kill()
    await until(lambda: not [process for process in found if process.is_running()], "the end of the processes")


def test_a_process_whose_fork_server_was_killed_before_it_could_ask_for_its_end_ends_itself(tmp_path: Path) -> None:
    code = f"from tests.live.forkserver import Request; Request([], {{}}, {str(tmp_path)!r}).fulfil([], server=1 << 30)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=60)
    assert ended.returncode == 1


async def test_a_process_ends_with_the_fork_server(tmp_path: Path) -> None:
    server = ForkServer()
    try:
        with Path(os.devnull).open("r+b") as nothing:
            given = environment(tmp_path, {})
            process = server.start(["serve"], given, tmp_path, (nothing, nothing, nothing))
            server.kill()
            assert process.wait(60) == -signal.SIGKILL
        await until(lambda: not psutil.pid_exists(process.pid), "the end of the process")
    finally:
        server.close()
    with Path(os.devnull).open("r+b") as nothing:
        afresh = started(["--version"], given, tmp_path, (nothing, nothing, nothing), fresh=False)
        assert afresh.wait(60) == 0
