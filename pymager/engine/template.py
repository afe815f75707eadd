"""The template of the worker processes: loads the decoders once, and forks a worker process for each request.

Started as `python -m pymager.engine.template DECODERS FILE SERVER`: the decoders that the settings accept, separated by
commas; the file descriptor of the socket to the server; and the server's process id. A request is one byte. `f` comes
with two open files, the worker's connection to the server and its standard error. The answer is the worker's process
id, or the number of the error with which the fork failed, negative. `a` loads all modules that a job can need, for the
workers that are forked from then on. The answer is the address space in MiB that they take.

A system without this fork has `python -m pymager.engine.template alone DECODERS FILE SERVER` instead, once for each
worker: it forks nothing, and is itself the worker with this connection. It loads all modules if it is to be confined.

The template runs no job, reads no picture and has only one thread, so that each worker starts from the same state.
"""

import ctypes
import errno
import faulthandler
import os
import platform
import signal
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

from pymager import process_limits
from pymager.engine import protocol, worker
from pymager.engine.import_block import Files
from pymager.engine.worker import JobHandlers
from pymager.imports import uncollected

_CLONE_NUMBERS = {"x86_64": 56, "aarch64": 220, "riscv64": 220}
"""The number of the system call clone(2) by machine. Docker forbids clone3, whose number is the same on all of them."""
_CLONE_PARENT, _CLONE_CHILD_SETTID = 0x8000, 0x0100_0000
_PR_GET_TID_ADDRESS = 40  # prctl(2)


LoadHandlers = Callable[[tuple[str, ...]], JobHandlers]
"""Gets the decoders that the settings accept. It is called once, and can import what it needs."""


def main(load_handlers: LoadHandlers) -> NoReturn:
    """Run the template. Never returns, in no process."""
    *mode, accepted, descriptor, server_text = sys.argv[1:]
    server, decoders = int(server_text), tuple(accepted.split(","))
    process_limits.die_with_parent(server)
    process_limits.set_name("worker-template")
    process_limits.yield_to_server()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the server handles it, and ends its workers after it has drained
    faulthandler.enable()
    with uncollected():  # a collection in a worker would write to all objects, and so copy the pages that they share
        handlers = load_handlers(decoders)
    connection = socket.socket(fileno=int(descriptor))
    if protocol.ALONE in mode:
        worker.run(connection, server, handlers, None, is_alone=True)
    else:
        _Template(connection, server, handlers).run()
    os._exit(0)


class _Template:
    """The template, and what it has loaded for its workers: `_files` is None before it has loaded all modules."""

    def __init__(self, control: socket.socket, server: int, handlers: JobHandlers) -> None:
        self._control = control
        self._server = server
        self._handlers = handlers
        self._files: Files | None = None

    def run(self) -> None:
        """Answer requests until the server disconnects. Returns only here: a worker ends its process."""
        self._answer(0)
        while True:
            message, files, _, _ = socket.recv_fds(self._control, 1, 2, socket.MSG_CMSG_CLOEXEC)
            if message == protocol.FORK:
                channel, stderr = files
                self._fork(channel, stderr)
            elif message == protocol.LOAD_ALL:
                with uncollected():
                    self._files = self._files or self._handlers.load_all()
                self._answer(process_limits.address_space() >> 20)
            else:
                return

    def _fork(self, channel: int, stderr: int) -> None:
        try:
            pid = fork_sibling()
        except OSError as error:
            pid = -(error.errno or errno.EAGAIN)
        if pid == 0:
            os.dup2(stderr, 2)
            os.close(stderr)
            self._control.close()
            worker.run(socket.socket(fileno=channel), self._server, self._handlers, self._files)
        os.close(channel)
        os.close(stderr)
        self._answer(pid)

    def _answer(self, number: int) -> None:
        self._control.sendall(protocol.TEMPLATE_ANSWER.pack(number))


def fork_sibling() -> int:
    """Fork this process as `os.fork` does, but the new process is a child of this one's parent, clone(2).

    The parent can therefore wait for the new process and get its exit code, and the new process can ask to be killed
    when the parent ends. It continues when this process ends. Call this function only while this process has one
    thread. Raises `OSError`.
    """
    number = _CLONE_NUMBERS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"clone(2) has no known number on {platform.machine()}")
    interpreter, libc = ctypes.pythonapi, ctypes.PyDLL(None, use_errno=True)  # they keep the interpreter's lock
    flags, thread_id = _CLONE_PARENT | signal.SIGCHLD, ctypes.c_void_p()
    if libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(thread_id), 0, 0, 0) == 0:
        flags |= _CLONE_CHILD_SETTID  # as fork(3) does: glibc has the thread's id in its memory
    # The address is there twice, because its position depends on the machine. The other one is ignored.
    values = (number, flags, 0, 0, thread_id.value or 0, thread_id.value or 0)
    interpreter.PyOS_BeforeFork()
    pid = int(libc.syscall(*map(ctypes.c_long, values)))
    if pid == 0:
        interpreter.PyOS_AfterFork_Child()
        return 0
    code = ctypes.get_errno()
    interpreter.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(code, os.strerror(code))
    return pid


def _load_handlers(decoders: tuple[str, ...]) -> JobHandlers:
    from pymager.engine import mezzanine, modules
    from pymager.engine.inspect import inspect, read_header
    from pymager.engine.render import render

    modules.load_usual(decoders)  # now, because a worker that is confined could not
    return JobHandlers(read_header, inspect, render, mezzanine.make, lambda: modules.load_all(decoders))


if __name__ == "__main__":
    main(_load_handlers)
