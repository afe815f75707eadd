"""System calls that have no function in the C library, by their numbers."""

import ctypes
import os


def call(name: str, number: int, *arguments: object) -> int:
    """Make a system call, and return its result. Raises `OSError`, with `name` in its message."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(syscall(ctypes.c_long(number), *values))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result
