"""A cache that is purged by the webhook: what arrived, and which acknowledged deletes and replacements did not."""

import hmac
import time
from collections import defaultdict
from hashlib import sha256
from random import Random
from typing import Self

import orjson

from pymager import registry
from pymager.testing.metadata_outbox import all_purges
from pymager.testing.purgers import Call, Edge, Reply

_SECRET = "a-secret-of-the-storms-with-many-characters"
_REFUSED = 0.1  # share of the requests that the cache fails


class Sink:
    """Confirms purges, but fails some. It outlives all programs, as caches do."""

    def __init__(self, random: Random, repeat_seconds: float) -> None:
        self._random = random
        self._repeat_seconds = repeat_seconds
        self._edge = Edge(self._answer)
        self._arrivals: dict[str, dict[str, float]] = defaultdict(dict)
        self._acknowledged: dict[str, list[float]] = defaultdict(list)
        self.confirmed = self.refused = 0

    async def __aenter__(self) -> Self:
        await self._edge.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._edge.__aexit__()

    @property
    def settings(self) -> dict[str, object]:
        """What a program needs to purge this cache."""
        url = f"webhook+http://127.0.0.1:{self._edge.port}/#secret={_SECRET}"
        return {"purgers": url, "purge_repeat": self._repeat_seconds}

    @property
    def acknowledged(self) -> int:
        """How many deletes and replacements were acknowledged."""
        return sum(map(len, self._acknowledged.values()))

    def acknowledge(self, id: str, began: float) -> None:
        """Note a delete or a replacement that was acknowledged, and when it began, on the monotonic clock."""
        self._acknowledged[id].append(began)

    def missing(self) -> list[str]:
        """The ids of which something acknowledged was not purged after it began.

        Each delete and replacement ends another revision. So of the revisions of an id that were purged after a moment,
        there are at least as many as acknowledged mutations that began after it.
        """
        return [id for id, times in self._acknowledged.items() if not self._are_purged(id, sorted(times))]

    def _are_purged(self, id: str, began: list[float]) -> bool:
        arrived = list(self._arrivals[id].values())
        return all(sum(last >= time for last in arrived) >= len(began) - place for place, time in enumerate(began))

    async def _answer(self, call: Call) -> Reply | None:
        signed = call.headers["x-pymager-timestamp"].encode() + b"." + call.body
        assert call.headers["x-pymager-signature"] == f"sha256={hmac.new(_SECRET.encode(), signed, sha256).hexdigest()}"
        if self._random.random() < _REFUSED:
            self.refused += 1
            return self._random.choice([None, Reply(503), Reply(429, headers={"Retry-After": "1"})])
        for purge in orjson.loads(call.body)["purges"]:
            self._arrivals[purge["id"]][purge["revision"]] = time.monotonic()
            self.confirmed += 1
        return Reply(204)


async def pending(metadata: str) -> int:
    """How many purges the outbox of a catalog has."""
    async with registry.load_metadata(metadata) as store:
        return len(await all_purges(store))
