"""Ranges of originals (RFC 9110 section 14)."""

from email.utils import formatdate, parsedate_to_datetime

import pytest

from tests.web.served import Served


@pytest.fixture(scope="module")
def path(served: Served, photo: bytes) -> str:
    return f"/original/{served.upload(photo)}"


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-199", slice(100, 200)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-100", slice(-100, None)),
        ("bytes=-1", slice(-1, None)),
        ("bytes=0-99999999", slice(0, None)),
        ("bytes=-99999999", slice(0, None)),
        ("bytes=0-", slice(0, None)),
        ("Bytes=5-9", slice(5, 10)),
        ("bytes=0005-0009", slice(5, 10)),
    ],
)
def test_a_range_gets_its_bytes(served: Served, path: str, photo: bytes, value: str, part: slice) -> None:
    response = served.get(path, Range=value)
    start, stop, _ = part.indices(len(photo))
    assert (response.status, response.body) == (206, photo[part])
    assert response["Content-Range"] == f"bytes {start}-{stop - 1}/{len(photo)}"
    assert response["Content-Length"] == str(stop - start)
    whole = served.get(path)
    for name in ("ETag", "Last-Modified", "Cache-Control", "Content-Type"):
        assert response[name] == whole[name]


def test_a_range_includes_its_last_byte(served: Served, path: str, photo: bytes) -> None:
    last = len(photo) - 1
    assert served.get(path, Range=f"bytes={last}-{last}").body == photo[-1:]
    assert served.get(path, Range=f"bytes={last}-").body == photo[-1:]
    assert served.get(path, Range=f"bytes={last + 1}-").status == 416


@pytest.mark.parametrize("value", ["bytes=99999999-", "bytes=99999999-99999999", "bytes=-0"])
def test_a_range_without_bytes_is_refused(served: Served, path: str, photo: bytes, value: str) -> None:
    response = served.get(path, Range=value)
    assert response.status == 416
    assert response["Content-Range"] == f"bytes */{len(photo)}"
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "value",
    ["bytes=0-9,20-29", "bytes=0-1,2-3,4-5", "pages=1-2", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-5", "",
     "bytes=0-9;", "bytes=1-2-3", "bytes=+1-2", "bytes=0x1-2", "bytes=\u00b2-", "items=0-9",
     f"bytes={'9' * 5_000}-", f"bytes=0-{'9' * 5_000}", f"bytes=-{'9' * 5_000}"],
)  # fmt: skip
def test_other_ranges_get_the_whole_original(served: Served, path: str, photo: bytes, value: str) -> None:
    response = served.get(path, Range=value)
    assert (response.status, response.body) == (200, photo)
    assert response.headers["Content-Range"] is None


def test_a_range_is_ignored_except_for_get(served: Served, path: str, photo: bytes) -> None:
    response = served.head(path, Range="bytes=0-9")
    assert (response.status, response["Content-Length"]) == (200, str(len(photo)))
    assert served.head(path, Range="bytes=99999999-").status == 200


def test_if_range_with_the_tag_gets_the_range(served: Served, path: str, photo: bytes) -> None:
    tag = served.get(path)["ETag"]
    assert served.get(path, Range="bytes=0-9", If_Range=tag).body == photo[:10]


def test_if_range_with_another_or_a_weak_tag_gets_the_whole_original(served: Served, path: str, photo: bytes) -> None:
    tag = served.get(path)["ETag"]
    for value in ('"another"', f"W/{tag}", tag.strip('"'), f'{tag}, "x"', "*", ""):
        response = served.get(path, Range="bytes=0-9", If_Range=value)
        assert (response.status, response.body) == (200, photo), value


def test_if_range_with_a_date_must_equal_the_date(served: Served, path: str, photo: bytes) -> None:
    date = served.get(path)["Last-Modified"]
    assert served.get(path, Range="bytes=0-9", If_Range=date).body == photo[:10]
    for offset in (-1, 1):
        other = formatdate(parsedate_to_datetime(date).timestamp() + offset, usegmt=True)
        assert served.get(path, Range="bytes=0-9", If_Range=other).status == 200


def test_a_failed_if_range_prevents_a_416(served: Served, path: str) -> None:
    assert served.get(path, Range="bytes=99999999-", If_Range='"another"').status == 200


def test_a_304_takes_precedence_over_a_range(served: Served, path: str) -> None:
    tag = served.get(path)["ETag"]
    assert served.get(path, Range="bytes=0-9", If_None_Match=tag).status == 304
    assert served.get(path, Range="bytes=99999999-", If_None_Match=tag).status == 304
    assert served.get(path, Range="bytes=0-9", If_Match='"x"').status == 412


def test_a_variant_is_always_sent_whole(served: Served, photo: bytes) -> None:
    path = f"/derived/{served.upload(photo)}-9x9.jpg"
    response = served.get(path, Range="bytes=0-9")
    assert response.status == 200
    assert len(response.body) == int(response["Content-Length"]) > 10
