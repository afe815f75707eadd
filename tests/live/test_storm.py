"""kill -9, SIGSTOP and SIGCONT in a cluster of three replicas under load, checked for linearizability.

STORM_SEED repeats a run's choices (not its timing), STORM_ROUNDS is how often each named point is aimed at.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.live import cluster_storm
from tests.live.cluster_storm import RANDOM, STOPPED, ClusterStorm
from tests.live.replicas import Stores

_ROUNDS = {"postgresql": 2, "dynamodb": 1}

pytestmark = pytest.mark.live


async def test_every_history_of_a_cluster_is_one_that_could_have_been(
    tmp_path: Path, stores: Stores, summarize: Callable[[str], None]
) -> None:
    seed = int(os.environ.get("STORM_SEED") or secrets.randbelow(1 << 32))
    scheme = stores.metadata.partition(":")[0]
    rounds = int(os.environ.get("STORM_ROUNDS") or _ROUNDS[scheme])
    random = Random(seed)
    named = cluster_storm.named_points(stores)
    points = cluster_storm.points(stores, rounds)
    random.shuffle(points)
    storm = ClusterStorm(tmp_path, stores, random)
    try:
        await storm.run(points)
    finally:
        summarize(_summary(f"{scheme}, STORM_SEED={seed}", storm, named))
    assert storm.missed == {}
    assert storm.kills >= rounds * cluster_storm.kills_of_a_round(stores)
    assert {name for name in named if not storm.struck[name]} == set()


def _summary(title: str, storm: ClusterStorm, named: list[str]) -> str:
    struck, histories = storm.struck, storm.histories
    lines = [f"{title}: {storm.kills} kills, {struck[STOPPED]} stops"]
    lines += [f"  {struck[name]:4} {name}" for name in (*named, RANDOM)]
    lines += [f"  {len(histories)} operations on {len(histories.ids)} ids"]
    sink = storm.sink
    lines += [f"  {sink.acknowledged} mutations to purge, {sink.confirmed} purges, {sink.refused} refused requests"]
    lines += ["  answers: " + ", ".join(f"{count} {name}" for name, count in sorted(histories.answers.items()))]
    return "\n".join(lines)
