"""Panics of decoders that are written in Rust: PyO3 raises them as a `BaseException`, which would end the process."""

from collections.abc import Iterator
from contextlib import contextmanager

_PANIC = "PanicException"  # its class cannot be imported


@contextmanager
def as_errors() -> Iterator[None]:
    """Turn a panic into a `RuntimeError`."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise RuntimeError(f"the decoder panicked: {error}") from error
