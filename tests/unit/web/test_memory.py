"""The memory of a burst is given back."""

import subprocess
import sys

from pymager.telemetry.process_memory import own, resident

# Small blocks below one that stays in use, so that glibc itself cannot give them back.
_BURST = """
import asyncio
from pymager.telemetry.process_memory import resident
from pymager.web.background import in_background
from pymager.web.memory import give_back_memory

async def main():
    async with in_background(give_back_memory(0.01)):
        await asyncio.sleep(0)
        before = resident()
        blocks = [bytes(4_000) for _ in range(20_000)]
        last = bytes(4_000)
        grown = resident() - before
        del blocks
        print(grown)
        async with asyncio.timeout(60):
            while resident() - before > grown // 4:
                await asyncio.sleep(0.01)
        print(len(last))

asyncio.run(main())
"""


def test_a_process_gives_back_what_it_has_freed() -> None:
    done = subprocess.run([sys.executable, "-c", _BURST], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    grown, kept = map(int, done.stdout.split())
    assert grown > 60_000_000
    assert kept == 4_000


def test_the_resident_memory_is_that_of_the_metrics() -> None:
    assert 0.5 < resident() / own()["rss"] < 2
