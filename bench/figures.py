"""What is measured by itself, not beside a yardstick: memory while variants are rendered, and the start."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import cpu
from bench.aims import MANY
from bench.load import Load
from bench.servers import Pymager, Server

MEGABYTE = 1e6
MEMORY_PICTURES, QUICK_MEMORY_PICTURES = 64, 32
MEMORY_ORIGINALS = ("jpg", "png-3mp")
STARTS, QUICK_STARTS = 9, 3
TWO_WORKERS = {"PYMAGER_WORKERS": "2"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A row of the table: what it is, its unit with the number of decimals, and the most that it is to be."""

    name: str
    title: str
    unit: str
    decimals: int
    aim: float

    def in_words(self, value: float) -> str:
        return f"{value:.{self.decimals}f} {self.unit}"


# imgproxy needs 150 MB; 1.1 is the aim, as a ratio to it.
MEMORY = Quantity("memory", "memory at its peak, 16 connections, two workers", "MB", 0, 150 * 1.1)
START = Quantity("start", "CPU time of `pymager serve` until /readyz", "s", 2, 0.4)
QUANTITIES = (MEMORY, START)


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity as measured, for each server that has it."""

    quantity: Quantity
    values: Mapping[str, float]
    note: str

    @property
    def met(self) -> bool:
        return self.values["pymager"] <= self.quantity.aim


def memory(load: Load, servers: Mapping[str, Server], pictures: Sequence[Path], *, quick: bool) -> Figure:
    """The most memory (PSS) that servers hold while they make variants of the pictures by turns.

    The servers have just been started. Pages that processes share count once, as they would in a server that is one
    process.
    """
    count = QUICK_MEMORY_PICTURES if quick else MEMORY_PICTURES
    seen = {name: _held(load, server, pictures, count) for name, server in servers.items()}
    words = (
        f"{name} {held.idle:.0f} MB after the start, at most {held.peak:.0f} MB ({held.resident:.0f} MB if pages that "
        f"processes share are counted for each of them)"
        for name, held in seen.items()
    )
    note = f"Memory of all processes while {count} variants are rendered: {'; '.join(words)}."
    return Figure(MEMORY, {name: held.peak for name, held in seen.items()}, note)


def start(new: Callable[[], Pymager], *, quick: bool) -> Figure:
    """The CPU time of starts over stores that exist: until the server is ready, and until it is at rest."""
    with new():
        pass
    ready, at_rest = [], []
    for _ in range(QUICK_STARTS if quick else STARTS):
        with new() as server:
            ready.append(server.start_seconds)
            at_rest.append(cpu.settled(server.pid))
    note = (
        f"A start takes {median(ready):.2f} s of CPU time until /readyz responds with 200 ({min(ready):.2f} to "
        f"{max(ready):.2f} s in {len(ready)} starts), and {median(at_rest):.2f} s until the server is idle."
    )
    return Figure(START, {"pymager": median(ready)}, note)


@dataclass(slots=True)
class Held:
    """Megabytes that a server's processes held: PSS, except `resident`, which is RSS."""

    idle: float
    peak: float = 0.0
    resident: float = 0.0


def _held(load: Load, server: Server, pictures: Sequence[Path], count: int) -> Held:
    held = Held(cpu.memory(server.pid) / MEGABYTE)
    ids = [f"memory-{number}" for number in range(count)]
    for number, picture in enumerate(pictures):
        server.add(load, ids[number :: len(pictures)], picture)
    with _watched(server.pid, held):
        load.send(server.port, [server.derived(id, 800, 600, "jpg") for id in ids], MANY, expect=200)
    return held


@contextmanager
def _watched(pid: int, held: Held) -> Iterator[None]:
    """The peaks of the tree's memory, ten times a second while entered, go into `held`."""
    done = threading.Event()

    def watch() -> None:
        while True:
            held.peak = max(held.peak, cpu.memory(pid) / MEGABYTE)
            held.resident = max(held.resident, cpu.resident(pid) / MEGABYTE)
            if done.wait(0.1):
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
