"""A cluster on one machine, to try things out: MinIO, a catalog, and three replicas. `make cluster` runs it."""

import hashlib
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.servers.dynamo import DynamoLocal
from tests.servers.postgres import Postgres
from tests.servers.process import Missing, Server
from tests.servers.s3 import Minio

_CATALOGS: dict[str, type[Postgres] | type[DynamoLocal]] = {"postgresql": Postgres, "dynamodb": DynamoLocal}
_REPLICAS = 3
_URL = re.compile(r"pymager serves on (http://\S+)")
_START_SECONDS = 60.0


class Replica:
    """One `pymager serve` on a free port, whose log goes to a file."""

    def __init__(self, folder: Path, number: int, environment: dict[str, str]) -> None:
        self.log = folder / f"replica-{number}.log"
        self._out = folder / f"replica-{number}.out"
        spool = folder / f"spool-{number}"
        with self._out.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pymager", "serve"],
                env=environment | {"PYMAGER_SPOOL": str(spool)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this program, which then ends them in order
            )

    def url(self) -> str:
        """Where it serves, once it does."""
        end = time.monotonic() + _START_SECONDS
        while not (match := _URL.search(self._out.read_text())):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"a replica did not start: {self.log.read_text()}")
            time.sleep(0.05)
        return match[1]

    def end(self) -> None:
        """SIGTERM, and wait."""
        self.process.terminate()
        self.process.wait()


def main(catalog: str) -> int:
    """Serve until Ctrl-C. The exit code: 0, or 1 where something ended by itself."""
    kind = _CATALOGS.get(catalog)
    if kind is None:
        sys.exit(f"there is no catalog '{catalog}'; there are: {', '.join(_CATALOGS)}")
    os.environ |= {"AWS_ACCESS_KEY_ID": secrets.token_hex(8), "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20)}
    signals = _noticed(signal.SIGINT, signal.SIGTERM)
    with ExitStack() as stack:
        print("starting MinIO and the catalog; the first time they are built, which takes some minutes", flush=True)
        try:
            servers: list[Server] = [stack.enter_context(each()) for each in (Minio, kind) if each.install() is None]
        except Missing as error:
            sys.exit(str(error))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pymager-cluster-")))
        token = secrets.token_urlsafe(16)
        environment = _environment(servers, token)
        subprocess.run([sys.executable, "-m", "pymager", "init"], env=environment, check=True)
        replicas = []
        for number in range(1, _REPLICAS + 1):
            replicas.append(Replica(folder, number, environment))
            stack.callback(replicas[-1].end)
        _tell([replica.url() for replica in replicas], token, folder)
        pids = {server.pid: type(server).__name__ for server in servers}
        return _watch(signals, pids | {replica.process.pid: "a replica" for replica in replicas})


def _environment(servers: list[Server], token: str) -> dict[str, str]:
    minio, catalog = servers
    assert isinstance(minio, Minio) and isinstance(catalog, Postgres | DynamoLocal)
    metadata = catalog.new_database() if isinstance(catalog, Postgres) else catalog.table_url("pymager")
    return os.environ | {
        "PYMAGER_BLOBS": minio.url("pictures"),
        "PYMAGER_METADATA": metadata,
        "PYMAGER_PORT": "0",
        "PYMAGER_WORKERS": "1",
        "PYMAGER_SIZES": "*",
        "PYMAGER_TOKENS": f"cluster:{hashlib.sha256(token.encode()).hexdigest()}",
    }


def _tell(urls: list[str], token: str, folder: Path) -> None:
    first, second, third = urls
    print(
        f"""
Three replicas serve: {first} {second} {third}
Their logs are in {folder}. Ctrl-C ends everything and removes the data.

curl -H 'Authorization: Bearer {token}' -F file=@photo.jpg {first}/original/cat
curl -o cat.jpg {second}/derived/cat-800x600.jpg
curl -X DELETE -H 'Authorization: Bearer {token}' {third}/original/cat
curl {first}/derived/cat-800x600.jpg
""",
        flush=True,
    )


def _noticed(*numbers: signal.Signals) -> int:
    """A descriptor that is readable once one of these signals came."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reading


def _watch(signals: int, pids: dict[int, str]) -> int:
    """Wait for a signal, or for the end of a process that should not end."""
    descriptors = {os.pidfd_open(pid): name for pid, name in pids.items()}
    ready, _, _ = select.select([signals, *descriptors], [], [])
    if signals in ready:
        print("ending", flush=True)
        return 0
    print(f"{descriptors[ready[0]]} ended by itself; ending the rest", flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "postgresql"))
