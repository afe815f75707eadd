"""The end of every call: at its deadline the socket that it waits on is shut, and whoever reads from it wakes up.

No option of the drivers does that: psycopg and libpq go on waiting for a server that is silent but not gone.
"""

import os
import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from time import monotonic

from pymager.errors import Unavailable


class Call:
    """A piece of work that has to end by `until`, on the monotonic clock. Its thread and its loop share it.

    `is_begun` tells whether anything may have been sent.
    """

    def __init__(self, until: float) -> None:
        self.until = until
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_over = False
        self.is_begun = False

    def check(self) -> None:
        """Raises `Unavailable` once it is over: nothing more is begun."""
        if self._is_over or monotonic() > self.until:
            raise Unavailable("the database did not get to it in time", outcome_known=True)

    def watch(self, descriptor: int | None) -> None:
        """From now on it waits on this socket, where that is known. Raises `Unavailable` once it is over.

        The descriptor is duplicated: the driver may close its own at any time, and another connection get the number.
        """
        with self._lock:
            self._drop()
            self.check()
            self.is_begun = True
            if descriptor is not None:
                self._socket = socket.socket(fileno=os.dup(descriptor))

    def forget(self) -> None:
        """It waits on no socket any more."""
        with self._lock:
            self._drop()

    def cut(self) -> None:
        """End it: shut the socket, and let it begin nothing more."""
        with self._lock:
            self._is_over = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


current: ContextVar[Call | None] = ContextVar("current", default=None)
"""The call that the thread works for."""


def watch(descriptor: int | None) -> None:
    """The current call waits on this socket from now on."""
    if (call := current.get()) is not None:
        call.watch(descriptor)


def forget() -> None:
    """The current call waits on no socket any more."""
    if (call := current.get()) is not None:
        call.forget()


def remaining(most: float) -> float:
    """Seconds that the current call has left, at most so many."""
    call = current.get()
    return most if call is None else max(0.001, min(most, call.until - monotonic()))
