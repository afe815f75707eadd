"""/metrics of a program, as Prometheus reads it."""

from dataclasses import dataclass

import aiohttp
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


@dataclass(frozen=True)
class Scrape:
    """The samples: a name and its labels, and the value."""

    samples: tuple[tuple[str, dict[str, str], float], ...]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all series of this name that have these labels."""
        return sum(value for found, its, value in self.samples if found == name and labels.items() <= its.items())

    def labels(self, name: str) -> list[dict[str, str]]:
        return [labels for found, labels, _ in self.samples if found == name]

    @property
    def names(self) -> set[str]:
        return {name for name, _, _ in self.samples}


async def scraped(port: int, *, openmetrics: bool = False) -> Scrape:
    url = f"http://127.0.0.1:{port}/metrics"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=OPENMETRICS if openmetrics else {}) as answer,
    ):
        assert answer.status == 200
        text = await answer.text()
    families = (read_openmetrics if openmetrics else read_prometheus)(text)
    return Scrape(tuple((each.name, each.labels, each.value) for family in families for each in family.samples))
