"""`make bench-overload`, second scenario: costly pictures without pause, while others do what they usually do.

Hits, cold renders and uploads of honest clients are measured quietly, and then while 200 bombs of all kinds
(`tests.engine.bombs`) arrive over some connections, each as soon as the one before it is answered.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import aiohttp

from bench import pictures
from bench.servers import Pymager
from tests.engine.bombs import BOMBS

PROGRAM = Path(sys.executable).with_name("pymager")
SETTINGS = {"PYMAGER_WORKERS": "2", "PYMAGER_TRUSTED_PROXIES": "127.0.0.0/8"}
SIZES = itertools.product(range(300, 1_100), range(300, 500))
HIT_PAUSE_SECONDS, COLD_PAUSE_SECONDS, UPLOAD_PAUSE_SECONDS = 0.05, 0.3, 0.5
SMALL_SECONDS, BOMB_AIM_SECONDS = 0.3, 5.0
AIMS = {"hits": 2, "cold renders": 3, "uploads": 3}
Times = dict[str, list[float]]


class Honest:
    """Clients that request hits and cold renders, and upload, until they are canceled."""

    def __init__(self, session: aiohttp.ClientSession, photo: bytes) -> None:
        self.times: Times = {kind: [] for kind in AIMS}
        self.failures: Counter[str] = Counter()
        self._session = session
        self._photo = photo
        self._numbers = itertools.count()

    async def run(self, seconds: float) -> None:
        """Run for some seconds, or until canceled."""
        self.times = {kind: [] for kind in AIMS}
        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                group.create_task(self._repeat("hits", HIT_PAUSE_SECONDS, self._hit))
                group.create_task(self._repeat("cold renders", COLD_PAUSE_SECONDS, self._cold))
                group.create_task(self._repeat("uploads", UPLOAD_PAUSE_SECONDS, self._upload))
        except TimeoutError:
            pass

    async def _repeat(self, kind: str, pause: float, ask: Callable[[], Awaitable[int]]) -> None:
        while True:
            start = time.perf_counter()
            status = await ask()
            self.times[kind].append(time.perf_counter() - start)
            if status >= 400:
                self.failures[f"{kind} {status}"] += 1
            await asyncio.sleep(pause)

    async def _hit(self) -> int:
        return await self._get("photo-0-160x120.jpg", "192.0.2.1")

    async def _cold(self) -> int:
        width, height = next(SIZES)
        return await self._get(f"photo-{width % 4}-{width}x{height}.jpg", "192.0.2.2")

    async def _get(self, name: str, client: str) -> int:
        async with self._session.get(f"/derived/{name}", headers={"X-Forwarded-For": client}) as answer:
            await answer.read()
            return answer.status

    async def _upload(self) -> int:
        return await put(self._session, f"honest-{next(self._numbers)}", self._photo, "192.0.2.3")


async def put(session: aiohttp.ClientSession, id: str, body: bytes, client: str) -> int:
    """Upload a picture; returns the status."""
    headers = {"X-Forwarded-For": client}
    async with session.put(f"/original/{id}", data=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def bombed(
    session: aiohttp.ClientSession, bombs: dict[str, bytes], count: int, connections: int, clients: int
) -> dict[str, Times]:
    """Upload so many bombs; the seconds until each was answered, by its name and by the status."""
    answered: dict[str, Times] = {name: {} for name in bombs}
    numbers = iter(range(count))

    async def upload() -> None:
        for number in numbers:
            name = list(bombs)[number % len(bombs)]
            start = time.perf_counter()
            try:
                status = str(
                    await put(session, f"bomb-{clients}-{number}", bombs[name], f"203.0.113.{number % clients}")
                )
            except aiohttp.ClientError:
                status = "cut off"
            answered[name].setdefault(status, []).append(time.perf_counter() - start)

    await asyncio.gather(*(upload() for _ in range(connections)))
    return answered


async def measured(server: Pymager, options: argparse.Namespace) -> None:
    """Measure quietly, then with bombs of one client, then with those of many, and print each."""
    bombs = {name: make() for name, make in itertools.islice(BOMBS.items(), options.bombs)}
    photo = pictures.encoded(pictures.photograph(4000, 3000), "jpg")
    timeout, base = aiohttp.ClientTimeout(total=600), f"http://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession(base, headers=server.auth, timeout=timeout) as session:
        for number in range(4):
            await put(session, f"photo-{number}", photo, "192.0.2.1")
        honest = Honest(session, pictures.encoded(pictures.photograph(800, 600), "jpg"))
        await honest.run(options.seconds)
        quiet = honest.times
        for clients in (1, 200):
            running = asyncio.create_task(honest.run(600))
            answered = await bombed(session, bombs, options.bombs, options.connections, clients)
            running.cancel()
            await asyncio.wait([running])
            print(f"\n{options.bombs} bombs over {options.connections} connections, of {clients} client(s)")
            tell(quiet, honest.times, honest.failures, answered)


def tell(quiet: Times, loaded: Times, failures: Counter[str], answered: dict[str, Times]) -> None:
    """Print what honest clients saw, and how long the bombs took."""
    print("| honest | quiet p50 | quiet p99 | loaded p50 | loaded p99 | aim |\n|---|---|---|---|---|---|")
    for kind, factor in AIMS.items():
        aim = max(factor * share(quiet[kind], 0.99), SMALL_SECONDS)
        verdict = "met" if share(loaded[kind], 0.99) <= aim else "missed"
        cells = [share(times[kind], part) for times in (quiet, loaded) for part in (0.5, 0.99)]
        print(f"| {kind} | {' | '.join(f'{cell * 1e3:.0f} ms' for cell in cells)} | {aim * 1e3:.0f} ms: {verdict} |")
    print(f"honest requests refused: {dict(failures) or 'none'}")
    print("| bomb | answers | median | longest |\n|---|---|---|---|")
    for name, by_status in answered.items():
        times = [each for those in by_status.values() for each in those]
        counts = ", ".join(f"{status}: {len(those)}" for status, those in by_status.items())
        if times:
            print(f"| {name} | {counts} | {statistics.median(times):.1f} s | {max(times):.1f} s |")
    refused = [each for by in answered.values() for status, those in by.items() if status[0] != "2" for each in those]
    longest = max(refused, default=0.0)
    print(
        f"longest time until a bomb is refused: {longest:.1f} s: {'met' if longest <= BOMB_AIM_SECONDS else 'missed'}"
    )
    print(f"load of the machine: {os.getloadavg()[0]:.1f}", flush=True)


def share(times: list[float], part: float) -> float:
    """A quantile of times."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def main() -> int:
    """Measure and print; 0 also where an aim was missed."""
    parser = argparse.ArgumentParser(prog="bench.bombs", description="Honest clients while bombs arrive.")
    parser.add_argument("--seconds", type=float, default=60, help="how long to measure without bombs; 60")
    parser.add_argument("--bombs", type=int, default=200, help="how many bombs; 200")
    parser.add_argument("--connections", type=int, default=8, help="bombs at the same time; 8")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pymager-bombs-")))
        server = stack.enter_context(Pymager(PROGRAM, folder / "pymager", SETTINGS))
        asyncio.run(measured(server, options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
