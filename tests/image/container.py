"""Containers of the image on free ports of 127.0.0.1, locked down as docs/how-to/containers.md says."""

import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tests.image import engine
from tests.servers.process import free_port

TOKEN = "a-token-of-the-tests"
LOCKED = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--tmpfs=/tmp:rw,nosuid,nodev,noexec,size=256m,mode=1777",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--memory=768m",
    "--pids-limit=256",
)
_SETTINGS = {"workers": 1, "sizes": "*", "tokens": f"tests:{sha256(TOKEN.encode()).hexdigest()}"}
_TIMEOUT_SECONDS = 60.0
_PAUSE = 0.05


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Container:
    """A container that serves."""

    name: str
    port: int
    token: str = TOKEN

    def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> Answer:
        """One request, with the tests' credentials."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read())

    def run(self, *command: str, check: bool = True, **variables: str) -> str:
        """What a command prints inside of it."""
        chosen = [f"--env={name}={value}" for name, value in variables.items()]
        return engine.podman("exec", *chosen, self.name, *command, check=check).stdout

    def stop(self) -> int:
        """SIGTERM, and the exit code; 137 where it had to be killed."""
        engine.podman("stop", "--time=30", self.name)
        return self.state()["ExitCode"]

    def state(self) -> dict[str, Any]:
        return engine.inspected(self.name)["State"]

    def log(self) -> str:
        done = engine.podman("logs", self.name, check=False)
        return (done.stdout + done.stderr)[-3_000:]

    def logs(self, text: str) -> None:
        """Wait until its log has this: podman receives it a moment later than it is written."""
        end = time.monotonic() + _TIMEOUT_SECONDS
        while text not in (log := self.log()):
            assert time.monotonic() < end, f"{text} is not logged: {log}"
            time.sleep(_PAUSE)

    def answers(self) -> None:
        """Wait until it is alive."""
        end = time.monotonic() + _TIMEOUT_SECONDS
        while not self._is_alive():
            assert self.state()["Running"], f"the container ended: {self.log()}"
            assert time.monotonic() < end, f"the container does not answer: {self.log()}"
            time.sleep(_PAUSE)

    def _is_alive(self) -> bool:
        try:
            return self.ask("/healthz").status == 200
        except OSError:
            return False


@contextmanager
def serving(image: str, volume: str) -> Iterator[Container]:
    """A container of the image that serves with its data in `volume`; nothing of it is left at the end."""
    port = free_port()
    given = _SETTINGS | {"host": "127.0.0.1", "port": port}
    chosen = [f"--env=PYMAGER_{name.upper()}={value}" for name, value in given.items()]
    with watched(image, port, f"--volume={volume}:/var/lib/pymager", *LOCKED, *chosen) as container:
        yield container


@contextmanager
def watched(image: str, port: int, *options: str, token: str = TOKEN) -> Iterator[Container]:
    """A container of the image that serves on this port of the host; nothing of it is left at the end."""
    container = Container(f"pymager-{secrets.token_hex(6)}", port, token)
    try:
        engine.podman("run", "--detach", "--name", container.name, "--network=host", *options, image)
        container.answers()
        yield container
    finally:
        engine.podman("rm", "--force", "--volumes", "--time=0", container.name, check=False)


@contextmanager
def new_volume() -> Iterator[str]:
    """An empty named volume."""
    name = f"pymager-{secrets.token_hex(6)}"
    engine.podman("volume", "create", name)
    try:
        yield name
    finally:
        engine.podman("volume", "rm", "--force", name, check=False)


def printed(image: str, *command: str) -> str:
    """What a program of the image prints, in a locked container of its own without a network."""
    program, *arguments = command
    options = ("run", "--rm", "--network=none", f"--entrypoint={program}")
    return engine.podman(*options, *LOCKED, image, *arguments).stdout
