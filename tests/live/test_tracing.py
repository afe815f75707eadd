"""Traces as a collector gets them, and the lines of the log that belong to them."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live.client import Client
from tests.live.collector import Collector, Span, collecting
from tests.live.program import Program, environment, running, until
from tests.pictures import jpeg

pytestmark = pytest.mark.live

_SERVER = 2
_TRACE, _PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
_PHOTO = jpeg(640, 480)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as collector:
        yield collector


@pytest.fixture
async def traced(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Program, Client]]:
    for name, value in collector.environment.items():
        monkeypatch.setenv(name, value)
    async with running(tmp_path, otel=True) as program, Client(program.url) as client:
        assert (await client.put("cat", _PHOTO)).status == 201
        yield program, client


async def spans_of(collector: Collector, trace: str) -> list[Span]:
    """All spans of a trace, once its request has ended."""

    def found() -> list[Span]:
        spans = [span for span in collector.spans if span.trace == trace]
        return spans if any(span.kind == _SERVER for span in spans) else []

    return list(await until(found, "the request's span"))


async def test_a_cold_request_is_one_trace_from_http_to_the_stores_and_the_worker(
    traced: tuple[Program, Client], collector: Collector
) -> None:
    program, client = traced
    answer = await client.get("/derived/cat-80x60.jpg", traceparent=f"00-{_TRACE}-{_PARENT}-01")
    assert answer.status == 200
    spans = await spans_of(collector, _TRACE)
    (request,) = [span for span in spans if span.kind == _SERVER]
    assert (request.name, request.parent) == ("GET /derived/{name}", _PARENT)
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["url.path"] == "/derived/cat-80x60.jpg"
    assert request.attributes["pymager.tier"] == "rendered"
    assert request.resource["service.name"] == "pymager"
    assert request.resource["deployment.environment"] == "tests"
    names = [span.name for span in spans]
    for name in ("metadata.get", "metadata.acquire", "render.wait", "render.run", "blobs.open", "blobs.put"):
        assert name in names, names
    known = {span.id for span in spans}
    assert all(span.parent in known for span in spans if span is not request), "a span that hangs in the air"
    assert not any(span.is_error for span in spans)
    (line,) = await until(
        lambda: [line for line in program.logged("request") if line.get("trace_id") == _TRACE], "the request's line"
    )
    assert (line["span_id"], line["request_id"]) == (request.id, answer.headers["x-request-id"])


async def test_a_hit_is_a_trace_of_its_own_and_one_that_is_not_sampled_is_not_sent(
    traced: tuple[Program, Client], collector: Collector
) -> None:
    program, client = traced
    assert (await client.get("/derived/cat-80x60.jpg")).status == 200
    unsampled = await client.get("/derived/cat-80x60.jpg", traceparent=f"00-{_TRACE}-{_PARENT}-00")
    assert unsampled.status == 200
    hit = await client.get("/derived/cat-80x60.jpg", traceparent="garbage")
    id = hit.headers["x-request-id"]
    (line,) = await until(
        lambda: [line for line in program.logged("request") if line["request_id"] == id], "the request's line"
    )
    spans = await spans_of(collector, line["trace_id"])
    assert sorted(span.name for span in spans) == ["GET /derived/{name}", "metadata.get"]
    assert [span.parent for span in spans if span.kind == _SERVER] == [""]
    assert [span for span in collector.spans if span.trace == _TRACE] == []


async def test_an_error_inside_is_told_on_its_spans_and_in_the_log_under_one_trace(
    traced: tuple[Program, Client], collector: Collector
) -> None:
    program, client = traced
    for blob in (program.folder / "data").rglob("original/**/*"):
        if blob.is_file():
            blob.unlink()
    answer = await client.get(
        "/original/cat", traceparent=f"00-{_TRACE}-{_PARENT}-01", **{"X-Request-ID": "my-own.id:1"}
    )
    assert answer.status == 500
    spans = {span.name: span for span in await spans_of(collector, _TRACE)}
    assert spans["GET /original/{id}"].is_error
    assert not spans["blobs.open"].is_error
    assert spans["blobs.open"].attributes["pymager.answer"] == "NotFound"
    (line,) = program.logged("internal error")
    assert (line["trace_id"], line["span_id"]) == (_TRACE, spans["GET /original/{id}"].id)
    assert line["request_id"] == answer.headers["x-request-id"] == answer.json["request_id"] == "my-own.id:1"


async def test_a_collector_that_is_away_costs_no_answer_and_little_time_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    async with running(tmp_path, otel=True) as program, Client(program.url) as client:
        assert (await client.put("cat", _PHOTO)).status == 201
        assert (await client.get("/derived/cat-80x60.jpg")).status == 200
        assert await program.stop(20) == 0


_WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from pymager.__main__ import main
main()
"""


def started_without_the_extra(folder: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _WITHOUT, "serve"]
    return subprocess.run(
        command, env=environment(folder, settings), cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_the_extra_a_start_with_traces_is_refused_and_the_extra_named(tmp_path: Path) -> None:
    done = started_without_the_extra(tmp_path, otel=True)
    assert done.returncode == 2
    assert "PYMAGER_OTEL" in done.stderr
    assert "pip install 'pymager[otel]'" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_TRACES_EXPORTER", "zipkin")]
)
def test_what_the_exporter_can_not_do_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    command = [sys.executable, "-m", "pymager", "serve"]
    given = environment(tmp_path, {"otel": True})
    done = subprocess.run(command, env=given, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert variable in done.stderr
    assert value in done.stderr


def test_nothing_of_opentelemetry_is_imported_unless_it_is_asked_for() -> None:
    script = (
        "import json, sys, pymager.web.server, pymager.composition, pymager.process.serve\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('opentelemetry')]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert json.loads(done.stdout) == []
