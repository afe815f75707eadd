"""`make bench-rollout ROUNDS=100`: three replicas replaced again and again under load, and the requests that failed."""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.stores import credentials
from tests.live.replicas import new_stores
from tests.live.rollout import Tally, rollout
from tests.servers import Minio, Missing, Postgres

_SHOWN = 20


def main() -> int:
    """Replace them and print; 1 where a request failed."""
    options = _options()
    os.environ |= credentials()
    with ExitStack() as stack:
        try:
            for kind in (Minio, Postgres):
                kind.install()
            minio, postgres = stack.enter_context(Minio()), stack.enter_context(Postgres())
        except Missing as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pymager-rollout-")))
        tally = asyncio.run(_rolled(folder, minio, postgres, options))
    for failure in tally.failures[:_SHOWN]:
        print(failure)
    return 1 if tally.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.rollout", description="Rolling replacement of three replicas.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each replica is replaced; 5")
    parser.add_argument("--delay", type=float, default=1.0, help="PYMAGER_DRAIN_DELAY in seconds; 1")
    return parser.parse_args()


async def _rolled(folder: Path, minio: Minio, postgres: Postgres, options: argparse.Namespace) -> Tally:
    stores = await new_stores(minio, postgres)
    started = time.monotonic()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}; drain delay {options.delay:g} s")
    print(
        "| round | replaced | hits | cold | uploads | slow uploads | failed | time |\n|---|---|---|---|---|---|---|---|"
    )
    async with rollout(folder, stores, options.delay) as (cluster, roll):
        tally = cluster.tally
        for number in range(1, options.rounds + 1):
            await roll()
            counts = " | ".join(f"{tally.answered[kind]:,}" for kind in ("hit", "cold", "upload", "slow upload"))
            words = f"| {number} | {tally.replaced} | {counts} | {len(tally.failures)} |"
            print(f"{words} {time.monotonic() - started:.0f} s |", flush=True)
    print(f"leases left: {await cluster.leases_left()}")
    return tally


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
