"""The memory that this process has freed and still keeps."""

import ctypes

_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it


def trim() -> None:
    """Give freed memory back to the system, malloc_trim(3). Other threads can run meanwhile."""
    if _TRIM is not None:
        _TRIM(0)
