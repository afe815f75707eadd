"""How the benchmark measures the memory of a server."""

import subprocess
import sys

from bench import figures

_SHARING = """
import os, sys, time
pages = bytearray(b"x") * (64 << 20)
if (child := os.fork()) == 0:
    time.sleep(1_000)
print("ready", flush=True)
sys.stdin.read()
os.kill(child, 9)
"""


def test_pages_that_processes_share_count_once() -> None:
    command = [sys.executable, "-c", _SHARING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        held = figures.Held(0.0)
        with figures._watched(process.pid, held):
            pass
        process.communicate()
    assert held.peak >= 64
    assert held.resident >= held.peak + 60
