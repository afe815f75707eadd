"""The listing: every original once, page by page."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.served import WRITER, Response, Served, serving


@pytest.fixture(scope="module")
def shelf(
    tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]], photo: bytes
) -> Iterator[tuple[Served, set[str]]]:
    """A server with eleven originals."""
    with serving(tmp_path_factory.mktemp("shelf"), public_url="https://img.example.org/p/") as server:
        ids = {f"shelf-{number}" for number in range(10)} | {"%E7%8C%AB"}
        for id in ids:
            assert server.put(id, photo).status == 201
        yield server, (ids - {"%E7%8C%AB"}) | {"猫"}


def listed(served: Served, query: str = "") -> Response:
    return served.request("GET", f"/original{query}", WRITER)


def paged(served: Served, limit: int) -> list[list[str]]:
    """The ids of all pages, by following `Link`."""
    pages, query = [], f"?limit={limit}"
    while True:
        response = listed(served, query)
        assert response.status == 200, response.body
        pages.append([item["id"] for item in response.json["items"]])
        link = response.headers["Link"]
        assert (link is None) == (response.json["next"] is None)
        if link is None:
            return pages
        match = re.fullmatch(r'<https://img\.example\.org/p/original(\?[^>]+)>; rel="next"', link)
        assert match, link
        query = match[1]


@pytest.mark.parametrize("limit", [1, 2, 5, 10, 11, 12, 1000])
def test_every_original_is_listed_once_with_any_page_size(shelf: tuple[Served, set[str]], limit: int) -> None:
    served, ids = shelf
    pages = paged(served, limit)
    found = [id for page in pages for id in page]
    assert sorted(found) == sorted(ids)
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_a_prefix_lists_only_the_ids_that_start_with_it_and_is_part_of_the_next_link(
    shelf: tuple[Served, set[str]], limit: int
) -> None:
    served, ids = shelf
    for prefix, encoded in (("shelf-", "shelf-"), ("shelf-7", "shelf-7"), ("猫", "%E7%8C%AB"), ("x", "x"), ("", "")):
        found, query = [], f"?prefix={encoded}&limit={limit}"
        while query:
            response = listed(served, query)
            assert response.status == 200, response.body
            found += [item["id"] for item in response.json["items"]]
            link = response.headers["Link"]
            query = link and link.partition("original")[2].partition(">")[0]
            assert not query or not prefix or f"prefix={encoded}&" in query
        assert sorted(found) == sorted(id for id in ids if id.startswith(prefix))


@pytest.mark.parametrize("prefix", ["a%20b", "%00", "a/b", "%25", "%ff", "a" * 201, "a" * 5_000, "%E2%80%8B"])
def test_a_prefix_that_no_id_has_is_refused(shelf: tuple[Served, set[str]], prefix: str) -> None:
    response = listed(shelf[0], f"?prefix={prefix}")
    assert response.status == 400
    assert "prefix" in response.json["detail"]


def test_the_cursor_in_the_body_equals_the_one_in_link(shelf: tuple[Served, set[str]]) -> None:
    served, ids = shelf
    first = listed(served, "?limit=6")
    second = listed(served, f"?cursor={first.json['next']}")
    assert {item["id"] for item in first.json["items"] + second.json["items"]} == ids
    assert second.json["next"] is None


def test_an_item_equals_info(shelf: tuple[Served, set[str]]) -> None:
    served, _ = shelf
    for item in listed(served).json["items"][:3]:
        assert item == served.get(f"/info/{item['id']}").json


def test_a_listing_is_not_stored_by_caches(shelf: tuple[Served, set[str]]) -> None:
    served, _ = shelf
    response = listed(served)
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "private, no-store"
    assert response.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize(
    "limit", ["0", "-1", "1001", "ten", "", "1.5", "1e2", "9" * 5_000, "%d9%a1", "+5", "%205", "5x"]
)
def test_a_bad_limit_is_refused(shelf: tuple[Served, set[str]], limit: str) -> None:
    response = listed(shelf[0], f"?limit={limit}")
    assert response.status == 400
    assert "1000" in response.json["detail"]


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "%00", "%ff", "../..", "AAAA", "A" * 3_000, "%f0%9f%98%80", "%ed%a0%80", "====", "a%20b", "null"],
)
def test_a_bad_cursor_is_refused(shelf: tuple[Served, set[str]], cursor: str) -> None:
    response = listed(shelf[0], f"?cursor={cursor}")
    assert response.status == 400
    assert "cursor" in response.json["detail"]


def test_a_modified_cursor_is_not_a_500(shelf: tuple[Served, set[str]]) -> None:
    served, _ = shelf
    cursor = listed(served, "?limit=3").json["next"]
    for place in range(len(cursor)):
        for changed in (cursor[:place], cursor[:place] + "%7e" + cursor[place + 1 :]):
            assert listed(served, f"?cursor={changed}").status in (200, 400)


def test_a_listing_continues_while_originals_are_added_and_deleted(
    shelf: tuple[Served, set[str]], photo: bytes
) -> None:
    served, ids = shelf
    first = listed(served, "?limit=4").json
    gone = first["items"][-1]["id"]
    served.put("later", photo)
    try:
        served.delete(gone.replace("猫", "%E7%8C%AB"))
        rest = listed(served, f"?limit=1000&cursor={first['next']}").json["items"]
        assert {item["id"] for item in first["items"] + rest} - {"later"} == ids
    finally:
        served.delete("later")
        served.put(gone.replace("猫", "%E7%8C%AB"), photo)


def test_the_location_starts_with_the_public_url(shelf: tuple[Served, set[str]], photo: bytes) -> None:
    served, _ = shelf
    assert served.put("located", photo)["Location"] == "https://img.example.org/p/original/located"
    served.delete("located")
    assert served.put("%E7%8A%AC", photo)["Location"] == "https://img.example.org/p/original/%E7%8A%AC"
    served.delete("%E7%8A%AC")
