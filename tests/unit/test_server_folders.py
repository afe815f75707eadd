"""What a killed run of the tests has left in memory goes with the next run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import folders

_HOLD = """
import sys; from pathlib import Path; from tests.servers import folders
folders._SHARED_MEMORY, folders._has_room = Path(sys.argv[1]), lambda: True
folder, _ = folders.new_folder("held")
(folder / "data").write_bytes(b"data")
print(folder, flush=True)
sys.stdin.read()
"""


def test_a_folder_stays_while_its_process_lives_and_goes_after_it_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(folders, "_has_room", lambda: True)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as holder:
        assert holder.stdout is not None
        held = Path(holder.stdout.readline().strip())
        own, descriptor = folders.new_folder("own")
        assert own.is_dir()
        assert (held / "data").read_bytes() == b"data"
        holder.kill()
    another, lock = folders.new_folder("another")
    try:
        assert another.is_dir()
        assert own.is_dir()
        assert not held.exists()
    finally:
        for number in (descriptor, lock):
            os.close(number)
