"""Several server processes on one listening socket: started, watched, replaced, stopped together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial

import structlog

from pymager.sandbox import die_with_parent
from pymager.telemetry.exposition import Boards
from pymager.telemetry.shared_memory import Board

_SOON = 1.0
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}

log = structlog.get_logger("pymager.supervisor")


def supervise(
    listener: socket.socket,
    count: int,
    arguments: Sequence[str],
    environ: dict[str, str],
    boards: Boards | None = None,
) -> int:
    """Run `count` processes that serve on the socket until SIGTERM or SIGINT; returns the exit code.

    A process that dies is replaced. One that can't even start ends them all. They count on `boards`, where given.
    """
    listener.set_inheritable(True)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored by default, and then it would not be waited for
    command = [sys.executable, "-m", "pymager", *arguments, "--fd", str(listener.fileno())]
    children = {
        child.pid: (child, time.monotonic())
        for child in (_start(command, listener, environ, boards) for _ in range(count))
    }
    while True:
        if (number := signal.sigwait(_SIGNALS)) != signal.SIGCHLD:
            return _stop(listener, [child for child, _ in children.values()], number)
        for child, started in list(children.values()):
            if child.poll() is None:
                continue
            del children[child.pid]
            log.error("a server process ended", pid=child.pid, code=child.returncode)
            if boards is not None:
                boards.ended(child.pid)
            if child.returncode == 2 or (child.returncode > 0 and time.monotonic() - started < _SOON):
                _stop(listener, [child for child, _ in children.values()], signal.SIGINT)
                return child.returncode
            if time.monotonic() - started < _SOON:
                time.sleep(_SOON)  # signals wait meanwhile
            replacement = _start(command, listener, environ, boards)
            children[replacement.pid] = (replacement, time.monotonic())


def _start(
    command: list[str], listener: socket.socket, environ: dict[str, str], boards: Boards | None
) -> subprocess.Popen[bytes]:
    # Before exec, so that none outlives a supervisor that is killed while its processes still load their modules.
    own = partial(_become_child, os.getpid())
    if boards is None:
        return subprocess.Popen(command, pass_fds=[listener.fileno()], env=environ, preexec_fn=own)
    board = Board()
    command = [*command, "--board", str(board.fd)]
    child = subprocess.Popen(command, pass_fds=[listener.fileno(), board.fd], env=environ, preexec_fn=own)
    boards.belongs(board, child.pid)
    return child


def _become_child(parent: int) -> None:
    die_with_parent(parent)
    # A terminal sends it to all: Python would end in the middle of its start with a traceback. The server heeds it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _stop(listener: socket.socket, children: list[subprocess.Popen[bytes]], number: int) -> int:
    """Pass the signal on, also those that come later, until all have ended; SIGINT goes after SIGTERM and hurries."""
    listener.close()  # otherwise clients would still get in, and wait for an answer that never comes
    while True:
        for child in children:
            if number != signal.SIGCHLD and child.poll() is None:
                os.kill(child.pid, signal.SIGTERM)
                if number == signal.SIGINT:
                    os.kill(child.pid, signal.SIGINT)
        if all(child.poll() is not None for child in children):
            break
        number = signal.sigwait(_SIGNALS)
    codes = [child.returncode for child in children]
    # SIGTERM itself ends a process that has not come as far as to handle it.
    return 0 if all(code in (0, -signal.SIGTERM) for code in codes) else 1
