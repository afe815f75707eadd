"""The limits that a process puts on itself before it reads an untrusted picture. Linux only.

They are a second line of defense: a picture that gets past the checks of its decoder can then only end the process.
"""

import ctypes
import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_NO_NEW_PRIVS = 38
_CPU_TIMER_CLOCK_ID = -8  # clock_getcpuclockid(3): CPUCLOCK_PROF of this process

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROC_FILE_BYTES = 8_192  # more than statm and status have
_MAX_OPEN_FILES = 64
_NICENESS = 5
_OOM_SCORE_ADJ = "1000"  # proc(5): the maximum, so that the kernel kills this process first


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the thread that started it ends, prctl(2).

    If the process `parent` is no longer the parent, it ended before this call, and this process exits.
    """
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def protect_memory() -> None:
    """Forbid other processes of the same user to read this one's memory and environment, proc(5) and ptrace(2)."""
    _prctl(_PR_SET_DUMPABLE, 0)


def set_name(name: str) -> None:
    """Set the name that `ps -o comm` shows for this process; up to 15 bytes."""
    _prctl(_PR_SET_NAME, ctypes.create_string_buffer(name.encode()))


def yield_to_server() -> None:
    """Lower the rank of this process permanently, and of all processes that are forked from it.

    They get no new privileges, and other processes cannot read their memory. The kernel kills them first when memory
    runs out, and runs them after the server when all processors are busy.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    with suppress(OSError):  # /proc can be read-only; before protect_memory(), which makes root the file's owner
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_ADJ)
    os.nice(_NICENESS)
    protect_memory()


def restrict(memory_bytes: int) -> None:
    """Limit this process permanently: its address space, and the size of each file that it writes.

    It writes no core file and has few open files.
    """
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_FSIZE, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _MAX_OPEN_FILES)


def address_space(process: int | str = "self") -> int:
    """The address space of a process in bytes, which the limit on memory counts, proc(5). Raises `OSError`."""
    file = os.open(f"/proc/{process}/statm", os.O_RDONLY | os.O_CLOEXEC)  # a tenth of what `Path.read_text` costs
    try:
        return _address_space(file)
    finally:
        os.close(file)


def _address_space(statm: int) -> int:
    return int(os.pread(statm, _PROC_FILE_BYTES, 0).split(maxsplit=1)[0]) * _PAGE_BYTES


class MemoryUsage:
    """The address space of this process. Its files stay open: a process that is confined can open none."""

    def __init__(self) -> None:
        self.descriptors = tuple(
            os.open(f"/proc/self/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in ("statm", "status")
        )

    def address_space(self) -> int:
        """Its size now, in bytes."""
        return _address_space(self.descriptors[0])

    def largest_address_space(self) -> int:
        """The largest size that it has had, in bytes, proc(5)."""
        for line in os.pread(self.descriptors[1], _PROC_FILE_BYTES, 0).splitlines():
            if line.startswith(b"VmPeak:"):
                return int(line.split()[1]) << 10
        return 0


def limit_cpu_seconds(seconds: int) -> None:
    """Send SIGXCPU to this process when it has used this much more CPU time, or up to a second more than that."""
    soft = int(_used_cpu_seconds()) + 1 + seconds  # setrlimit(2): the kernel counts from the start of the process
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _used_cpu_seconds() -> float:
    """CPU time as RLIMIT_CPU counts it: by timer ticks, which differ from `time.process_time` by up to a tenth.

    With the other clock, a process that has worked for minutes would get no time at all, or far too much.
    """
    try:
        return time.clock_gettime(_CPU_TIMER_CLOCK_ID)
    except OSError:
        return time.process_time()


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (limit, limit))


def _prctl(option: int, value: int | ctypes.Array[ctypes.c_char]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value) if isinstance(value, int) else value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")
