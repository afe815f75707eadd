"""The limits that a process puts on itself before it touches strangers' bytes. Linux only.

Each is a wall behind the decoder's own: what gets past one decoder's checks ends the process, not the machine.
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
_PR_SET_NO_NEW_PRIVS = 38
_TICKS = -8  # clock_getcpuclockid(3): CPUCLOCK_PROF of this process

_OPEN_FILES = 64
_NICENESS = 5
_FIRST_VICTIM = "1000"  # proc(5): the highest oom_score_adj


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process with SIGKILL when the thread that started it ends, prctl(2).

    Where `parent` is given and is not the parent any more, it died before this call: then this process ends here.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def hide() -> None:
    """Keep other processes of the same user from this one's memory and environment, proc(5) and ptrace(2)."""
    _prctl(_PR_SET_DUMPABLE, 0)


def restrict(memory: int) -> None:
    """Bound this process for good: `memory` is in bytes of address space, and of any file that it writes.

    No core file, few open files, no new privileges; first to go when memory runs out, and behind the server when
    processors do.
    """
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    with suppress(OSError):  # a read-only /proc; must come before hide(), which gives the file to root
        Path("/proc/self/oom_score_adj").write_text(_FIRST_VICTIM)
    os.nice(_NICENESS)
    hide()


def allow_processor(seconds: int) -> None:
    """From now on this process may use so much processor time, and up to a second more; then it gets SIGXCPU."""
    soft = int(_counted()) + 1 + seconds  # setrlimit(2): the kernel counts from the process's start
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _counted() -> float:
    """Seconds of processor time as RLIMIT_CPU counts them: by timer ticks, a tenth off `time.process_time` either way.

    Measured by the other clock, a process that has worked for minutes would get no time at all, or far too much.
    """
    try:
        return time.clock_gettime(_TICKS)
    except OSError:
        return time.process_time()


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (most, most))


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}, {value}): {os.strerror(code)}")
