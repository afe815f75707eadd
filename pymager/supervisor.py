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

from pymager.guard import die_with_parent

_SOON = 1.0

log = structlog.get_logger("pymager.supervisor")


def supervise(listener: socket.socket, count: int, arguments: Sequence[str], environ: dict[str, str]) -> int:
    """Run `count` processes that serve on the socket until SIGTERM or SIGINT; returns the exit code.

    A process that dies is replaced. One that can't even start ends them all.
    """
    listener.set_inheritable(True)
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored by default, and then it would not be waited for
    command = [sys.executable, "-m", "pymager", *arguments, "--fd", str(listener.fileno())]
    children = {
        child.pid: (child, time.monotonic()) for child in (_start(command, listener, environ) for _ in range(count))
    }
    while True:
        if signal.sigwait(signals) != signal.SIGCHLD:
            return _stop(listener, [child for child, _ in children.values()])
        for child, started in list(children.values()):
            if child.poll() is None:
                continue
            del children[child.pid]
            log.error("a server process ended", pid=child.pid, code=child.returncode)
            if child.returncode == 2 or (child.returncode > 0 and time.monotonic() - started < _SOON):
                _stop(listener, [child for child, _ in children.values()])
                return child.returncode
            if time.monotonic() - started < _SOON:
                time.sleep(_SOON)  # signals wait meanwhile
            replacement = _start(command, listener, environ)
            children[replacement.pid] = (replacement, time.monotonic())


def _start(command: list[str], listener: socket.socket, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    # Before exec, so that none outlives a supervisor that is killed while its processes still load their modules.
    own = partial(_become_child, os.getpid())
    return subprocess.Popen(command, pass_fds=[listener.fileno()], env=environ, preexec_fn=own)


def _become_child(parent: int) -> None:
    die_with_parent(parent)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _stop(listener: socket.socket, children: list[subprocess.Popen[bytes]]) -> int:
    listener.close()  # otherwise clients would still get in, and wait for an answer that never comes
    for child in children:
        os.kill(child.pid, signal.SIGTERM)
    codes = [child.wait() for child in children]
    # SIGTERM itself ends a process that has not come as far as to handle it.
    return 0 if all(code in (0, -signal.SIGTERM) for code in codes) else 1
