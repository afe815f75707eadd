"""The supervisor and several processes on one socket, with a simple program in place of the server."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TIMEOUT_SECONDS = 30.0

_CHILD = """
import os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parents[1]
assert sys.argv[1:3] == ["serve", "--listen-fd"]
os.fstat(int(sys.argv[3]))
assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
code = (here / "code").read_text()
if code:
    sys.exit(int(code))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(int((here / "goodbye").read_text())))
(here / f"pid-{os.getpid()}").touch()
while True:
    time.sleep(0.1)  # a signal that arrives right before a sleep is handled after it
"""

_PARENT = """
import os, socket, sys
from pymager.process.supervisor import supervise
listener = socket.socket(fileno=int(sys.argv[1]))
sys.exit(supervise(listener, 2, ["serve"], dict(os.environ) | {"PYTHONPATH": sys.argv[2]}))
"""


def wait_for(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


class Family:
    """A supervisor and its children; their program is in the test's folder."""

    def __init__(self, folder: Path, code: str = "", goodbye: str = "0") -> None:
        self.folder = folder
        (folder / "pymager").mkdir()
        (folder / "pymager" / "__init__.py").touch()
        (folder / "pymager" / "__main__.py").write_text(_CHILD)
        (folder / "code").write_text(code)
        (folder / "goodbye").write_text(goodbye)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            number = listener.fileno()
            self.parent = subprocess.Popen(
                [sys.executable, "-P", "-c", _PARENT, str(number), str(folder)],
                cwd=folder,
                pass_fds=[number],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    @property
    def pids(self) -> set[int]:
        """The ids of all children that have started."""
        return {int(path.name.removeprefix("pid-")) for path in self.folder.glob("pid-*")}

    def ended(self) -> int:
        return self.parent.wait(TIMEOUT_SECONDS)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def families(tmp_path: Path) -> Iterator[list[Family]]:
    several: list[Family] = []
    yield several
    for family in several:
        family.parent.kill()
        family.parent.wait()
        wait_for(lambda: not any(map(is_alive, family.pids)))  # noqa: B023


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_processes_with_exit_code_0(
    tmp_path: Path, families: list[Family], number: signal.Signals
) -> None:
    families.append(family := Family(tmp_path))
    wait_for(lambda: len(family.pids) == 2)
    family.parent.send_signal(number)
    assert family.ended() == 0
    assert not any(map(is_alive, family.pids))


def test_a_process_that_fails_at_its_end_gives_exit_code_1(tmp_path: Path, families: list[Family]) -> None:
    families.append(family := Family(tmp_path, goodbye="3"))
    wait_for(lambda: len(family.pids) == 2)
    family.parent.terminate()
    assert family.ended() == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_ends_is_replaced(tmp_path: Path, families: list[Family], number: signal.Signals) -> None:
    families.append(family := Family(tmp_path))
    wait_for(lambda: len(family.pids) == 2)
    first, second = family.pids
    os.kill(first, number)
    wait_for(lambda: len(family.pids) == 3)
    assert is_alive(second)
    family.parent.terminate()
    assert family.ended() == 0


def test_processes_that_end_at_once_are_all_replaced(tmp_path: Path, families: list[Family]) -> None:
    families.append(family := Family(tmp_path))
    wait_for(lambda: len(family.pids) == 2)
    for pid in family.pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(family.pids) == 4)


@pytest.mark.parametrize("code", ["1", "2"])
def test_if_no_process_can_start_the_supervisor_exits_with_their_code(
    tmp_path: Path, families: list[Family], code: str
) -> None:
    families.append(family := Family(tmp_path, code=code))
    assert family.ended() == int(code)
    assert family.pids == set()


def test_no_process_outlives_a_supervisor_that_is_killed(tmp_path: Path, families: list[Family]) -> None:
    families.append(family := Family(tmp_path))
    wait_for(lambda: len(family.pids) == 2)
    family.parent.kill()
    wait_for(lambda: not any(map(is_alive, family.pids)))
