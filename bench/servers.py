"""The servers under test: how each is started, given originals and asked for pictures."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlencode

from bench import cpu, sharp, thumbor
from bench.load import Load, LoadError, Request, multipart

START_LIMIT = 120.0
STOP_LIMIT = 60.0


class Server(Protocol):
    """A server that the cases ask, each in its own words."""

    name: str
    port: int
    pid: int

    def derived(self, id: str, width: int, height: int, extension: str) -> Request:
        """A request for a derived picture of an original."""

    def add(self, load: Load, ids: Sequence[str], file: Path) -> None:
        """Put the same picture there under many ids, outside of what is measured."""


class Receiver(Server, Protocol):
    """A server that takes uploads."""

    def upload(self, id: str, file: Path) -> Request:
        """A request that uploads an original as a form."""


class Peer(Server, Protocol):
    """A server to compare with; `encodings` has what its files of a format are encoded with, by extension."""

    encodings: dict[str, dict[str, int | bool]]


class Process:
    """A server's process, from `with` to its end; ends what it started, by process id.

    `start_seconds` is the CPU time that it took until it answered its health check.
    """

    def __init__(
        self, command: Sequence[str | Path], env: Mapping[str, str], log: Path, port: int, health: str
    ) -> None:
        self._command, self._env, self._log, self.port, self._health = command, env, log, port, health

    def __enter__(self) -> Self:
        _check(Path(self._command[0]))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env={**_clean_environment(), **self._env}, cwd=self._log.parent, stdout=log, stderr=log
            )
        self.pid = self._process.pid
        try:
            self._wait()
            self.start_seconds = cpu.seconds(self.pid)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        family = cpu.tree(self.pid) if self._process.poll() is None else []
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(f"GET {self._health} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                if connection.recv(12).endswith(b" 200"):
                    return
            time.sleep(0.01)
        last = self._log.read_text(errors="replace").strip().splitlines()[-8:]
        raise LoadError("\n".join([f"{self._command[0]} did not start:", *last]))


class Pymager(Process):
    """pymager over a folder and SQLite, with settings other than the defaults in `settings`."""

    def __init__(
        self, program: Path, folder: Path, settings: dict[str, str] | None = None, *, name: str = "pymager"
    ) -> None:
        self.name = name
        folder.mkdir(exist_ok=True)
        token = secrets.token_urlsafe(24)
        self.auth = {"Authorization": f"Bearer {token}"}
        port = free_port()
        env = {
            "PYMAGER_PORT": str(port),
            "PYMAGER_DATA": str(folder / "data"),
            "PYMAGER_SIZES": "*",
            "PYMAGER_TOKENS": f"bench:{hashlib.sha256(token.encode()).hexdigest()}",
            "PYMAGER_SWEEP_INTERVAL": "0",
            "PYMAGER_LOG_LEVEL": "warning",
        }
        env |= settings or {}
        super().__init__([program, "serve"], env, folder / "log", port, "/readyz")

    def derived(self, id: str, width: int, height: int, extension: str) -> Request:
        return Request(f"/derived/{id}-{width}x{height}.{extension}")

    def upload(self, id: str, file: Path) -> Request:
        headers, prefix, suffix = multipart("file", file)
        return Request(f"/original/{id}", "POST", {**self.auth, **headers}, str(file), prefix, suffix)

    def delete(self, id: str) -> Request:
        """A request that deletes an original."""
        return Request(f"/original/{id}", "DELETE", self.auth)

    def add(self, load: Load, ids: Sequence[str], file: Path) -> None:
        load.send(self.port, [self.upload(id, file) for id in ids], 4, expect=201)


class Thumbor(Process):
    """thumbor over a folder of originals, with its file result storage and signed URLs."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.name = "thumbor"
        self.encodings: dict[str, dict[str, int | bool]] = {}
        self._originals = Originals(folder)
        port = free_port()
        self._key = secrets.token_urlsafe(24)
        conf = folder / "thumbor.conf"
        conf.write_text(thumbor.configuration(folder, self._key))
        command: list[str | Path] = [
            python,
            "-m",
            "thumbor.server",
            f"--port={port}",
            "--ip=127.0.0.1",
            f"--conf={conf}",
        ]
        super().__init__(command, {}, folder / "log", port, "/healthcheck")

    def derived(self, id: str, width: int, height: int, extension: str) -> Request:
        wanted = {"jpg": "jpeg"}.get(extension, extension)
        name = self._originals.names[id]
        filters = [] if name.endswith(f".{extension}") else [f"format({wanted})"]
        filters += [f"{option}({value})" for option, value in self.encodings.get(extension, {}).items()]
        chain = f"filters:{':'.join(filters)}/" if filters else ""
        return Request(thumbor.signed(self._key, f"{width}x{height}/{chain}{name}"))

    def upload(self, id: str, file: Path) -> Request:
        headers, prefix, suffix = multipart("media", file)
        return Request("/image", "POST", headers, str(file), prefix, suffix)

    def add(self, load: Load, ids: Sequence[str], file: Path) -> None:
        self._originals.add(ids, file)


class Sharp(Process):
    """Our small server on sharp, over a folder of originals, with results in files."""

    def __init__(self, modules: Path, folder: Path) -> None:
        self.name = "sharp"
        self.encodings: dict[str, dict[str, int | bool]] = {}
        self._originals = Originals(folder)
        (folder / "results").mkdir()
        port = free_port()
        command: list[str | Path] = [shutil.which("node") or "node", sharp.SERVER, str(port), folder]
        super().__init__(command, sharp.environment(modules), folder / "log", port, "/health")

    def derived(self, id: str, width: int, height: int, extension: str) -> Request:
        query = urlencode({name: json.dumps(value) for name, value in self.encodings.get(extension, {}).items()})
        return Request(f"/{width}x{height}.{extension}/{self._originals.names[id]}?{query}")

    def add(self, load: Load, ids: Sequence[str], file: Path) -> None:
        self._originals.add(ids, file)


class Originals:
    """The folder that a peer reads its originals from; `names` are those of the files, by id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "originals"
        self._folder.mkdir(parents=True)
        self.names: dict[str, str] = {}

    def add(self, ids: Sequence[str], file: Path) -> None:
        """Make links to the same file."""
        for id in ids:
            self.names[id] = f"{id}{file.suffix}"
            (self._folder / self.names[id]).hardlink_to(file)


def version(program: Path) -> str:
    """pymager's name and version. Raises `LoadError` where the program does not exist."""
    _check(program)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return f"pymager {said.split()[-1]}"


def _check(program: Path) -> None:
    if not program.exists():
        raise LoadError(f"there is no {program}; make it with `make test`, or name another with --program")


def _clean_environment() -> dict[str, str]:
    """Without settings of one's own, which would be measured unseen."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYMAGER_")}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
