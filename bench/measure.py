"""Measures a case: blocks of requests, the servers by turns, so that a noisy machine is noisy to both."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from PIL import Image

from bench import cores, cpu
from bench.cases import Case
from bench.load import Load
from bench.sides import Side

DECODES = 6


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
    """A case at a number of connections; `decode` are the CPU seconds of bare decodes, one for each round."""

    case: Case
    connections: int
    series: dict[str, Series]
    decode: list[float]

    def ratios(self, ours: str, of: str) -> list[float]:
        """The CPU time of one of our servers divided by that of a peer or `decode`, round by round."""
        below = self.decode if of == "decode" else self.series[of].cpu if of in self.series else []
        return [ours / theirs for ours, theirs in zip(self.series[ours].cpu, below, strict=False)]


def measure(
    case: Case, sides: Sequence[Side], load: Load, picture: Path, out_of_time: Callable[[], bool], *, quick: bool
) -> Iterator[Result]:
    """Measure a case at each number of connections; stops early, with whole rounds, once it is `out_of_time`."""
    for side in sides:
        load.send(side.server.port, side.warm_up(), 4, expect=side.warm_expect)
    for connections, count in case.counts(quick=quick).items():
        result = Result(case, connections, {side.server.name: Series() for side in sides}, [])
        for round in range(case.rounds(quick=quick)):
            if out_of_time() and round:
                break
            decodes = _decodes(case, picture, connections)
            for side in sides:
                with cores.apart(side.server.pid, load.pid) if case.is_hit else nullcontext():
                    _block(side, load, result.series[side.server.name], round, connections, count)
                decodes += _decodes(case, picture, connections)
            if decodes:
                result.decode.append(median(decodes))
        yield result
        if out_of_time():
            return


def bare_decode(picture: Path, size: tuple[int, int]) -> float:
    """CPU seconds in which Pillow decodes a picture, a JPEG at the scale that is enough for `size`, and nothing else.

    They are those of the calling thread.
    """
    started = time.thread_time()
    with Image.open(picture) as image:
        image.draft("RGB", size)
        image.load()
    return time.thread_time() - started


def _decodes(case: Case, picture: Path, connections: int) -> list[float]:
    """As many at a time as the servers decode: cores that share their parts cost a decode more when all are busy."""
    if case.decode is None:
        return []
    at_once = min(connections, len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(bare_decode, [picture] * DECODES, [case.decode] * DECODES))


def _block(side: Side, load: Load, series: Series, round: int, connections: int, count: int) -> None:
    count = max(connections, int(count * side.scale))
    requests = side.requests(round, connections, count)
    before = cpu.settled(side.server.pid)
    series.latencies += load.send(side.server.port, requests, connections, expect=side.expect, total=count)
    series.cpu.append((cpu.settled(side.server.pid) - before) / count)
