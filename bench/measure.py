"""Measures a case: blocks of requests, the servers by turns, so that a noisy machine is noisy to both."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from PIL import Image

from bench import cpu
from bench.cases import Case, Side
from bench.load import Load

DECODES = 5


@dataclass(slots=True)
class Series:
    """One server's blocks: CPU seconds per request of each, and all latencies in seconds."""

    cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    @property
    def median_cpu(self) -> float:
        return median(self.cpu)

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the table; `decode` are the CPU seconds of bare decodes, one for each round."""

    case: Case
    connections: int
    series: dict[str, Series]
    decode: list[float]

    def ratios(self, ours: str, of: str) -> list[float]:
        """The CPU time of one of our servers divided by that of `thumbor` or `decode`, round by round."""
        below = self.decode if of == "decode" else self.series[of].cpu if of in self.series else []
        return [ours / theirs for ours, theirs in zip(self.series[ours].cpu, below, strict=False)]


def measure(case: Case, load: Load, picture: Path | None, out_of_time: Callable[[], bool]) -> Iterator[Result]:
    """Measure a case at each number of connections; stops early, with whole rounds, once it is `out_of_time`."""
    for side in case.sides:
        load.send(side.server.port, side.warm_up(), 4, expect=side.warm_expect)
    for connections, count in case.counts.items():
        result = Result(case, connections, {side.server.name: Series() for side in case.sides}, [])
        for round in range(case.rounds):
            if out_of_time() and round:
                break
            decodes = _decodes(case, picture)
            for side in case.sides:
                _block(side, load, result.series[side.server.name], round, connections, count)
                decodes += _decodes(case, picture)
            if decodes:
                result.decode.append(median(decodes))
        yield result
        if out_of_time():
            return


def bare_decode(picture: Path, size: tuple[int, int]) -> float:
    """CPU seconds in which Pillow decodes a JPEG at the scale that is enough for `size`, and does nothing else."""
    started = time.process_time()
    with Image.open(picture) as image:
        image.draft("RGB", size)
        image.load()
    return time.process_time() - started


@contextmanager
def peak_memory(pid: int) -> Iterator[list[int]]:
    """A list of one number, while entered: the most memory that the tree of the process was seen to hold."""
    peak = [cpu.memory(pid)]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peak[0] = max(peak[0], cpu.memory(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def _decodes(case: Case, picture: Path | None) -> list[float]:
    return [bare_decode(picture, case.decode) for _ in range(DECODES)] if case.decode and picture else []


def _block(side: Side, load: Load, series: Series, round: int, connections: int, count: int) -> None:
    count = max(connections, int(count * side.scale))
    requests = side.requests(round, connections, count)
    before = cpu.settled(side.server.pid)
    series.latencies += load.send(side.server.port, requests, connections, expect=side.expect, total=count)
    series.cpu.append((cpu.settled(side.server.pid) - before) / count)
