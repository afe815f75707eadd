"""The response is the same from every tier: from memory, from the store, streamed, or just rendered."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.pictures import encoded, photograph
from tests.web.served import Response, Served, serving

VALIDATORS = ("ETag", "Content-Type", "Content-Length", "Cache-Control")


@pytest.fixture(scope="module", params=[0, 64 << 20], ids=["no memory", "64 MiB"])
def cached(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]
) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("cached"), memory_cache=request.param) as server:
        yield server


@pytest.fixture(scope="module")
def large() -> bytes:
    return encoded(photograph(900, 700, seed=5), "JPEG", quality=90)


def assert_same(first: Response, *others: Response) -> None:
    for other in others:
        assert (other.status, other.body) == (first.status, first.body)
        for name in VALIDATORS:
            assert other[name] == first[name]


def test_hits_equal_the_first_response(cached: Served, photo: bytes) -> None:
    path = f"/derived/{cached.upload(photo)}-40x40.webp"
    assert_same(cached.get(path), *(cached.get(path) for _ in range(4)))


def test_a_variant_of_megabytes_is_right_from_the_first_response_on(cached: Served, large: bytes) -> None:
    path = f"/derived/{cached.upload(large)}-900x700.bmp"
    first = cached.get(path)
    assert len(first.body) == int(first["Content-Length"]) == 900 * 700 * 3 + 54
    assert_same(first, cached.get(path), cached.get(path))
    head = cached.head(path)
    assert (head["Content-Length"], head["ETag"]) == (first["Content-Length"], first["ETag"])
    assert cached.get(path, If_None_Match=first["ETag"]).status == 304


def test_head_can_be_the_first_request_for_a_variant_of_megabytes(cached: Served, large: bytes) -> None:
    path = f"/derived/{cached.upload(large)}-901x700.bmp"
    head, get = cached.head(path), cached.get(path)
    assert (head.status, head.body) == (200, b"")
    assert head["Content-Length"] == str(len(get.body))
    assert head["ETag"] == get["ETag"]


def test_several_clients_can_be_the_first_to_request_a_variant_of_megabytes(cached: Served, large: bytes) -> None:
    path = f"/derived/{cached.upload(large)}-902x700.ppm"
    with ThreadPoolExecutor(8) as pool:
        assert_same(*pool.map(lambda _: cached.get(path), range(8)))


def test_a_variant_around_the_size_from_which_it_is_streamed(cached: Served, large: bytes) -> None:
    id = cached.upload(large)
    for width in (698, 699, 700):  # 500 rows of three bytes a pixel and a head: the bound is 1 MiB
        path = f"/derived/{id}-{width}x500.ppm"
        first = cached.get(path)
        assert len(first.body) == width * 500 * 3 + len(f"P6\n{width} 500\n255\n")
        assert_same(first, cached.get(path))


def test_the_variant_can_be_an_original_of_megabytes(cached: Served) -> None:
    body = encoded(photograph(900, 700), "BMP")
    path = f"/derived/{cached.upload(body)}-900x700.bmp"
    first = cached.get(path)
    assert first.body == body
    assert_same(first, cached.get(path))


@pytest.mark.parametrize("name", ["20x20.jpg", "900x700.bmp"])
def test_a_deleted_original_is_not_served_from_any_tier(cached: Served, large: bytes, photo: bytes, name: str) -> None:
    id = cached.upload(large)
    path = f"/derived/{id}-{name}"
    old = cached.get(path)
    assert cached.get(path).status == 200
    assert cached.delete(id).status == 204
    for condition in ({}, {"If_None_Match": old["ETag"]}, {"If_None_Match": "*"}):
        assert cached.get(path, **condition).status == 404
        assert cached.head(path, **condition).status == 404
    cached.put(id, photo)
    new = cached.get(path, If_None_Match=old["ETag"])
    assert new.status == 200
    assert new.body != old.body


def test_variants_that_were_deleted_from_the_store_are_rendered_again(cached: Served, photo: bytes) -> None:
    id = cached.upload(photo)
    path = f"/derived/{id}-22x22.png"
    first = cached.get(path)
    for file in cached.files_of(id):
        if file.name.startswith("22x22"):
            file.unlink()
    again = cached.get(path)
    assert (again.status, again.body) == (200, first.body)
