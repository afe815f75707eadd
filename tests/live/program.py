"""`pymager serve` and the other commands as processes of their own, on a folder of their own."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import psutil

from pymager.process_limits import die_with_parent
from tests.live.forkserver import Forked, ForkServer

TOKEN = "a-token-of-the-tests"
WRITER = {"Authorization": f"Bearer {TOKEN}"}
TIMEOUT_SECONDS = 120.0
_PAUSE = 0.01
_HOOKED = Path(__file__).with_name("hooked")
_URL = re.compile(r"pymager serves on (http://\S+)")
_OLD_WORKER = "pymager.engine.worker"
"""In the command line of the worker processes of earlier versions."""
_TEMPLATE = "pymager.engine.template"
"""In the command line of the processes that worker processes are forked from, and so in theirs."""
_ENDED = (b"Z", b"X")
_TICKS = os.sysconf("SC_CLK_TCK")
_START_MARGIN_SECONDS = 2.0
_MAX_PROC_BYTES = 1 << 16


async def until(condition: Callable[[], Any], what: str, seconds: float = TIMEOUT_SECONDS) -> Any:
    """What `condition` gives once that is true; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds:g} seconds for: {what}"
        await asyncio.sleep(_PAUSE)
    return found


def environment(folder: Path, settings: dict[str, object]) -> dict[str, str]:
    """The environment of a program that keeps everything below `folder`; None leaves a setting out.

    `code` is no setting, but the folder of another version of the program, which runs instead of this one.
    """
    settings = dict(settings)
    code = settings.pop("code", None)
    given: dict[str, object] = {
        "data": folder / "data",
        "spool": folder / "spool",
        "port": 0,
        "workers": 1,
        "tokens": f"tests:{sha256(TOKEN.encode()).hexdigest()}",
        "sizes": "*",
        "log_format": "json",
        "sweep_interval": 0,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYMAGER_", "FAILPOINT_"))}
    named = {name.upper(): str(value) for name, value in (given | settings).items() if value is not None}
    failpoints = {name: value for name, value in named.items() if name.startswith("FAILPOINT_")}
    chosen = {f"PYMAGER_{name}": value for name, value in named.items() if name not in failpoints}
    path = os.pathsep.join(filter(None, (str(_HOOKED), os.environ.get("PYTHONPATH"))))
    hooked = {"PYTHONPATH": path, **failpoints} if failpoints else {}
    if code is not None:
        hooked = {"PYTHONPATH": str(code)}
    return inherited | {"PYTHONUNBUFFERED": "1"} | chosen | hooked


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit code, or the signal negated, and what it printed."""

    code: int
    out: str
    err: str


async def command(folder: Path, *arguments: str, stdin: str = "", fresh: bool = False, **settings: object) -> Done:
    """Run `pymager` with these arguments to its end, as `started` does."""
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        process = started(arguments, environment(folder, settings), folder, (given, out, err), fresh=fresh)
        try:
            await until(lambda: process.poll() is not None, f"the end of pymager {' '.join(arguments)}")
        finally:
            process.kill()
            code = process.wait()
        return Done(code, _whole(out), _whole(err))


def started(
    arguments: Sequence[str], environ: Mapping[str, str], folder: Path, files: Sequence[IO[bytes] | int], *, fresh: bool
) -> "subprocess.Popen[bytes] | Forked":
    """A process that runs `pymager`; `files` are its standard input, output and error.

    It is forked from one that has imported the program, unless it has to be `fresh`, or its variables ask for another
    version of the program, a mutant, or an interpreter that starts in another way.
    """
    if not fresh:
        server = ForkServer.of_this_process()
        if server.can_start(environ):
            return server.start(arguments, environ, folder, files)
    stdin, stdout, stderr = files
    return subprocess.Popen(
        [sys.executable, "-m", "pymager", *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=environ,
        cwd=folder,
        preexec_fn=partial(die_with_parent, os.getpid()),
    )


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@dataclass(frozen=True)
class _Stat:
    """The parent of a process, and when it started, in clock ticks after the boot."""

    parent: int
    start: int


@dataclass(frozen=True)
class _Seen:
    """A process of a program, and when it started: its number can be that of another process later."""

    start: int
    process: psutil.Process


class Program:
    """A `pymager serve` that was started; `url` is there once it answers."""

    def __init__(
        self, folder: Path, arguments: tuple[str, ...], name: str, settings: dict[str, object], *, fresh: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.url = ""
        self._out, self._log = folder / f"{name}.out", folder / f"{name}.log"
        self._seen: dict[int, _Seen] = {}
        self._not_before = int((time.clock_gettime(time.CLOCK_BOOTTIME) - _START_MARGIN_SECONDS) * _TICKS)
        with self._out.open("wb") as out, self._log.open("wb") as log, Path(os.devnull).open("rb") as nothing:
            files = (nothing, out, log)
            self._popen = started(("serve", *arguments), environment(folder, settings), folder, files, fresh=fresh)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def code(self) -> int | None:
        """The exit code, or the signal negated; None while it runs."""
        return self._popen.poll()

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of this event, each of which has to be JSON."""
        lines = [json.loads(line) for line in self.log.splitlines()]
        return [line for line in lines if line["event"] == event]

    async def answers(self) -> None:
        """Wait until it has said where it serves."""
        match = await until(lambda: self.code is not None or _URL.search(self.out), "the program's start")
        assert match is not True, f"the program ended with {self.code} at its start: {self.log}"
        self.url = match[1]

    async def ended(self, seconds: float = TIMEOUT_SECONDS) -> int:
        """Wait for its end and for that of all its processes, and give its exit code."""
        await until(lambda: self.code is not None, "the program's end", seconds)
        await until(lambda: not self.processes(), "the end of the program's other processes")
        assert self.code is not None
        return self.code

    async def stop(self, seconds: float = TIMEOUT_SECONDS) -> int:
        """SIGTERM, and the exit code."""
        self._look()
        self.signal(signal.SIGTERM)
        return await self.ended(seconds)

    async def kill(self) -> None:
        """SIGKILL; no process of it may be left."""
        self._look()
        self.signal(signal.SIGKILL)
        await self.ended()

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def workers(self) -> list[psutil.Process]:
        """Its worker processes, those of all its server processes."""
        return [process for process in self.processes() if _is_worker(process)]

    def servers(self) -> list[psutil.Process]:
        """The server processes that it started: none where it serves itself."""
        return [process for process in self.processes() if not _is_engine(process) and process.pid != self.pid]

    @property
    def process(self) -> psutil.Process:
        """The process that was started."""
        return psutil.Process(self.pid)

    def processes(self) -> list[psutil.Process]:
        """All of its processes that run, whoever is their parent by now."""
        stats = self._look()
        return [seen.process for pid, seen in self._seen.items() if pid in stats and stats[pid].start == seen.start]

    async def close(self) -> None:
        """End whatever still runs."""
        with suppress(ProcessLookupError):
            self._popen.kill()
        self._popen.wait()
        try:
            await until(lambda: not self.processes(), "the end of the program's other processes")
        finally:
            for process in self.processes():
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def _look(self) -> "dict[int, _Stat]":
        """Learn of new processes: children of known ones, and those that name a known one as their server."""
        stats, known = _stats(), self._seen.keys() | {self.pid}
        others = {pid: stat for pid, stat in stats.items() if stat.start >= self._not_before and pid not in known}
        servers = {pid: _server_of(pid) for pid in others}
        while found := {pid for pid in others if others[pid].parent in known or servers[pid] in known} - known:
            known |= found
        for pid in (known & stats.keys()) - self._seen.keys():
            with suppress(psutil.NoSuchProcess):
                self._seen[pid] = _Seen(stats[pid].start, psutil.Process(pid))
        return stats


@asynccontextmanager
async def running(
    folder: Path,
    *arguments: str,
    name: str = "program",
    wait: bool = True,
    fresh: bool = False,
    **settings: object,
) -> AsyncIterator[Program]:
    """A program that serves, or without `wait` one that was just started; at the end of the block nothing is left."""
    program = Program(folder, arguments, name, settings, fresh=fresh)
    try:
        if wait:
            await program.answers()
        yield program
    finally:
        await program.close()


def clients_of(server: psutil.Process) -> set[int]:
    """The ports of the clients whose connections a server process has open."""
    return {connection.raddr.port for connection in server.net_connections("tcp") if connection.raddr}


def unread(port: int) -> int:
    """The bytes that clients have sent to a port and that no process has read yet (proc(5), /proc/net/tcp)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    queues = [queues for _, local, _, state, queues, *_ in lines if local.endswith(f":{port:04X}") and state == "01"]
    return sum(int(queue.partition(":")[2], 16) for queue in queues)


def _stats() -> dict[int, _Stat]:
    """The processes that run (proc_pid_stat(5)); one that only waits to be reaped does not."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - this is called often, and there are many
        if name.isdigit() and (line := _read(f"/proc/{name}/stat")):
            state, parent, *fields = line.rpartition(b")")[2].split(None, 20)
            if state not in _ENDED:
                found[int(name)] = _Stat(int(parent), int(fields[17]))
    return found


def _read(path: str) -> bytes:
    """The first bytes of a file of a process; none if that has ended."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return os.read(descriptor, _MAX_PROC_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        return b""


def _server_of(pid: int) -> int | None:
    """The process that a worker or a template names as its server, which may have ended."""
    arguments = _read(f"/proc/{pid}/cmdline").split(b"\0")
    *_, server, _ = (b"", *arguments)
    return int(server) if _TEMPLATE.encode() in arguments and server.isdigit() else None


def _is_worker(process: psutil.Process) -> bool:
    try:
        return process.name() == "pymager-worker" or _OLD_WORKER in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


def _is_engine(process: psutil.Process) -> bool:
    """Whether it is a worker process or a template of them."""
    try:
        return _is_worker(process) or _TEMPLATE in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False
