"""The memory of processes, from proc(5)."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def own() -> dict[str, int]:
    """This process's `rss` and `pss` in bytes."""
    return of(["self"])


def resident() -> int:
    """This process's `rss` in bytes; cheaper than `own`, because the kernel need not look at the pages."""
    return _resident(Path("/proc/self"))


def of(pids: Iterable[int | str]) -> dict[str, int]:
    """The sums over these processes, in bytes; without `pss` if one of them is not readable.

    A worker process hides its memory, so that only root can read its pss. A process that has ended counts as 0.
    """
    rss, pss, is_known = 0, 0, True
    for pid in pids:
        folder = Path(f"/proc/{pid}")
        with suppress(OSError, ValueError, IndexError):
            rss += _resident(folder)
        try:
            pss += _pss(folder)
        except (OSError, ValueError):
            is_known = is_known and not folder.exists()
    return {"rss": rss} | ({"pss": pss} if is_known else {})


def _resident(folder: Path) -> int:
    return int((folder / "statm").read_text().split()[1]) * _PAGE


def _pss(folder: Path) -> int:
    for line in (folder / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1_024
    raise ValueError("no Pss in smaps_rollup")
