"""Blobs that no row knows, by the hundred thousand, and what a sweep of them holds in memory."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pymager.registry import load_blobs
from pymager_filesystem.layout import Layout

_DERIVED = 9
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Swept:
    """One sweep: how many blobs there were, the most resident memory in bytes, seconds."""

    blobs: int
    peak: int
    seconds: float


def sweep(settings: dict[str, str], count: int, store: Path | str) -> Swept:
    """Put `count` orphans into the store, a folder or a URL, and let `pymager sweep` find them."""
    env = {**os.environ, **settings, "PYMAGER_SWEEP_GRACE": "0", "PYMAGER_LOG_LEVEL": "warning"}
    env["PYMAGER_SWEEP_MAX_ORPHAN_PERCENT"] = "100"
    subprocess.run([sys.executable, "-m", "pymager", "init"], env=env, check=True, stdout=subprocess.DEVNULL)
    if isinstance(store, Path):
        _fill_folder(store, count)
    else:
        asyncio.run(_fill(store, count))
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "pymager", "sweep"], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or str(count) not in said.replace(",", ""):
        raise RuntimeError(f"the sweep did not find {count} blobs: {said}")
    return Swept(count, usage.ru_maxrss * 1024, time.monotonic() - started)


def _keys(count: int) -> Iterator[str]:
    """An original and nine derived pictures of each revision."""
    for number in range(count // (1 + _DERIVED)):
        owner = f"picture-{number:010d}/{number:032x}"
        yield f"original/{owner}.jpg"
        for width in range(100, 100 + _DERIVED):
            yield f"derived/{owner}/0123456789ab/{width}x100.jpg"


def _fill_folder(root: Path, count: int) -> None:
    """As the store lays them out, without its syncs."""
    layout = Layout.under(root)
    for key in _keys(count):
        path = Path(os.fsdecode(layout.path(key)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


async def _fill(url: str, count: int) -> None:
    async with load_blobs(url) as blobs:
        keys = _keys(count)

        async def work() -> None:
            for key in keys:
                await blobs.put(key, b"x", "image/jpeg")

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
