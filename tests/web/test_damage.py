"""Originals that were damaged behind the service's back: said to be the service's fault, and never half an answer."""

from typing import Any

from tests.web.served import Served
from tests.web.test_problems import assert_problem


def test_an_original_that_lost_bytes_is_not_served_at_all(
    served: Served, photo: bytes, log: list[dict[str, Any]]
) -> None:
    id = served.kept(photo)
    (file,) = served.files_of(id)
    file.write_bytes(photo[:100])
    answer = served.get(f"/original/{id}")
    assert_problem(answer, 500)
    assert_problem(served.get(f"/derived/{id}-20x10.png"), 500)
    assert any(line.get("request_id") == answer.json["request_id"] and "exception" in line for line in log)


def test_an_original_that_is_no_picture_any_more_is_not_the_readers_fault(served: Served, photo: bytes) -> None:
    id = served.kept(photo)
    (file,) = served.files_of(id)
    file.write_bytes(bytes(len(photo)))
    assert_problem(served.get(f"/derived/{id}-20x10.png"), 422)
