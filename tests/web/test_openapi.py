"""`/openapi.json` and the program agree: schemathesis asks what the document allows, and what it does not."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pymager.web.openapi import document
from tests.pictures import jpeg
from tests.web.served import WRITER, Served, serving

schemathesis.openapi.format("binary", st.sampled_from([jpeg(16, 12), jpeg(12, 16), b"no picture"]))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("openapi"), workers=2) as server:
        yield server


contract = schemathesis.openapi.from_dict(document())


def test_the_document_is_served(served: Served) -> None:
    assert served.get("/openapi.json").json == document()


@contract.parametrize()
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_operation_answers_as_documented(case: Any, own: Served) -> None:
    case.call_and_validate(base_url=own.url, headers=WRITER)
