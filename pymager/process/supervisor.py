"""Several server processes on one listening socket: starts them, replaces those that end, and stops them together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial

import structlog

from pymager.process_limits import die_with_parent
from pymager.telemetry.exposition import MetricsCollector
from pymager.telemetry.shared_memory import SharedMetrics

_MIN_UPTIME_SECONDS = 1.0
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}

log = structlog.get_logger("pymager.supervisor")


def supervise(
    listener: socket.socket,
    count: int,
    arguments: Sequence[str],
    environ: dict[str, str],
    metrics: MetricsCollector | None = None,
) -> int:
    """Run `count` processes that serve on the socket until SIGTERM or SIGINT; returns the exit code.

    A process that ends is replaced. One that fails to start ends all of them. `metrics` collects their metrics.
    """
    listener.set_inheritable(True)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # the default is to ignore it, and sigwait would not see it
    command = [sys.executable, "-m", "pymager", *arguments, "--listen-fd", str(listener.fileno())]
    children = {
        child.pid: (child, time.monotonic())
        for child in (_start(command, listener, environ, metrics) for _ in range(count))
    }
    while True:
        if (number := signal.sigwait(_SIGNALS)) != signal.SIGCHLD:
            return _stop(listener, [child for child, _ in children.values()], number)
        for child, started in list(children.values()):
            if child.poll() is None:
                continue
            del children[child.pid]
            log.error("server process ended", pid=child.pid, code=child.returncode)
            if metrics is not None:
                metrics.remove(child.pid)
            if child.returncode == 2 or (child.returncode > 0 and time.monotonic() - started < _MIN_UPTIME_SECONDS):
                _stop(listener, [child for child, _ in children.values()], signal.SIGINT)
                return child.returncode
            if time.monotonic() - started < _MIN_UPTIME_SECONDS:
                time.sleep(_MIN_UPTIME_SECONDS)  # signals stay pending
            replacement = _start(command, listener, environ, metrics)
            children[replacement.pid] = (replacement, time.monotonic())


def _start(
    command: list[str], listener: socket.socket, environ: dict[str, str], metrics: MetricsCollector | None
) -> subprocess.Popen[bytes]:
    # Runs before exec, so that no process outlives a supervisor that is killed while they load their modules.
    become_child = partial(_become_child, os.getpid())
    if metrics is None:
        return subprocess.Popen(command, pass_fds=[listener.fileno()], env=environ, preexec_fn=become_child)
    own_metrics = SharedMetrics()
    command = [*command, "--metrics-fd", str(own_metrics.fd)]
    child = subprocess.Popen(
        command, pass_fds=[listener.fileno(), own_metrics.fd], env=environ, preexec_fn=become_child
    )
    metrics.add(own_metrics, child.pid)
    return child


def _become_child(parent: int) -> None:
    die_with_parent(parent)
    # A terminal sends SIGINT to all processes, and Python would end its start with a traceback. The server handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _stop(listener: socket.socket, children: list[subprocess.Popen[bytes]], number: int) -> int:
    """Forward this signal and later ones until all processes have ended. SIGINT follows SIGTERM and skips the delay."""
    listener.close()  # otherwise new clients would connect, and wait for an answer that never comes
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
    # SIGTERM kills a process that has not installed its handler yet.
    return 0 if all(code in (0, -signal.SIGTERM) for code in codes) else 1
