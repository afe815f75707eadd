"""`make bench-cache`: a hit from memcached beside a hit from the bucket.

First the reads alone, in one process (`bench.cache_reads`). Then servers without a memory cache, which share MinIO and
PostgreSQL, and some of them a memcached. They are asked for the same variants in turns, so that the machine's other
work meets all of them. For two of them, MinIO is 10 ms away.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

from bench import cpu, pictures
from bench.load import Load, LoadError, Request
from bench.servers import Pymager
from bench.stores import stores
from tests.servers import Memcached, Missing, Toxiproxy

ROOT = Path(__file__).parents[1]
LATENCY_MS = 10
IDS = 20
CONNECTIONS = (1, 16)
_SETTINGS = {"PYMAGER_MEMORY_CACHE": "0", "PYMAGER_WORKERS": "2"}


@dataclass(slots=True)
class Case:
    """A server and where its hits come from; per round, the CPU seconds of a hit, and all latencies in seconds."""

    name: str
    server: Pymager
    spent: dict[int, list[float]] = field(default_factory=lambda: {number: [] for number in CONNECTIONS})
    latencies: dict[int, list[float]] = field(default_factory=lambda: {number: [] for number in CONNECTIONS})


def main() -> int:
    """Measure, and print a table in Markdown."""
    options = _options()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="pymager-bench-") as name, ExitStack() as stack:
            load = stack.enter_context(Load())
            memcached, blobs_url, cases = _started(stack, Path(name), options.program)
            subprocess.run([sys.executable, "-m", "bench.cache_reads", blobs_url, memcached.url], cwd=ROOT, check=True)
            if options.reads_only:
                return 0
            size, requests = _prepared(load, cases, Path(name))
            before = memcached.stats()
            for _ in range(options.rounds):
                for connections in CONNECTIONS:
                    for case in cases:
                        _measure(load, case, requests, connections, options.requests)
            print(f"\n{table(cases, size)}")
            print(_share(before, memcached.stats(), 2 * options.rounds * len(CONNECTIONS) * options.requests))
    except (LoadError, Missing) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.shared_cache", description="Hits from memcached and from the bucket.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=200, help="for each server and round")
    parser.add_argument("--reads-only", action="store_true", help="only reads in one process, without servers")
    parser.add_argument("--program", type=Path, default=ROOT / ".venv" / "bin" / "pymager")
    return parser.parse_args()


def _started(stack: ExitStack, folder: Path, program: Path) -> tuple[Memcached, str, list[Case]]:
    for kind in (Memcached, Toxiproxy):
        kind.install()
    near = stack.enter_context(stores({"postgresql"})).settings("postgresql", "cache")
    memcached = stack.enter_context(Memcached())
    [endpoint] = parse_qs(urlsplit(near["PYMAGER_BLOBS"]).query)["endpoint"]
    port = urlsplit(endpoint).port
    assert port is not None
    proxy = stack.enter_context(Toxiproxy()).proxy(port)
    proxy.add("latency", latency=LATENCY_MS)
    far = near | {"PYMAGER_BLOBS": near["PYMAGER_BLOBS"].replace(str(port), str(proxy.port))}
    shared = {"PYMAGER_SHARED_CACHE": memcached.url}
    subprocess.run([program, "init"], env={**os.environ, **near}, check=True, stdout=subprocess.DEVNULL)
    cases = []
    for name, settings in (
        ("MinIO", near),
        ("memcached", near | shared),
        (f"MinIO, {LATENCY_MS} ms away", far),
        (f"memcached, MinIO {LATENCY_MS} ms away", far | shared),
    ):
        server = Pymager(program, folder / f"server-{len(cases)}", settings | _SETTINGS, name=name)
        cases.append(Case(name, stack.enter_context(server)))
    return memcached, near["PYMAGER_BLOBS"], cases


def _prepared(load: Load, cases: Sequence[Case], folder: Path) -> tuple[int, list[Request]]:
    """Variants in the bucket and in memcached. Returns the size of one, and the requests for all."""
    photo = folder / "photo.jpg"
    photo.write_bytes(pictures.encoded(pictures.photograph(1600, 1200), "jpg"))
    ids = [f"photo-{number}" for number in range(IDS)]
    server = cases[0].server
    server.add(load, ids, photo)
    requests = [server.derived(id, 800, 600, "jpg") for id in ids]
    for case in cases:
        load.send(case.server.port, requests, 1, expect=200, total=3 * len(requests))
    return len(load.fetch(server.port, requests[0]).body), requests


def _measure(load: Load, case: Case, requests: Sequence[Request], connections: int, total: int) -> None:
    before = cpu.settled(case.server.pid)
    case.latencies[connections] += load.send(case.server.port, requests, connections, expect=200, total=total)
    case.spent[connections].append((cpu.settled(case.server.pid) - before) / total)


def table(cases: Sequence[Case], size: int) -> str:
    """CPU time and latency of each case; the ratio of each pair of cases, round by round."""
    lines = [
        f"A variant of {size:,} bytes. CPU time of pymager per hit, and latency.",
        "",
        "| a hit from | connections | CPU | ratio | p50 | p99 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for index, case in enumerate(cases):
        for connections in CONNECTIONS:
            spent, ordered = case.spent[connections], sorted(case.latencies[connections])
            ratio = _ratio(spent, cases[index - 1].spent[connections]) if index % 2 else ""
            p50, p99 = ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]
            lines.append(
                f"| {case.name} | {connections} | {median(spent) * 1e3:.3f} ms | {ratio} "
                f"| {p50 * 1e3:.1f} ms | {p99 * 1e3:.1f} ms |"
            )
    return "\n".join(lines)


def _ratio(spent: Sequence[float], beside: Sequence[float]) -> str:
    ratios = [one / other for one, other in zip(spent, beside, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def _share(before: dict[str, int], after: dict[str, int], requests: int) -> str:
    hits = after["get_hits"] - before["get_hits"]
    return f"\nmemcached answered {hits:,} of {requests:,} requests; the others were given up after 20 ms, or not sent"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
