"""The two servers under test: how each is started, given originals and asked for pictures."""

import contextlib
import hashlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

from bench import cpu, thumbor
from bench.load import Load, LoadError, Request, multipart

START_LIMIT = 30.0
STOP_LIMIT = 20.0


class Server(Protocol):
    """A server that the cases ask, each in its own words."""

    name: str
    port: int
    pid: int

    def derived(self, id: str, width: int, height: int, extension: str) -> Request:
        """A request for a derived picture of an original."""

    def upload(self, id: str, file: Path) -> Request:
        """A request that uploads an original as a form."""

    def add(self, load: Load, ids: Sequence[str], file: Path) -> None:
        """Put the same picture there under many ids, outside of what is measured."""


class Process:
    """A server's process, from `with` to its end; ends what it started, by process id."""

    def __init__(
        self, command: Sequence[str | Path], env: Mapping[str, str], log: Path, port: int, health: str
    ) -> None:
        self._command, self._env, self._log, self.port, self._health = command, env, log, port, health

    def __enter__(self) -> Self:
        if not Path(self._command[0]).exists():
            raise LoadError(f"there is no {self._command[0]}; make it with `make test`, or name another with --program")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env={**_clean_environment(), **self._env}, cwd=self._log.parent, stdout=log, stderr=log
            )
        self.pid = self._process.pid
        try:
            self._wait()
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
            time.sleep(0.05)
        last = self._log.read_text(errors="replace").strip().splitlines()[-8:]
        raise LoadError("\n".join([f"{self._command[0]} did not start:", *last]))


class Pymager(Process):
    """pymager over a folder and SQLite, with settings other than the defaults in `settings`."""

    def __init__(
        self, program: Path, folder: Path, settings: dict[str, str] | None = None, *, name: str = "pymager"
    ) -> None:
        self.name = name
        folder.mkdir()
        token = secrets.token_urlsafe(24)
        self._auth = {"Authorization": f"Bearer {token}"}
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
        super().__init__([program, "serve"], env, folder / "log", port, "/healthz")

    def derived(self, id: str, width: int, height: int, extension: str) -> Request:
        return Request(f"/derived/{id}-{width}x{height}.{extension}")

    def upload(self, id: str, file: Path) -> Request:
        headers, prefix, suffix = multipart("file", file)
        return Request(f"/original/{id}", "POST", {**self._auth, **headers}, str(file), prefix, suffix)

    def delete(self, id: str) -> Request:
        """A request that deletes an original."""
        return Request(f"/original/{id}", "DELETE", self._auth)

    def add(self, load: Load, ids: Sequence[str], file: Path) -> None:
        load.send(self.port, [self.upload(id, file) for id in ids], 4, expect=201)


class Thumbor(Process):
    """thumbor over a folder of originals, with its file result storage and signed URLs."""

    def __init__(self, python: Path, folder: Path, *, webp_quality: int | None = None) -> None:
        self.name = "thumbor"
        folder.mkdir()
        port = free_port()
        self._key = secrets.token_urlsafe(24)
        self._originals = folder / "originals"
        self._originals.mkdir()
        self._names: dict[str, str] = {}
        conf = folder / "thumbor.conf"
        conf.write_text(thumbor.configuration(folder, self._key, webp_quality))
        command: list[str | Path] = [
            python,
            "-m",
            "thumbor.server",
            f"--port={port}",
            "--ip=127.0.0.1",
            f"--conf={conf}",
        ]
        super().__init__(command, {}, folder / "log", port, "/healthcheck")

    def derived(self, id: str, width: int, height: int, extension: str, *, quality: int | None = None) -> Request:
        wanted = {"jpg": "jpeg"}.get(extension, extension)
        name = self._names[id]
        filters = [] if name.endswith(f".{extension}") else [f"format({wanted})"]
        if quality is not None:
            filters.append(f"quality({quality})")
        chain = f"filters:{':'.join(filters)}/" if filters else ""
        return Request(thumbor.signed(self._key, f"{width}x{height}/{chain}{name}"))

    def upload(self, id: str, file: Path) -> Request:
        headers, prefix, suffix = multipart("media", file)
        return Request("/image", "POST", headers, str(file), prefix, suffix)

    def add(self, load: Load, ids: Sequence[str], file: Path) -> None:
        for id in ids:
            self._names[id] = f"{id}{file.suffix}"
            (self._originals / self._names[id]).hardlink_to(file)


def _clean_environment() -> dict[str, str]:
    """Without settings of one's own, which would be measured unseen."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYMAGER_")}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
