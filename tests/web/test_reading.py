"""GET and HEAD of originals and of what is known of them."""

import io
from hashlib import sha256

import pytest
from PIL import Image

from tests.pictures import encoded, photograph
from tests.web.served import Served

PER_ANSWER = {"Date"}


def headers_of(answer: object) -> dict[str, str]:
    items = {name: value for name, value in answer.headers.items() if name not in PER_ANSWER}  # type: ignore[attr-defined]
    assert items.pop("X-Request-ID")
    return items


def test_an_original_comes_back_byte_for_byte(served: Served, photo: bytes) -> None:
    answer = served.get(f"/original/{served.kept(photo)}")
    assert answer.status == 200
    assert answer.body == photo
    assert answer["Content-Length"] == str(len(photo))
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["ETag"] == f'"{sha256(photo).hexdigest()}"'
    assert answer["Last-Modified"].endswith(" GMT")
    assert answer["Cache-Control"] == "public, max-age=300"
    assert answer["Accept-Ranges"] == "bytes"


def test_bytes_after_the_picture_come_back_too(served: Served, photo: bytes) -> None:
    body = photo + bytes(range(256)) * 20
    assert served.get(f"/original/{served.kept(body)}").body == body


def test_an_original_of_some_megabytes_comes_back_whole(served: Served) -> None:
    body = encoded(photograph(1_400, 1_000), "BMP")
    id = served.kept(body)
    answer = served.get(f"/original/{id}")
    assert answer.body == body
    assert served.get(f"/original/{id}", Range="bytes=1000000-1000009").body == body[1_000_000:1_000_010]


def test_an_original_can_be_no_page_in_a_browser(served: Served, photo: bytes) -> None:
    id = served.kept(photo)
    for path in (f"/original/{id}", f"/derived/{id}-5x5.png", f"/derived/{id}-60x40.jpg"):
        answer = served.get(path)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize("path", ["/original/{id}", "/info/{id}", "/derived/{id}-9x9.jpg"])
def test_head_equals_get_in_all_headers(served: Served, photo: bytes, path: str) -> None:
    path = path.format(id=served.kept(photo))
    first_head, get, head = served.head(path), served.get(path), served.head(path)
    for answer in (first_head, head):
        assert answer.status == get.status == 200
        assert answer.body == b""
        assert drop_age(headers_of(answer)) == drop_age(headers_of(get))
    assert int(head["Content-Length"]) == len(get.body)


@pytest.mark.parametrize("path", ["/original/{id}", "/info/{id}", "/derived/{id}-8x8.jpg"])
def test_a_connection_that_is_closed_gets_the_same(served: Served, photo: bytes, path: str) -> None:
    path = path.format(id=served.kept(photo))
    served.settled(path)
    for condition in ({}, {"If-None-Match": "*"}):
        kept = served.ask("GET", path, condition)
        closed = served.ask("GET", path, condition | {"Connection": "close"})
        assert (closed.status, closed.body) == (kept.status, kept.body)
        assert headers_of(closed) == headers_of(kept) | {"Connection": "close"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/original/nobody-has-this", "/nowhere"])
def test_head_equals_get_where_there_is_no_picture(served: Served, path: str) -> None:
    head, get = served.head(path), served.get(path)
    assert head.status == get.status
    assert head.body == b""
    assert headers_of(head) == headers_of(get)


def drop_age(headers: dict[str, str]) -> dict[str, str]:
    """Without the one header that changes once, when the object's first second is over."""
    assert headers["Last-Modified"]
    return {name: value for name, value in headers.items() if name != "Last-Modified"}


def test_info_tells_the_size_as_shown(served: Served) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    body = encoded(photograph(60, 40), "JPEG", exif=exif)
    id = served.kept(body)
    answer = served.get(f"/info/{id}")
    assert answer.status == 200
    assert answer["Content-Type"] == "application/json"
    assert (answer.json["width"], answer.json["height"]) == (40, 60)
    assert answer.json["id"] == id
    assert answer.json["size"] == len(body)
    assert answer.json["sha256"] == sha256(body).hexdigest()
    derived = Image.open(io.BytesIO(served.get(f"/derived/{id}-40x60.png").body))
    assert derived.size == (40, 60)


def test_info_has_validators_of_its_own(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = served.kept(photo)
    first = served.get(f"/info/{id}")
    assert first["Cache-Control"] == "public, max-age=300"
    assert int(first["Content-Length"]) == len(first.body)
    again = served.get(f"/info/{id}", If_None_Match=first["ETag"])
    assert (again.status, again.body, again["ETag"]) == (304, b"", first["ETag"])
    served.put(id, other_photo)
    changed = served.get(f"/info/{id}", If_None_Match=first["ETag"])
    assert changed.status == 200
    assert changed["ETag"] != first["ETag"]


@pytest.mark.parametrize("path", ["/original/{}", "/info/{}", "/derived/{}-10x10.jpg"])
def test_what_nobody_uploaded_is_not_found(served: Served, path: str) -> None:
    answer = served.get(path.format("nobody-uploaded-this"))
    assert answer.status == 404
    assert "nobody-uploaded-this" in answer.json["detail"]
    assert answer["Cache-Control"] == "no-store"
