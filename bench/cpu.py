"""What a tree of processes costs: CPU time and memory, read from the kernel."""

import contextlib
import os
import time
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PARENT, _UTIME, _STIME, _CUTIME, _CSTIME = 1, 11, 12, 13, 14  # positions after the name in proc_pid_stat(5)


def tree(root: int) -> list[int]:
    """The process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[_PARENT]), []).append(int(folder.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def seconds(root: int) -> float:
    """User and system CPU time that the tree has used so far, of children that ended and were waited for too.

    The living are read from their CPU clock, which has nanoseconds; only the dead ones' time comes in ticks of 10 ms.
    """
    return sum(_own(pid) + _reaped(pid) for pid in tree(root))


def settled(root: int, limit: float = 2.0) -> float:
    """`seconds` once the tree is at rest: what a server still does after its last answer belongs to the answers."""
    deadline = time.monotonic() + limit
    last = seconds(root)
    while time.monotonic() < deadline:
        time.sleep(0.05)
        now = seconds(root)
        if now - last < 0.001:
            return last
        last = now
    return last


def memory(root: int) -> int:
    """Bytes of memory that the tree holds, shared pages divided among who shares them (PSS)."""
    return sum(own_memory(pid) for pid in tree(root))


def resident(root: int) -> int:
    """Bytes of memory that the tree holds, shared pages counted for each process that has them (RSS)."""
    return sum(_rollup(pid, "Rss:") for pid in tree(root))


def _own(pid: int) -> float:
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the process's CPU clock, as clock_getcpuclockid(3) names it
    except OSError:
        fields = _stat(pid)
        return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICK if fields else 0.0


def _reaped(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[_CUTIME]) + int(fields[_CSTIME])) / _TICK if fields else 0.0


def _stat(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def own_memory(pid: int) -> int:
    """Bytes of memory that one process holds (PSS); 0 for one that is gone."""
    return _rollup(pid, "Pss:")


def _rollup(pid: int, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
