"""seccomp: a process gives up all system calls but those that decoding needs, seccomp(2). Needs no privilege."""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pymager.sandbox.syscalls import call

_NAME = "seccomp"
_SET_MODE_FILTER, _GET_ACTION_AVAIL = 1, 2
_TSYNC = 1  # all threads of the process
_SPEC_ALLOW = 4  # old kernels make a process with a filter slower otherwise, against attacks by code that it compiles
_KILL_PROCESS, _ERRNO, _ALLOW = 0x8000_0000, 0x0005_0000, 0x7FFF_0000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # linux/bpf_common.h
_INSTRUCTION = struct.Struct("=HBBI")
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in `struct seccomp_data`
_X32_BIT = 0x4000_0000

_CALLS = {
    # memory
    "brk": (12, 214),
    "madvise": (28, 233),
    "mremap": (25, 216),
    "munmap": (11, 215),
    # open files
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "poll": (7, None),
    "ppoll": (271, 73),
    "pread64": (17, 67),
    "read": (0, 63),
    "readv": (19, 65),
    "write": (1, 64),
    "writev": (20, 66),
    # the connection to the server
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    # threads
    "exit": (60, 93),
    "exit_group": (231, 94),
    "futex": (202, 98),
    "get_robust_list": (274, 100),
    "getcpu": (309, 168),
    "membarrier": (324, 283),
    "rseq": (334, 293),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "sched_yield": (24, 124),
    "set_robust_list": (273, 99),
    # handlers of signals
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    # time, and what a process asks about itself
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "nanosleep": (35, 101),
    "sysinfo": (99, 179),
    "times": (100, 153),
    # with conditions, or with another error than EPERM
    "clone": (56, 220),
    "clone3": (435, 435),
    "faccessat": (269, 48),
    "fcntl": (72, 25),
    "getdents64": (217, 61),
    "ioctl": (16, 29),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "newfstatat": (262, 79),
    "openat": (257, 56),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "sendto": (44, 206),
    "statx": (332, 291),
    "tgkill": (234, 131),
}
"""The numbers of system calls on x86_64 and on aarch64; None where the architecture does not have it."""
_CONDITIONAL = frozenset({"clone", "clone3", "fcntl", "ioctl", "mmap", "mprotect", "openat", "prctl", "prlimit64"}) | {
    *("faccessat", "getdents64", "newfstatat", "readlink", "readlinkat", "sendto", "statx", "tgkill")
}
_FOR_FILES = ("faccessat", "getdents64", "newfstatat", "readlink", "readlinkat", "statx")

_PROT_EXEC = 4
_THREAD_FLAGS = (0x3D_0F00, 0x7D_0F00)  # clone(2), as pthread_create(3) of glibc and of musl sets them
_FCNTL_COMMANDS = (0, 1, 2, 3, 1_030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC: none sends a signal
_PR_SET_NAME = 15
_AT_EMPTY_PATH = 0x1000
_WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | (os.O_TMPFILE & ~os.O_DIRECTORY)


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a filter has to know: the kernel's name (linux/audit.h), the column of `_CALLS`, the number of seccomp."""

    audit: int
    column: int
    seccomp: int


ARCHITECTURES = {"x86_64": Architecture(0xC000_003E, 0, 317), "aarch64": Architecture(0xC000_00B7, 1, 277)}


@dataclass(frozen=True, slots=True)
class _Check:
    """A condition on the lower or upper 32 bits of an argument: some values, no bit of a mask, or all bits of one."""

    argument: int
    values: tuple[int, ...] = ()
    without: int = 0
    with_bit: int = 0
    upper: bool = False

    def instructions(self) -> list[bytes]:
        offset = _ARGUMENTS + 8 * self.argument + (4 if self.upper else 0)
        load = _instruction(_LOAD, offset)
        if self.without:
            return [load, _instruction(_JUMP_ANY_BIT, self.without, 0, 1), _error(errno.EPERM)]
        if self.with_bit:
            return [load, _instruction(_JUMP_ANY_BIT, self.with_bit, 1, 0), _error(errno.EPERM)]
        last = len(self.values) - 1
        compared = [_instruction(_JUMP_EQUAL, value, last - at + 1, 0) for at, value in enumerate(self.values)]
        return [load, *compared, _error(errno.EPERM)]


def is_supported() -> bool:
    """Whether this kernel has filters, and this module has the numbers of this architecture's calls."""
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return False
    action = ctypes.c_uint32(_ERRNO)
    try:
        call(_NAME, architecture.seccomp, _GET_ACTION_AVAIL, 0, ctypes.byref(action))
    except OSError:
        return False
    return True


def restrict(*, reads_files: bool = False) -> None:
    """Deny this process all system calls but those that decoding needs. They fail with EPERM.

    It can use the files that are open, and memory that is not executable; start threads, but no process; and send a
    signal only to itself. With `reads_files`, it can also open files to read them. The process must have set
    no_new_privs. Raises `OSError`.
    """
    architecture = ARCHITECTURES[platform.machine()]
    program = b"".join(instructions(architecture, os.getpid(), reads_files=reads_files))
    code = ctypes.create_string_buffer(program, len(program))
    count = len(program) // _INSTRUCTION.size

    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = (("count", ctypes.c_ushort), ("code", ctypes.c_void_p))

    filter = Program(count, ctypes.addressof(code))
    if call(_NAME, architecture.seccomp, _SET_MODE_FILTER, _TSYNC | _SPEC_ALLOW, ctypes.byref(filter)) != 0:
        raise OSError(errno.EBUSY, f"{_NAME}: a thread has another filter")  # the result is its id, seccomp(2)


def instructions(architecture: Architecture, pid: int, *, reads_files: bool) -> list[bytes]:
    """The filter of a process, one BPF instruction each."""
    program = [
        *(_instruction(_LOAD, _ARCHITECTURE), _instruction(_JUMP_EQUAL, architecture.audit, 1, 0)),
        *(_instruction(_RETURN, _KILL_PROCESS), _instruction(_LOAD, _NUMBER)),
        *(_instruction(_JUMP_AT_LEAST, _X32_BIT, 0, 1), _error(errno.EPERM)),
    ]
    plain = [name for name in _CALLS if name not in _CONDITIONAL]
    if reads_files:
        plain += _FOR_FILES
    for name in plain:
        program += _rule(architecture, name, [_instruction(_RETURN, _ALLOW)])
    program += _rule(architecture, "clone3", [_error(errno.ENOSYS)])  # its flags are in memory; glibc then uses clone
    program += _rule(architecture, "ioctl", [_error(errno.ENOTTY)])  # as if no open file were a terminal
    for name, checks in _conditions(pid, reads_files=reads_files):
        body = [part for check in checks for part in check.instructions()]
        program += _rule(architecture, name, [*body, _instruction(_RETURN, _ALLOW)])
    return [*program, _error(errno.EPERM)]


def _conditions(pid: int, *, reads_files: bool) -> Iterable[tuple[str, Sequence[_Check]]]:
    yield "clone", [_Check(0, _THREAD_FLAGS)]
    yield "fcntl", [_Check(1, _FCNTL_COMMANDS)]
    yield "mmap", [_Check(2, without=_PROT_EXEC)]
    yield "mprotect", [_Check(2, without=_PROT_EXEC)]
    yield "prctl", [_Check(0, (_PR_SET_NAME,))]
    yield "prlimit64", [_Check(0, (0,))]  # its own limits
    yield "sendto", [_Check(4, (0,)), _Check(4, (0,), upper=True)]  # no address: only what is connected
    yield "tgkill", [_Check(0, (pid,))]
    if reads_files:
        yield "openat", [_Check(2, without=_WRITING_FLAGS)]
    else:
        yield "newfstatat", [_Check(3, with_bit=_AT_EMPTY_PATH)]
        yield "statx", [_Check(2, with_bit=_AT_EMPTY_PATH)]


def _rule(architecture: Architecture, name: str, body: list[bytes]) -> list[bytes]:
    """What happens in a call; its body returns."""
    number = _CALLS[name][architecture.column]
    return [] if number is None else [_instruction(_JUMP_EQUAL, number, 0, len(body)), *body]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, if_true, if_false, value)


def _error(number: int) -> bytes:
    return _instruction(_RETURN, _ERRNO | number)
