"""`make cluster`: what it prints works, and nothing is left of it."""

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.live.program import until
from tests.pictures import jpeg

pytestmark = pytest.mark.live


@pytest.mark.usefixtures("minio", "postgresql", "dynamodb")
@pytest.mark.parametrize("catalog", ["postgresql", "dynamodb"])
async def test_the_lines_that_it_prints_work_and_nothing_is_left(tmp_path: Path, catalog: str) -> None:
    (tmp_path / "photo.jpg").write_bytes(jpeg(1600, 1200))
    out = tmp_path / "out"
    with out.open("wb") as stream:
        cluster = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.cluster", catalog], stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        await until(lambda: cluster.poll() is not None or "derived" in out.read_text(), "the lines")
        text = out.read_text()
        lines = [line for line in text.splitlines() if line.startswith("curl ")]
        assert len(lines) == 4, text
        statuses = [await _status(line, tmp_path) for line in lines]
        children = psutil.Process(cluster.pid).children(recursive=True)
        assert len(children) > 5
        folder = re.search(r"logs are in (\S+)\.", text)
        assert folder is not None and Path(folder[1]).exists()
    finally:
        cluster.send_signal(signal.SIGINT)
        code = await asyncio.to_thread(cluster.wait, 60)
    assert statuses == ["201", "200", "204", "404"]
    assert code == 0, out.read_text()
    await until(lambda: not any(child.is_running() for child in children), "the end of all of it")
    assert not Path(folder[1]).exists()


async def _status(line: str, folder: Path) -> str:
    command = line.replace("curl ", "curl -sS -w '%{stderr}%{http_code}' ", 1)
    curl = await asyncio.create_subprocess_shell(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status = await curl.communicate()
    return status.decode()
