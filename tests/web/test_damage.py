"""Originals that were damaged in the store: a 500, and never a partial response."""

from typing import Any

from tests.web.served import Served
from tests.web.test_problems import assert_problem


def test_a_truncated_original_is_not_served(served: Served, photo: bytes, log: list[dict[str, Any]]) -> None:
    id = served.upload(photo)
    (file,) = served.files_of(id)
    file.write_bytes(photo[:100])
    response = served.get(f"/original/{id}")
    assert_problem(response, 500)
    assert_problem(served.get(f"/derived/{id}-20x10.png"), 500)
    assert any(line.get("request_id") == response.json["request_id"] and "exception" in line for line in log)


def test_an_original_whose_bytes_were_damaged_is_a_500(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    (file,) = served.files_of(id)
    file.write_bytes(bytes(len(photo)))
    assert_problem(served.get(f"/derived/{id}-20x10.png"), 422)
