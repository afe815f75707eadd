"""Checks with Porcupine whether the history of an id is linearizable (see main.go)."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from tests.servers.cache import cached, run

_SOURCES = [Path(__file__).with_name(name) for name in ("main.go", "go.mod", "go.sum")]


@dataclass(frozen=True, slots=True)
class Operation:
    """A client's operation: its request, its outcome and its times, in nanoseconds of one monotonic clock.

    `outcome` is `seen` for a get, with the content in `seen` (0 for a 404), or one of created, replaced, exists,
    deleted, absent, unknown.
    """

    client: int
    action: str
    content: int
    call: int
    end: int
    outcome: str
    seen: int = 0

    def as_json(self) -> dict[str, object]:
        fields = asdict(self)
        return fields | {"return": fields.pop("end")}


def checker() -> Path:
    """The checker's binary, built once for these sources. Raises `Missing`."""
    digest = sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:16]

    def make(folder: Path) -> None:
        for path in _SOURCES:
            shutil.copy(path, folder)
        run("go", "build", "-o", "checker", ".", cwd=folder)

    return cached(f"linearizability-{digest}", make) / "checker"


def impossible(histories: dict[str, Iterable[Operation]]) -> list[str]:
    """The ids of the histories that are not linearizable; 'undecided' counts as not linearizable."""
    lines = (
        json.dumps({"id": id, "operations": [operation.as_json() for operation in operations]})
        for id, operations in histories.items()
    )
    done = subprocess.run([checker()], input="\n".join(lines), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()
