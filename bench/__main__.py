"""`bench/run`: measures, prints the table and keeps it in bench/results/."""

import argparse
import datetime
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import PIL

from bench import cpu, thumbor
from bench.cases import Case, all_cases, store_cases
from bench.load import Load, LoadError
from bench.measure import Result, measure, peak_memory
from bench.servers import Pymager, Server, Thumbor
from bench.stage import Stage, make_pictures, webp_match
from bench.stores import CATALOGS, Stores, stores
from bench.table import missed, table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
NAMES = (
    *("memory", "hit-memory", "hit-disk", "not-modified"),
    *("cold-jpeg", "cold-jpeg-small", "cold-webp", "cold-webp-default", "cold-webp-small", "upload"),
    *("cold-original-png", "cold-original-webp", "cold-original-24mp"),
)
QUICK_NAMES = [name for name in NAMES[1:10] if name != "cold-webp-default"]
# The encoder's effort that thumbor has too, so that files of one size are equally good.
COLD_SETTINGS = {"PYMAGER_MEMORY_CACHE": "0", "PYMAGER_WEBP_METHOD": "4"}
BUCKET_NAMES = {"hit-memory", "hit-disk", "not-modified", "cold-jpeg", "upload"}
LIMIT, QUICK_LIMIT = 1_500.0, 240.0
TABLES = ("folder", "bucket")
OutOfTime = Callable[[], bool]
Table = tuple[list[Result], tuple[str, ...]]


def main() -> int:
    """Run the benchmark; 1 where it could not be run, 0 also where an aim was missed: a machine is no judge."""
    options = _options()
    started = time.monotonic()
    wanted = set(options.only or (QUICK_NAMES if options.quick else NAMES))
    if options.table == "bucket":
        wanted &= BUCKET_NAMES
    limit = QUICK_LIMIT if options.quick else LIMIT
    try:
        notes, results = _measured(options, wanted, lambda: time.monotonic() - started > limit)
    except LoadError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    text = "\n\n".join([*(table(of, ours) for of, ours in results if of), "\n".join(f"- {note}" for note in notes)])
    print(file=sys.stderr)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    (RESULTS / f"{now:%Y-%m-%dT%H%M%SZ}.md").write_text(f"# Benchmark of {now:%Y-%m-%d %H:%M} UTC\n\n{text}\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description="CPU time and latency, pymager beside thumbor.")
    parser.add_argument("--quick", action="store_true", help="a few minutes instead of up to half an hour")
    parser.add_argument(
        "--table", choices=TABLES, help="the one over a folder, or the one over a bucket; default: both"
    )
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--picture", type=Path, help="a JPEG of your own in place of the one made by code")
    parser.add_argument("--program", type=Path, default=ROOT / ".venv" / "bin" / "pymager", help="the pymager to run")
    return parser.parse_args()


def _measured(options: argparse.Namespace, wanted: set[str], out_of_time: OutOfTime) -> tuple[list[str], list[Table]]:
    python = thumbor.install()
    notes = [_machine(), f"Pillow {PIL.__version__} beside pymager; {thumbor.version(python)}."]
    with tempfile.TemporaryDirectory(prefix="pymager-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        _say("making pictures")
        kinds = {kind.removeprefix("cold-") for kind in wanted}
        pictures, titles = make_pictures(folder, kinds | {"jpg"}, options.picture)
        load = stack.enter_context(Load())
        pymager = stack.enter_context(Pymager(options.program, folder / "pymager"))
        disk = stack.enter_context(Pymager(options.program, folder / "pymager-disk", COLD_SETTINGS))
        match = None
        if "cold-webp" in wanted:
            _say("finding thumbor's WebP quality")
            match = webp_match(load, disk, python, folder / "match", pictures["jpg"])
            notes.append(str(match))
        quality = match.quality if match else None
        other = stack.enter_context(Thumbor(python, folder / "thumbor", webp_quality=quality))
        if "memory" in wanted:
            notes += [_memory(load, server, pictures["jpg"]) for server in (pymager, other)]
        stage = Stage(load, pymager, disk, other, pictures, titles, match)
        tables: list[Table] = []
        if options.table != "bucket":
            cases = all_cases(stage, quick=options.quick)
            tables.append((_results(cases, wanted, stage, out_of_time, notes), ("pymager",)))
        if options.table != "folder":
            stage.clusters.update(stack.enter_context(_clusters(options.program, folder)))
            cases = store_cases(stage, quick=options.quick)
            tables.append((_results(cases, wanted, stage, out_of_time, notes), tuple(stage.clusters)))
    over = sum(missed(results, ours[0]) for results, ours in tables)
    notes.append(f"{over} of the lines are over their aim.")
    return notes, tables


@contextmanager
def _clusters(program: Path, folder: Path) -> Iterator[dict[str, tuple[Pymager, Pymager]]]:
    """A pymager with the default settings and one without the memory cache, over each pair of stores."""
    _say("starting MinIO, PostgreSQL and DynamoDB Local")
    with stores(set(CATALOGS)) as servers, ExitStack() as stack:
        yield {
            title: (
                stack.enter_context(_over(servers, catalog, "cached", program, folder, {})),
                stack.enter_context(_over(servers, catalog, "uncached", program, folder, COLD_SETTINGS)),
            )
            for catalog, title in CATALOGS.items()
        }


def _over(servers: Stores, catalog: str, name: str, program: Path, folder: Path, settings: dict[str, str]) -> Pymager:
    where = servers.settings(catalog, name)
    subprocess.run([program, "init"], env={**os.environ, **where}, check=True, stdout=subprocess.DEVNULL)
    return Pymager(program, folder / f"pymager-{catalog}-{name}", settings | where, name=CATALOGS[catalog])


def _results(
    cases: list[Case], wanted: set[str], stage: Stage, out_of_time: OutOfTime, notes: list[str]
) -> list[Result]:
    results: list[Result] = []
    cases = [case for case in cases if case.name in wanted]
    for case in cases:
        if out_of_time():
            break
        _say(case.title)
        results += measure(case, stage.load, stage.pictures.get(case.picture), out_of_time)
    if left := [case.title for case in cases if case not in [result.case for result in results]]:
        notes.append(f"Out of time before: {'; '.join(left)}.")
    return results


def _memory(load: Load, server: Server, picture: Path) -> str:
    """Memory at rest, and the most while 64 pictures are made for 16 clients."""
    _say(f"memory of {server.name}")
    idle = cpu.memory(server.pid)
    server.add(load, [f"memory-{i}" for i in range(64)], picture)
    with peak_memory(server.pid) as peak:
        requests = [server.derived(f"memory-{i}", 800, 600, "jpg") for i in range(64)]
        load.send(server.port, requests, 16, expect=200)
    return (
        f"Memory of {server.name} (PSS of all its processes): {idle / 1e6:.0f} MB after the start, at most "
        f"{peak[0] / 1e6:.0f} MB while it renders for 16 connections, {cpu.memory(server.pid) / 1e6:.0f} MB after."
    )


def _machine() -> str:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    return (
        f"{len(os.sched_getaffinity(0))} cores, {model}, Linux {platform.release()}, Python "
        f"{platform.python_version()}; load of the machine before: {os.getloadavg()[0]:.1f}."
    )


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
