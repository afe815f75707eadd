"""/metrics of two server processes after some traffic; and what is documented, drawn and alerted on by its names."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import pytest_asyncio
import yaml

from pymager.telemetry.families import FAMILIES, Family
from tests.live.client import Client, connected, head
from tests.live.program import Program, command, running, until
from tests.live.scraped import Scrape, scraped
from tests.pictures import jpeg
from tests.servers.process import free_port

pytestmark = pytest.mark.live
module = pytest.mark.asyncio(loop_scope="module")

_ROOT = Path(__file__).parents[2]
_CHART = _ROOT / "charts" / "pymager"
_OF_PROMETHEUS = {"instance", "job", "le"}
_DERIVED = "/derived/{name}"
_PHOTO = jpeg(640, 480)


@dataclass
class Service:
    program: Program
    port: int

    async def scrape(self, *, openmetrics: bool = False) -> Scrape:
        return await scraped(self.port, openmetrics=openmetrics)

    async def derived(self) -> float:
        return (await self.scrape()).total("pymager_requests_total", route=_DERIVED)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Two server processes, and requests of every kind that were made of them."""
    port, folder = free_port(), tmp_path_factory.mktemp("metrics")
    absent = f"webhook+http://127.0.0.1:{free_port()}/#secret={'s' * 40}"  # a cache that is down
    settings = {"sweep_interval": 1, "shared_cache": "memory:", "purgers": absent}
    async with running(folder, "--processes", "2", metrics_port=port, **settings) as program:
        await until(lambda: len(program.logged("serving")) == 2, "both processes")
        async with Client(program.url) as client:
            assert (await client.put("cat", _PHOTO)).status == 201
            assert (await client.put("dog", b"not a picture")).status == 400
            assert (await client.get("/derived/cat-80x60.jpg")).status == 200
            assert (await client.request("PURGE", "/a/path/of/a/stranger")).status == 404
            assert (await client.request("BREW", "/coffee")).status == 400
            assert (await client.delete("cat")).status == 204
            assert (await client.put("cat", _PHOTO)).status == 201
            assert (await client.get("/derived/cat-80x60.jpg")).status == 200
        service = Service(program, port)
        await _counted(service, Scrape(()), 8)
        yield service


async def _hits(service: Service, number: int) -> None:
    """Each over a connection of its own, so that both processes get some."""
    for _ in range(number):
        async with Client(service.program.url) as client:
            assert (await client.get("/derived/cat-80x60.jpg")).status == 200


async def _counted(service: Service, before: Scrape, number: int) -> Scrape:
    """The metrics once so many more requests are counted: a request is counted after its response was sent."""
    counted = "pymager_requests_total"
    async with asyncio.timeout(30):
        while (after := await service.scrape()).total(counted) < before.total(counted) + number:
            await asyncio.sleep(0.01)
    return after


@module
async def test_requests_are_counted_exactly_over_both_processes(service: Service) -> None:
    before = await service.scrape()
    await _hits(service, 40)
    after = await _counted(service, before, 40)

    def more(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    assert more("pymager_requests_total", route=_DERIVED, method="GET", status="200") == 40
    assert more("pymager_requests_total") == 40
    assert more("pymager_request_seconds_count", route=_DERIVED) == 40
    assert more("pymager_request_seconds_count", tier="memory") >= 38  # each process asks the store once at most
    assert more("pymager_job_seconds_count") == 0
    assert after.total("pymager_processes") == 2


@module
async def test_a_process_that_is_killed_takes_no_count_with_it(service: Service) -> None:
    first = await service.scrape()
    await _hits(service, 20)
    before = await _counted(service, first, 20)
    serving = len(service.program.logged("serving"))
    service.program.servers()[0].kill()
    await until(lambda: len(service.program.logged("serving")) == serving + 1, "the replacement")
    await _hits(service, 10)
    after = await _counted(service, before, 10)
    counted = "pymager_requests_total"
    assert after.total(counted, status="200") == before.total(counted, status="200") + 10
    assert after.total("pymager_server_restarts_total") == before.total("pymager_server_restarts_total") + 1
    for name, labels, value in before.samples:
        if name.endswith(("_total", "_count", "_bucket", "_sum")):
            assert after.total(name, **labels) >= value, (name, labels)
    assert after.total("pymager_processes") == 2


@module
async def test_a_worker_that_is_killed_is_counted_under_its_reason(service: Service) -> None:
    before = (await service.scrape()).total("pymager_worker_restarts_total", reason="killed")
    service.program.workers()[0].kill()

    async def counted() -> None:
        while (await service.scrape()).total("pymager_worker_restarts_total", reason="killed") != before + 1:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(counted(), 30)


@module
async def test_what_strangers_send_makes_no_new_label(service: Service) -> None:
    shown = await service.scrape()
    assert shown.total("pymager_requests_total", route="unmatched", method="other", status="404") == 1
    assert shown.total("pymager_requests_total", route="unmatched", method="other", status="400") == 1
    assert shown.total("pymager_job_failures_total", kind="inspection", reason="not_a_picture") == 1
    routes = {labels["route"] for labels in shown.labels("pymager_requests_total")}
    assert routes == {_DERIVED, "/original/{id}", "unmatched"}


@module
async def test_a_client_that_leaves_before_its_answer_is_counted_as_one(service: Service) -> None:
    async with connected(service.program.port) as client:
        await client.send(head("PUT", "/original/half", Content_Length=1_000) + _PHOTO[:10])

    async def counted() -> None:
        while not (await service.scrape()).total("pymager_requests_total", method="PUT", status="499"):
            await asyncio.sleep(0.01)

    await asyncio.wait_for(counted(), 30)


@module
async def test_it_is_answered_also_while_every_server_process_hangs(service: Service) -> None:
    before = await service.derived()
    servers = service.program.servers()
    for server in servers:
        server.suspend()
    try:
        assert await asyncio.wait_for(service.derived(), 10) == before
    finally:
        for server in servers:
            server.resume()


@module
async def test_only_metrics_are_served_on_their_port_and_not_on_the_others(service: Service) -> None:
    async with Client(f"http://127.0.0.1:{service.port}") as client:
        assert [(await client.get(path)).status for path in ("/", "/healthz")] == [404, 404]
        assert (await client.request("HEAD", "/metrics")).status == 200
        assert (await client.request("POST", "/metrics")).status == 501
    async with Client(service.program.url) as client:
        assert (await client.get("/metrics")).status == 404


@module
async def test_a_port_that_is_taken_stops_the_start_and_its_setting_is_named(service: Service, tmp_path: Path) -> None:
    for processes in (1, 2):
        done = await command(tmp_path, "serve", metrics_port=service.port, processes=processes)
        assert (done.code, "PYMAGER_METRICS_PORT" in done.err) == (2, True), done


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def swept(service: Service) -> Scrape:
    """What is shown once there was a sweep too, in OpenMetrics."""
    await until(lambda: service.program.logged("sweep finished"), "a sweep")
    await _hits(service, 1)
    async with asyncio.timeout(30):
        while not (shown := await service.scrape(openmetrics=True)).labels("pymager_purges_total"):
            await asyncio.sleep(0.05)
    return shown


def _shown(family: Family) -> str:
    return f"{family.name}_count" if family.kind == "histogram" else family.name


@module
async def test_every_metric_is_there_with_its_labels_and_no_other(swept: Scrape) -> None:
    for family in FAMILIES:
        labels = swept.labels(_shown(family))
        assert labels, family.name
        assert all(set(each) == set(family.labels) for each in labels), family.name
    known = {family.name for family in FAMILIES}
    assert {re.sub("_(bucket|count|sum)$", "", name) for name in swept.names} == known
    for process in ("server", "worker", "supervisor"):
        assert swept.total("pymager_memory_bytes", process=process, kind="rss") > 1 << 20


def test_the_page_of_the_documentation_lists_the_metrics_as_they_are() -> None:
    rows = [
        f"| `{family.name}` | {family.kind} | {', '.join(f'`{label}`' for label in family.labels)} | {family.help} |"
        for family in FAMILIES
    ]
    page = (_ROOT / "docs" / "reference" / "observability.md").read_text("utf-8").splitlines()
    assert [line for line in page if line.startswith("| `pymager_")] == rows, "\n".join(rows)


def _queries() -> Iterator[tuple[str, str]]:
    dashboard = json.loads((_CHART / "dashboards" / "pymager.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            yield panel["title"], query
    for rule in _rules():
        yield rule["alert"], rule["expr"]


def _rules() -> list[dict[str, Any]]:
    rules = yaml.safe_load((_CHART / "rules" / "pymager.yaml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def _selectors(node: Any) -> Iterator[promql.VectorSelector]:
    """The selectors of a query, each a metric's name and matchers; grouping labels are checked apart."""
    if isinstance(node, promql.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        if isinstance(below := getattr(node, name, None), promql.Expr):
            yield from _selectors(below)
    for below in getattr(node, "args", ()) or ():
        yield from _selectors(below)


@module
@pytest.mark.parametrize(("title", "query"), list(_queries()))
async def test_a_query_names_metrics_labels_and_values_that_there_are(swept: Scrape, title: str, query: str) -> None:
    selectors = list(_selectors(promql.parse(query)))
    assert selectors
    for selector in selectors:
        there = swept.labels(selector.name)
        assert there, f"{title}: no {selector.name} in /metrics"
        known = set(there[0]) | _OF_PROMETHEUS
        for matcher in selector.matchers.matchers:
            assert matcher.name in known, f"{title}: {selector.name} has no label {matcher.name}"
    grouped = {label for group in re.findall(r"by \(([^)]*)\)", query) for label in re.findall(r"\w+", group)}
    labels = {label for selector in selectors for each in swept.labels(selector.name) for label in each}
    assert grouped <= labels | _OF_PROMETHEUS, title


def test_every_alert_says_what_to_do_and_where_it_is_told() -> None:
    for rule in _rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        found = re.findall(r"(docs/[a-z/-]+\.md)#([a-z-]+)", rule["annotations"]["runbook"])
        assert found and all(anchor in _anchors(page) for page, anchor in found), rule["alert"]


def _anchors(page: str) -> set[str]:
    lines = (_ROOT / page).read_text("utf-8").splitlines()
    return {line.lstrip("# ").lower().replace(" ", "-") for line in lines if line.startswith("#")}
