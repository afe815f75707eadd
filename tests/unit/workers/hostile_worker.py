"""A template of workers whose jobs run hostile code, as a decoder would that a picture has taken over.

A job's file has the arguments of `attack` in JSON. The result is the name of the error with which the system has
answered, or `ok`.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import resource
import socket
import stat
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from pymager.engine import template, worker
from pymager.engine.import_block import Files
from pymager.engine.jobs import Header, Inspection, Mezzanine, RenderJob
from pymager.engine.limits import PictureLimits

LIBC = ctypes.CDLL(None, use_errno=True)
BPF, KEYCTL = {"x86_64": (321, 250), "aarch64": (280, 219)}[platform.machine()]
IO_URING_SETUP, PIDFD_OPEN = 425, 434
LARGE, KEPT = "large", list[mmap.mmap]()
"""The argument with which all modules take more address space than a worker may use."""
PTRACE_ATTACH, NOBODY = 16, 0x7FFF_FFFF


def call(function: str, *arguments: Any) -> None:
    """Call a function of the C library. Raises `OSError`."""
    ctypes.set_errno(0)
    if getattr(LIBC, function)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), function)


def read(path: str) -> None:
    os.read(os.open(path, os.O_RDONLY), 1)


def write(path: str) -> None:
    os.open(path, os.O_WRONLY | os.O_CREAT)


def environment() -> None:
    if not os.environ and LIBC.getenv(b"PATH") == 0:
        raise PermissionError(errno.EPERM, "it is empty")


def connect_tcp(port: int) -> None:
    with socket.socket() as end:
        end.connect(("127.0.0.1", port))


def connect_unix(name: str) -> None:
    """A name with an @ is abstract."""
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(name.replace("@", "\0"))


def send_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendto(b"x", ("127.0.0.1", 9))


def in_child(work: Callable[[], None]) -> None:
    """Do something that would end this process. Where there can be no child, it has to fail."""
    try:
        pid = os.fork()
    except PermissionError:
        work()
        return
    if pid == 0:
        try:
            work()
        except OSError as error:
            os._exit(error.errno or 255)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, os.strerror(code))


def fork() -> None:
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def execute() -> None:
    in_child(lambda: os.execv("/bin/true", ["true"]))


def execute_memory() -> None:
    file = os.memfd_create("program")
    in_child(lambda: os.execve(file, ["program"], {}))


def read_memory(pid: int, address: int) -> None:
    class Part(ctypes.Structure):
        _fields_ = (("start", ctypes.c_void_p), ("size", ctypes.c_size_t))

    buffer = ctypes.create_string_buffer(8)
    ours, theirs = Part(ctypes.addressof(buffer), 8), Part(address, 8)
    call("process_vm_readv", pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)


def channel() -> int:
    """This worker's connection, which is its only socket."""
    return next(file for file in range(3, 64) if is_open(file) and stat.S_ISSOCK(os.fstat(file).st_mode))


def is_open(file: int) -> bool:
    try:
        os.fstat(file)
    except OSError:
        return False
    return True


ATTACKS: dict[str, Callable[..., object]] = {
    "abstract": connect_unix,
    "bpf": lambda: call("syscall", BPF, 0, None, 0),
    "environment": environment,
    "executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close(),
    "execute": execute,
    "execute memory": execute_memory,
    "fork": fork,
    "io_uring": lambda: call("syscall", IO_URING_SETUP, 1, None),
    "keyctl": lambda: call("syscall", KEYCTL, 0, -3, 0),
    "kill": lambda pid: os.kill(pid, 0),
    "limits": lambda pid: resource.prlimit(pid, resource.RLIMIT_CORE),
    "mount": lambda: call("mount", None, None, None, 0, None),
    "open process": lambda pid: call("syscall", PIDFD_OPEN, pid, 0),
    "ptrace": lambda: call("ptrace", PTRACE_ATTACH, NOBODY, None, None),
    "read": read,
    "memory": read_memory,
    "send a file": lambda: call("sendmsg", channel(), None, 0),
    "setns": lambda: call("setns", -1, 0),
    "signal by a file": lambda pid: fcntl.fcntl(channel(), fcntl.F_SETOWN, pid),
    "tcp": connect_tcp,
    "udp": send_udp,
    "unix": connect_unix,
    "unshare": lambda: call("unshare", 0),
    "write": write,
}


def thread() -> str:
    """Whether a thread can run, and ends."""
    done: list[str] = []
    started = threading.Thread(target=lambda: done.append("ok"))
    started.start()
    started.join()
    return done[0]


def imported(module: str) -> str:
    try:
        import_module(module)
    except ImportError:
        return "not installed"
    return "ok"


def attack(name: str, *arguments: Any) -> str:
    if name == "files":
        return " ".join(str(file) for file in range(64) if is_open(file))
    if name == "import":
        return imported(*arguments)
    if name == "thread":
        return thread()
    try:
        ATTACKS[name](*arguments)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "ok"


def render(source: int, limits: PictureLimits, job: RenderJob) -> bytes | None:
    return attack(*json.loads(os.pread(source, 10_000, 0))).encode()


def read_header(source: int, limits: PictureLimits) -> Header:
    return Header("png", 640, 480)


def inspect(
    source: int, limits: PictureLimits, background: tuple[int, int, int], mezzanine: Mezzanine | None
) -> tuple[Inspection, bytes | None]:
    raise NotImplementedError


def make_mezzanine(source: int, limits: PictureLimits, mezzanine: Mezzanine) -> bytes | None:
    raise NotImplementedError


def load_all() -> Files:
    import_module("colorsys")
    if LARGE in sys.argv:
        KEPT.append(mmap.mmap(-1, 2 << 30))
    return Files()


if __name__ == "__main__":
    template.main(lambda decoders: worker.JobHandlers(read_header, inspect, render, make_mezzanine, load_all))
