"""The storm of `test_storm.py` for hours, unattended, over any pair of stores: `make storm REPORT=... STORES=...`.

A leg is one round on new servers, so neither the disk nor a history grows with time. Each leg has a seed, and is a line
of REPORT.jsonl as soon as it has ended; REPORT.md sums up all lines. A run that is started again with the same report
adds to it. `--seed` and `--rounds 1` repeat the choices of one leg, not its timing.
"""

import argparse
import asyncio
import json
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from tests.live import cluster_storm
from tests.live.cluster_storm import STOPPED, ClusterStorm
from tests.live.replicas import new_stores
from tests.servers import DynamoLocal, MariaDb, Minio, Postgres, Versitygw
from tests.servers.process import Server

PAIRS: dict[str, tuple[type[Minio] | type[Versitygw], type[Postgres] | type[MariaDb] | type[DynamoLocal]]] = {
    "minio+postgresql": (Minio, Postgres),
    "minio+mariadb": (Minio, MariaDb),
    "minio+dynamodb": (Minio, DynamoLocal),
    "versitygw+dynamodb": (Versitygw, DynamoLocal),
    "versitygw+postgresql": (Versitygw, Postgres),
}
_WATCH_SECONDS = 0.5
_MAX_KEPT_FOLDERS = 5  # of legs that failed
_MAX_FAILED_LEGS = 5  # in a row that killed nothing: something is wrong with the machine
_MAX_ERROR_CHARACTERS = 20_000

PASSED = "passed"
FAILED = "failed"
INTERRUPTED = "interrupted"  # by the end of a server, or of this program: it shows nothing


@dataclass
class Leg:
    """What happened in one leg. `impossible` are the histories that are not linearizable."""

    stores: str
    seed: int
    began: str
    outcome: str = FAILED
    seconds: float = 0.0
    kills: int = 0
    stops: int = 0
    operations: int = 0
    histories: int = 0
    restarted: int = 0  # servers that ended by themselves
    struck: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)  # points to which no replica came
    impossible: list[str] = field(default_factory=list)
    error: str = ""
    kept: str = ""


async def run_leg(pair: str, seed: int, folder: Path) -> Leg:
    """One round on new servers. Raises nothing that the storm or the servers raise: the leg has it."""
    leg = Leg(pair, seed, datetime.now(UTC).isoformat(timespec="seconds"))
    began = time.monotonic()
    storm: ClusterStorm | None = None
    try:
        with ExitStack() as stack:
            bucket_type, catalog_type = PAIRS[pair]
            bucket, catalog = stack.enter_context(bucket_type()), stack.enter_context(catalog_type())
            stores = await new_stores(bucket, catalog)
            random = Random(seed)
            points = cluster_storm.points(stores, 1)
            random.shuffle(points)
            storm = ClusterStorm(folder, stores, random)
            watch = asyncio.create_task(_restart_dead([bucket, catalog], leg))
            try:
                await storm.run(points)
            finally:
                watch.cancel()
                _count(leg, storm)
        leg.outcome = PASSED
    except asyncio.CancelledError:
        leg.outcome = INTERRUPTED
        raise
    except (Exception, BaseExceptionGroup):
        leg.error = traceback.format_exc()[-_MAX_ERROR_CHARACTERS:]
        leg.impossible = storm.histories.impossible() if storm is not None and len(storm.histories) else []
        leg.outcome = INTERRUPTED if leg.restarted and not leg.impossible else FAILED
    finally:
        leg.seconds = round(time.monotonic() - began, 1)
    return leg


def _count(leg: Leg, storm: ClusterStorm) -> None:
    leg.kills, leg.stops = storm.kills, storm.struck[STOPPED]
    leg.struck, leg.missed, leg.answers = dict(storm.struck), dict(storm.missed), dict(storm.histories.answers)
    leg.operations, leg.histories = len(storm.histories), len(storm.histories.ids)


async def _restart_dead(servers: list[Server], leg: Leg) -> None:
    """Start a server again that has ended by itself, on its port and its data."""
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        for server in servers:
            if server.has_ended:
                leg.restarted += 1
                with suppress(AssertionError):  # the next look tries again
                    server.start()


class Report:
    """The lines of all legs in one file, and their sum in another."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lines, self._summary = path.with_suffix(".jsonl"), path.with_suffix(".md")

    def add(self, leg: Leg) -> None:
        """Record a leg: other runs can write to the same report at the same time."""
        with self._lines.open("a") as file:
            file.write(json.dumps(asdict(leg)) + "\n")
        draft = self._summary.with_suffix(f".{secrets.token_hex(4)}")
        draft.write_text(summary(self.legs()))
        draft.replace(self._summary)

    def legs(self) -> list[Leg]:
        return [Leg(**json.loads(line)) for line in self._lines.read_text().splitlines()]


def summary(legs: list[Leg]) -> str:
    """What all legs have shown, as Markdown."""
    lines = ["# Long storm", "", "| stores | legs | kills | stops | operations | histories | failed | hours |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|---:|")
    for pair in sorted({leg.stores for leg in legs}):
        those = [leg for leg in legs if leg.stores == pair]
        good = [leg for leg in those if leg.outcome == PASSED]
        figures = [len(good), *(sum(getattr(leg, name) for leg in good) for name in _SUMMED)]
        figures += [sum(leg.outcome == FAILED for leg in those)]
        shown = [f"{figure:,}" for figure in figures] + [f"{sum(leg.seconds for leg in those) / 3600:.1f}"]
        lines.append(f"| {' | '.join([pair, *shown])} |")
    lines += ["", "The figures are those of the legs that passed.", ""]
    interrupted = [leg for leg in legs if leg.outcome == INTERRUPTED]
    restarted = sum(leg.restarted for leg in legs)
    lines += [f"{len(interrupted)} legs were interrupted. {restarted} servers ended by themselves.", ""]
    for leg in legs:
        if leg.outcome == FAILED:
            lines += _described(leg)
    good = [leg for leg in legs if leg.outcome == PASSED]
    lines += ["## Where processes were struck", "", *_listed([leg.struck for leg in good])]
    lines += ["", "## Points to which no replica came in time", "", *_listed([leg.missed for leg in good])]
    return "\n".join([*lines, ""])


def _listed(counts: list[dict[str, int]]) -> list[str]:
    return [f"- {name}: {count}" for name, count in sorted(sum(map(Counter, counts), Counter[str]()).items())]


_SUMMED = ("kills", "stops", "operations", "histories")


def _described(leg: Leg) -> list[str]:
    title = f"## Failed: {leg.stores}, seed {leg.seed}, {leg.began}"
    repeat = f"`make storm REPORT=again STORES={leg.stores} ROUNDS=1 SEED={leg.seed}` repeats its choices."
    lines = [title, "", f"{repeat} Logs: {leg.kept or 'not kept'}", ""]
    lines += [f"- not linearizable: {line}" for line in leg.impossible]
    return [*lines, "```", leg.error.strip(), "```", ""]


async def storm(report: Report, pair: str, rounds: int, seed: int, kept: Path, say: Callable[[str], None]) -> int:
    """Run the legs. The exit code: 0 if none failed."""
    failed = idle = 0
    for number in range(rounds):
        folder = Path(tempfile.mkdtemp(prefix="pymager-storm-"))
        try:
            leg = await run_leg(pair, seed + number, folder)
            if leg.outcome == FAILED:
                failed += 1
                leg.kept = _keep(folder, kept, leg)
            report.add(leg)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        say(f"{number + 1} of {rounds}, {pair}, seed {leg.seed}: {leg.outcome}, {leg.kills} kills, {leg.seconds:.0f} s")
        idle = 0 if leg.kills else idle + 1
        if idle == _MAX_FAILED_LEGS:
            say(f"{idle} legs in a row killed nothing")
            return 1
    return 1 if failed else 0


def _keep(folder: Path, kept: Path, leg: Leg) -> str:
    """Move what a failed leg left to where it stays; empty if there is enough already."""
    kept.mkdir(parents=True, exist_ok=True)
    if len(list(kept.iterdir())) >= _MAX_KEPT_FOLDERS:
        return ""
    return str(shutil.move(folder, kept / f"{leg.stores}-{leg.seed}-{secrets.token_hex(2)}"))


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="where REPORT.jsonl and REPORT.md go")
    parser.add_argument("--stores", choices=PAIRS, default="minio+postgresql")
    parser.add_argument("--rounds", type=int, default=10, help="how many legs")
    parser.add_argument("--seed", type=int, default=None, help="of the first leg; each later one has the next number")
    given = parser.parse_args()
    for server in PAIRS[given.stores]:
        server.install()
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    seed = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    kept = given.report.with_suffix(".failed")
    with suppress(asyncio.CancelledError):
        return await storm(
            Report(given.report), given.stores, given.rounds, seed, kept, lambda text: print(text, flush=True)
        )
    return 1


if __name__ == "__main__":
    # tests/conftest.py sets the same for the tests: the credentials of servers that this program starts.
    import tests.conftest  # noqa: F401

    sys.exit(asyncio.run(main()))
