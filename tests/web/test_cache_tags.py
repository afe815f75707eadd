"""The headers with tags: on everything that is about an original, and only there, and only if they are on."""

import re
from collections.abc import Iterator

import pytest

from tests.pictures import encoded, photograph
from tests.web.served import Served, serving

_HEADERS = ("Cache-Tag", "Surrogate-Key", "xkey")


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    names = ",".join(_HEADERS)
    with serving(
        tmp_path_factory.mktemp("tagged"), cache_tags=names, watermarks="logo:image=brand", options="*"
    ) as one:
        yield one


@pytest.fixture(scope="module")
def png() -> bytes:
    return encoded(photograph(40, 30), "PNG")


def test_all_responses_about_an_original_have_its_tag_and_that_of_the_deployment(tagged: Served, png: bytes) -> None:
    first, second = tagged.upload(png), tagged.upload(png)
    seen = {}
    for id in (first, second):
        paths = [f"/original/{id}", f"/info/{id}", *(f"/derived/{id}-8x6.{kind}" for kind in ("jpg", "auto", "%6Apg"))]
        for path in (*paths, paths[2]):
            response = tagged.get(path)
            assert response.status == 200, path
            own, deployment = response["xkey"].split(" ")
            assert response["Surrogate-Key"] == f"{own} {deployment}"
            assert response["Cache-Tag"] == f"{own},{deployment}"
            assert re.fullmatch(r"pmo-[0-9a-f]{24} pmd-[0-9a-f]{24}", response["xkey"])
            assert seen.setdefault(id, response["xkey"]) == response["xkey"], path
            again = tagged.get(path, If_None_Match=response["ETag"])
            assert (again.status, again["xkey"]) == (304, response["xkey"])
    assert seen[first] != seen[second]
    assert seen[first].split()[1] == seen[second].split()[1]


def test_a_variant_with_a_watermark_has_the_tags_of_both_pictures(tagged: Served, png: bytes) -> None:
    id = tagged.upload(png)
    assert tagged.request("PUT", "/original/brand", {"Authorization": "Bearer a-token-of-the-tests"}, png).status == 201
    brand = tagged.get("/info/brand")["xkey"].split()[0]
    for query in ("?watermark=logo", "?watermark=log%6F"):
        assert brand in tagged.get(f"/derived/{id}-8x6.jpg{query}")["xkey"].split()
    assert brand not in tagged.get(f"/derived/{id}-8x6.jpg")["xkey"].split()


def test_what_no_cache_keeps_has_no_tags(tagged: Served) -> None:
    for path in ("/original/absent", "/derived/absent-8x6.jpg", "/info/absent", "/healthz"):
        response = tagged.get(path)
        assert [name for name in _HEADERS if name in response.headers] == []


def test_no_response_has_tags_unless_they_are_on(served: Served, png: bytes) -> None:
    id = served.upload(png)
    for path in (f"/original/{id}", f"/info/{id}", f"/derived/{id}-8x6.jpg"):
        assert [name for name in _HEADERS if name in served.get(path).headers] == []
