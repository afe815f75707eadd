"""`make bench-memory`: what the server and its workers hold after 10,000 mixed requests, and after 100,000."""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import cpu, pictures
from bench.load import Load, LoadError, Request
from bench.servers import Pymager

ROOT = Path(__file__).parents[1]
ROUND = 1_000  # requests, of which the numbers below tell the kinds
COLD, UPLOADS, MISSING, INFO, ORIGINALS, UNCHANGED = 40, 10, 40, 40, 20, 100
HITS = ROUND - COLD - 2 * UPLOADS - MISSING - INFO - ORIGINALS - UNCHANGED
IDS = 100
CONNECTIONS = 16
FIRST, LAST = 10, 100  # rounds
AIM = 1.1
# Small, so that it is full long before the first figure is taken.
SETTINGS = {"PYMAGER_MEMORY_CACHE": "16MB", "PYMAGER_WORKERS": "2"}


@dataclass(frozen=True, slots=True)
class Held:
    """PSS in bytes after so many requests: of the server's process, and of its workers."""

    requests: int
    server: int
    workers: int

    @property
    def all(self) -> int:
        return self.server + self.workers


def main() -> int:
    """Measure and print; 0 also where the aim was missed."""
    options = _options()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}", flush=True)
    print("| requests | server | workers | all, of what it was at first |\n|---|---|---|---|", flush=True)
    started = time.monotonic()
    first: Held | None = None
    try:
        for held in _measured(options.rounds):
            first = first or held
            ratio = held.all / first.all
            print(
                f"| {held.requests:,} | {held.server / 1e6:.1f} MB | {held.workers / 1e6:.1f} MB | {ratio:.3f} |",
                flush=True,
            )
    except LoadError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    verdict = "met" if ratio <= AIM else "missed"
    print(f"aim: at most {AIM}: {verdict}; {time.monotonic() - started:.0f} s")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.memory", description="Memory after few requests and after many.")
    parser.add_argument("--rounds", type=int, default=LAST, help=f"of {ROUND:,} requests each; {LAST}")
    return parser.parse_args()


def _measured(rounds: int) -> Iterator[Held]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pymager-memory-")))
        photo = folder / "photo.jpg"
        photo.write_bytes(pictures.encoded(pictures.photograph(2000, 1500), "jpg"))
        load = stack.enter_context(Load())
        server = stack.enter_context(Pymager(ROOT / ".venv" / "bin" / "pymager", folder / "pymager", SETTINGS))
        server.add(load, [f"kept-{number}" for number in range(IDS)], photo)
        tags = [_tag(load, server, number) for number in range(IDS)]
        for number in range(1, rounds + 1):
            _round(load, server, photo, tags, number)
            if number % FIRST == 0:
                yield _held(server, number * ROUND)


def _tag(load: Load, server: Pymager, number: int) -> str:
    return load.fetch(server.port, server.derived(f"kept-{number}", 800, 600, "jpg")).headers["etag"]


def _round(load: Load, server: Pymager, photo: Path, tags: list[str], number: int) -> None:
    """One after the other the kinds, each over several connections."""
    port = server.port
    hits = [server.derived(f"kept-{id}", 800, 600, "jpg") for id in range(IDS)]
    unchanged = [Request(hit.path, headers={"If-None-Match": tag}) for hit, tag in zip(hits, tags, strict=True)]
    news = [f"new-{number}-{each}" for each in range(UPLOADS)]
    cold = [server.derived(f"kept-{(number + each) % IDS}", 700 - number, 500 - each, "jpg") for each in range(COLD)]
    missing = [Request(f"/derived/none-{number}-{each}-80x60.jpg") for each in range(MISSING)]
    for requests, expected, total in (
        (hits, 200, HITS // 2),
        ([server.upload(id, photo) for id in news], 201, UPLOADS),
        (cold, 200, COLD),
        (unchanged, 304, UNCHANGED),
        (hits, 200, HITS - HITS // 2),
        (missing, 404, MISSING),
        ([Request(f"/info/kept-{id}") for id in range(IDS)], 200, INFO),
        ([Request(f"/original/kept-{id}") for id in range(IDS)], 200, ORIGINALS),
        ([server.delete(id) for id in news], 204, UPLOADS),
    ):
        load.send(port, requests, CONNECTIONS, expect=expected, total=total)


def _held(server: Pymager, requests: int) -> Held:
    cpu.settled(server.pid)
    own = cpu.own_memory(server.pid)
    return Held(requests, own, cpu.memory(server.pid) - own)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
