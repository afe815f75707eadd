"""`kill -9` at every named point and at random moments, against the client's own log.

STORM_SEED repeats a run's choices (not its timing). STORM_TIMES is how often each point is aimed at: 4, and with
fewer than 3 the run can't pass.
"""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import pytest

from pymager import failpoints
from tests.live.storm import RANDOM, Kill, Storm

_SIDE_BY_SIDE = 2
_LEAST = 3
_RANDOM_KILLS = 26

pytestmark = pytest.mark.live


async def test_nothing_acknowledged_is_lost_and_nothing_deleted_comes_back_whatever_is_killed(
    tmp_path: Path, summarize: Callable[[str], None]
) -> None:
    seed = int(os.environ.get("STORM_SEED") or secrets.randbelow(1 << 32))
    times = int(os.environ.get("STORM_TIMES") or _LEAST + 1)
    random = Random(seed)
    kills = [Kill(name) for name in failpoints.NAMES] * times + [Kill()] * (_RANDOM_KILLS * times // (_LEAST + 1))
    random.shuffle(kills)
    storms = [Storm(tmp_path / f"storm-{number}", Random(f"{seed}-{number}")) for number in range(_SIDE_BY_SIDE)]
    try:
        async with asyncio.TaskGroup() as group:
            for number, storm in enumerate(storms):
                group.create_task(storm.run(kills[number::_SIDE_BY_SIDE]))
    finally:
        summarize(_summary(seed, storms))
    struck = _summed(storm.kills for storm in storms)
    assert struck.total() >= 100
    assert {name: struck[name] for name in failpoints.NAMES if struck[name] < _LEAST} == {}
    assert struck[RANDOM] > 0


def _summary(seed: int, storms: list[Storm]) -> str:
    struck = _summed(storm.kills for storm in storms)
    answers = _summed(storm.answers for storm in storms)
    lines = [f"{struck.total()} kills with STORM_SEED={seed}"]
    lines += [f"  {struck[name]:4} {name}" for name in (*failpoints.NAMES, RANDOM)]
    lines += ["  answers to writers: " + ", ".join(f"{count} {name}" for name, count in sorted(answers.items()))]
    acknowledged, confirmed = (
        sum(getattr(storm.sink, name) for storm in storms) for name in ("acknowledged", "confirmed")
    )
    lines += [f"  {acknowledged} acknowledged mutations to purge, {confirmed} purges"]
    return "\n".join(lines)


def _summed(counters: Iterable[Counter[str]]) -> Counter[str]:
    return sum(counters, Counter())
