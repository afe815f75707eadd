"""What a read costs in one process, in CPU time: from a bucket, and from memcached with the verification of its value.

`python -m bench.cache_reads BLOBS-URL CACHE-URL` prints a table. The reads take turns in random order.
"""

import asyncio
import random
import resource
import secrets
import sys
from collections.abc import Awaitable, Callable
from statistics import median

import uvloop

from pymager import registry
from pymager.library.shared_tier import SharedTier

ROUNDS, READS, SIZE_BYTES = 25, 200, 60_000
_KEY = f"derived/cat/{'0' * 32}/{'0' * 8}/800x600.jpg"


async def main(blobs_url: str, cache_url: str) -> None:
    """Measure with one read at a time, and with eight."""
    await registry.load_blobs(blobs_url).prepare()
    async with registry.load_blobs(blobs_url) as blobs, registry.load_cache(cache_url) as cache:
        tier, body = SharedTier(cache, b"", 10.0), secrets.token_bytes(SIZE_BYTES)
        tier.put(await blobs.put(_KEY, body, "image/jpeg"), body)
        await tier.close()

        async def from_bucket() -> bytes:
            async with blobs.open(_KEY) as blob:
                return b"".join([chunk async for chunk in blob.chunks])

        async def from_cache() -> bytes:
            found = await tier.get(_KEY)
            assert found is not None
            return found[1]

        print(f"| a read of {SIZE_BYTES:,} bytes | at a time | CPU | ratio |\n|---|---:|---:|---:|")
        for concurrency in (1, 8):
            spent = await _measured({"bucket": from_bucket, "memcached": from_cache}, body, concurrency)
            ratios = [one / other for one, other in zip(spent["memcached"], spent["bucket"], strict=True)]
            ratio = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            for name, seconds in spent.items():
                shown = ratio if name == "memcached" else ""
                print(f"| {name} | {concurrency} | {median(seconds) * 1e6:.0f} µs | {shown} |", flush=True)


async def _measured(
    reads: dict[str, Callable[[], Awaitable[bytes]]], body: bytes, concurrency: int
) -> dict[str, list[float]]:
    """The CPU seconds of a read in each round."""
    spent: dict[str, list[float]] = {name: [] for name in reads}

    async def several(read: Callable[[], Awaitable[bytes]]) -> None:
        for _ in range(READS // concurrency):
            assert await read() == body

    for _ in range(ROUNDS):
        for name in random.sample(list(reads), len(reads)):
            before = _cpu_seconds()
            await asyncio.gather(*(several(reads[name]) for _ in range(concurrency)))
            spent[name].append((_cpu_seconds() - before) / READS)
    return spent


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:3]))
