"""Enforces the deadlines of calls: shuts down the socket that a late call waits on, which wakes up its thread.

The drivers have no option for this: psycopg and libpq keep waiting for a server that is connected but silent.
"""

import os
import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from time import monotonic

from pymager.errors import Unavailable


class Call:
    """A call that must end by `deadline`, on the monotonic clock. Shared by its thread and the event loop.

    If `has_started` is False, the call has sent nothing.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_canceled = False
        self.has_started = False

    def check(self) -> None:
        """Raise `Unavailable` after the deadline, before starting anything else."""
        if self._is_canceled or monotonic() > self.deadline:
            raise Unavailable("the call waited too long for the database and was not sent", outcome_known=True)

    def watch_socket(self, descriptor: int | None) -> None:
        """Register the socket that the call waits on, if it is known. Raises `Unavailable` after the deadline.

        The descriptor is duplicated, because the driver can close its own at any time, and the number can be reused.
        """
        with self._lock:
            self._drop()
            self.check()
            self.has_started = True
            if descriptor is not None:
                self._socket = socket.socket(fileno=os.dup(descriptor))

    def forget_socket(self) -> None:
        """Unregister the socket: the call no longer waits on it."""
        with self._lock:
            self._drop()

    def cancel(self) -> None:
        """Shut the socket down, and prevent the call from starting anything else."""
        with self._lock:
            self._is_canceled = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


current: ContextVar[Call | None] = ContextVar("current", default=None)
"""The call that this thread executes."""


def watch_socket(descriptor: int | None) -> None:
    """Register the socket that the current call waits on."""
    if (call := current.get()) is not None:
        call.watch_socket(descriptor)


def forget_socket() -> None:
    """Unregister the socket: the current call no longer waits on it."""
    if (call := current.get()) is not None:
        call.forget_socket()


def remaining(maximum: float) -> float:
    """Return the remaining seconds of the current call, up to `maximum`."""
    call = current.get()
    return maximum if call is None else max(0.001, min(maximum, call.deadline - monotonic()))
