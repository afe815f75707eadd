"""Sends requests to a server from the client's process, and tells how long they took."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Request:
    """A request; where `file` is given the body is `prefix`, the file's bytes, and `suffix`."""

    path: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    file: str = ""
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class LoadError(Exception):
    """The server did not answer as it should, so that there is nothing to measure."""


def multipart(name: str, file: Path) -> tuple[dict[str, str], str, str]:
    """Headers, prefix and suffix of a form with one file in it (RFC 7578)."""
    boundary = "pymager-bench-boundary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file.name}"\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return headers, f"{head}Content-Type: image/{file.suffix[1:]}\r\n\r\n", f"\r\n--{boundary}--\r\n"


class Load:
    """The client's process, while entered with `with`."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.client"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Unbuffered, a line of over 64 KiB would be cut off where the pipe is full.
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONUNBUFFERED": ""},
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """The process id of the client."""
        return self._process.pid

    def send(
        self, port: int, requests: Sequence[Request], connections: int, *, expect: int, total: int | None = None
    ) -> list[float]:
        """Send `total` requests, these over and over; the seconds that each took.

        Raises `LoadError` where one was not answered with the status `expect`.
        """
        total = total or len(requests)
        outcome = self._do(port, requests, connections, total)
        if outcome["statuses"] != {str(expect): total}:
            raise LoadError(f"{requests[0].method} {requests[0].path} gave {outcome['statuses']}, not {expect}")
        latencies: list[float] = outcome["latencies"]
        return latencies

    def fetch(self, port: int, request: Request) -> Answer:
        """Send one request; its answer, whatever it is."""
        outcome = self._do(port, [request], 1, 1)
        lines = outcome["head"].strip().split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(int(next(iter(outcome["statuses"]))), headers, bytes.fromhex(outcome["body"]))

    def _do(self, port: int, requests: Sequence[Request], connections: int, total: int) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        job = {"port": port, "connections": connections, "total": total, "requests": [asdict(one) for one in requests]}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        outcome: dict[str, Any] = json.loads(self._process.stdout.readline() or '{"error": "the client ended"}')
        if "error" in outcome:
            raise LoadError(f"{requests[0].method} {requests[0].path}: {outcome['error']}")
        return outcome
