"""`make bench-scale`: a read among few rows and among many, and what a sweep of many blobs holds in memory."""

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import orphans, rows
from bench.stores import credentials
from pymager.ports import MetadataStore
from pymager.registry import load_metadata
from tests.servers import Minio, Postgres

FEW = 10_000
READS, ROUNDS, PAGES = 500, 10, 5
PAGE = 100
BLOBS = (20_000, 200_000)
READ_AIM = DEPTH_AIM = 1.3
MEMORY_AIM = 1.1
WHAT = ("postgresql", "sqlite", "sweep-folder", "sweep-bucket")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what was measured, the two figures that are compared, and the ratio aimed at."""

    what: str
    figures: str
    ratio: float
    aim: float

    def __str__(self) -> str:
        verdict = "met" if self.ratio <= self.aim else "missed"
        return f"| {self.what} | {self.figures} | {self.ratio:.2f} | {self.aim:.1f}: {verdict} |"


def main() -> int:
    """Measure and print; 0 also where an aim was missed."""
    options = _options()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}", flush=True)
    print("| what | figures | ratio | aim |\n|---|---|---|---|", flush=True)
    for what in options.only or WHAT:
        for line in _lines(what, options):
            print(line, flush=True)
    print(f"load of the machine after: {os.getloadavg()[0]:.1f}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.scale", description="Few rows and many, few blobs and many.")
    parser.add_argument("--rows", type=int, default=10_000_000, help="how many rows are many; 10 million")
    parser.add_argument("--blobs", type=int, default=BLOBS[1], help="how many blobs are many; 200,000")
    parser.add_argument("--only", action="append", choices=WHAT, help="may be given several times")
    return parser.parse_args()


def _lines(what: str, options: argparse.Namespace) -> Iterator[Line]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pymager-scale-")))
        if what.startswith("sweep"):
            yield _sweeps(what, folder, stack, options.blobs)
            return
        urls = _filled(what, folder, stack, (FEW, options.rows))
        yield from asyncio.run(_reads(what, urls, options.rows))


def _filled(what: str, folder: Path, stack: ExitStack, counts: tuple[int, int]) -> list[str]:
    """A catalog of each number of rows."""
    if what == "sqlite":
        paths = [folder / f"{count}.db" for count in counts]
        urls = [f"sqlite:///{path}" for path in paths]
    else:
        server = stack.enter_context(Postgres())
        urls = [server.new_database() for _ in counts]
    for index, count in enumerate(counts):
        asyncio.run(load_metadata(urls[index]).prepare())
        started = time.monotonic()
        if what == "sqlite":
            rows.fill_sqlite(paths[index], count)
        else:
            rows.fill_postgresql(urls[index], count)
        print(f"{what}: {count:,} rows in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return urls


async def _reads(what: str, urls: list[str], many: int) -> list[Line]:
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(load_metadata(url)) for url in urls]
        few, much = await _gets(stores, (FEW, many))
        pages = await _depths(stores[1], many)
    figures = f"{FEW:,} rows: {few * 1e6:.0f} µs; {many:,}: {much * 1e6:.0f} µs"
    depths = ", ".join(f"{name} {seconds * 1e3:.2f} ms" for name, seconds in pages.items())
    return [
        Line(f"{what}: the catalog's read of a GET", figures, much / few, READ_AIM),
        Line(f"{what}: a page of {PAGE} among {many:,}", depths, max(pages.values()) / min(pages.values()), DEPTH_AIM),
    ]


async def _gets(stores: list[MetadataStore], counts: tuple[int, int]) -> list[float]:
    """Median seconds of a read of a random row in each store, by turns."""
    chance = random.Random(1)
    times: list[list[float]] = [[] for _ in stores]
    for turn in range(1 + ROUNDS):
        for store, count, measured in zip(stores, counts, times, strict=True):
            ids = [rows.id_of(chance.randint(1, count)) for _ in range(READS)]
            seconds = [await _timed(lambda store=store, id=id: store.get(id)) for id in ids]
            if turn:
                measured += seconds
    return [median(measured) for measured in times]


async def _depths(store: MetadataStore, count: int) -> dict[str, float]:
    """Median seconds of the first page, one in the middle and the last one, by turns."""
    starts = {"first": None, "middle": rows.cursor_behind(count // 2), "last": rows.cursor_behind(count - PAGE)}
    times: dict[str, list[float]] = {name: [] for name in starts}
    for turn in range(1 + PAGES * ROUNDS):
        for name, cursor in starts.items():
            seconds = await _timed(lambda cursor=cursor: store.list_page(cursor, PAGE))
            if turn:
                times[name].append(seconds)
    return {name: median(measured) for name, measured in times.items()}


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await call()
    return time.perf_counter() - started


def _sweeps(what: str, folder: Path, stack: ExitStack, many: int) -> Line:
    few = many * BLOBS[0] // BLOBS[1]
    if what == "sweep-bucket":
        os.environ |= credentials()
        server = stack.enter_context(Minio())
    swept = []
    for count in (few, many):
        data = folder / str(count)
        settings = {"PYMAGER_DATA": str(data)}
        store: Path | str = data
        if what == "sweep-bucket":
            store = settings["PYMAGER_BLOBS"] = server.url(f"swept-{count}")
        swept.append(orphans.sweep(settings, count, store))
    figures = "; ".join(f"{one.blobs:,}: {one.peak / 1e6:.0f} MB, {one.seconds:.0f} s" for one in swept)
    return Line(f"{what}: peak memory of `pymager sweep`", figures, swept[1].peak / swept[0].peak, MEMORY_AIM)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
