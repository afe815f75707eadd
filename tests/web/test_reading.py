"""GET and HEAD of originals and of their metadata."""

import io
from hashlib import sha256

import pytest
from PIL import Image

from tests.pictures import encoded, photograph
from tests.web.served import Served

PER_ANSWER = {"Date"}


def headers_of(response: object) -> dict[str, str]:
    items = {name: value for name, value in response.headers.items() if name not in PER_ANSWER}  # type: ignore[attr-defined]
    assert items.pop("X-Request-ID")
    return items


def test_an_original_comes_back_byte_for_byte(served: Served, photo: bytes) -> None:
    response = served.get(f"/original/{served.upload(photo)}")
    assert response.status == 200
    assert response.body == photo
    assert response["Content-Length"] == str(len(photo))
    assert response["Content-Type"] == "image/jpeg"
    assert response["ETag"] == f'"{sha256(photo).hexdigest()}"'
    assert response["Last-Modified"].endswith(" GMT")
    assert response["Cache-Control"] == "public, max-age=300"
    assert response["Accept-Ranges"] == "bytes"


def test_bytes_after_the_picture_come_back_too(served: Served, photo: bytes) -> None:
    body = photo + bytes(range(256)) * 20
    assert served.get(f"/original/{served.upload(body)}").body == body


def test_an_original_of_several_megabytes_comes_back_whole(served: Served) -> None:
    body = encoded(photograph(1_400, 1_000), "BMP")
    id = served.upload(body)
    response = served.get(f"/original/{id}")
    assert response.body == body
    assert served.get(f"/original/{id}", Range="bytes=1000000-1000009").body == body[1_000_000:1_000_010]


def test_a_browser_does_not_render_an_original_as_a_page(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    for path in (f"/original/{id}", f"/derived/{id}-5x5.png", f"/derived/{id}-60x40.jpg"):
        response = served.get(path)
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize("path", ["/original/{id}", "/info/{id}", "/derived/{id}-9x9.jpg"])
def test_head_equals_get_in_all_headers(served: Served, photo: bytes, path: str) -> None:
    path = path.format(id=served.upload(photo))
    first_head, get, head = served.head(path), served.get(path), served.head(path)
    for response in (first_head, head):
        assert response.status == get.status == 200
        assert response.body == b""
        assert headers_of(response) == headers_of(get)
    assert int(head["Content-Length"]) == len(get.body)


@pytest.mark.parametrize("path", ["/original/{id}", "/info/{id}", "/derived/{id}-8x8.jpg"])
def test_connection_close_gets_the_same_response(served: Served, photo: bytes, path: str) -> None:
    path = path.format(id=served.upload(photo))
    for condition in ({}, {"If-None-Match": "*"}):
        kept = served.request("GET", path, condition)
        closed = served.request("GET", path, condition | {"Connection": "close"})
        assert (closed.status, closed.body) == (kept.status, kept.body)
        assert headers_of(closed) == headers_of(kept) | {"Connection": "close"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/original/nobody-has-this", "/nowhere"])
def test_head_equals_get_for_a_404(served: Served, path: str) -> None:
    head, get = served.head(path), served.get(path)
    assert head.status == get.status
    assert head.body == b""
    assert headers_of(head) == headers_of(get)


def test_info_has_the_size_after_orientation(served: Served) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    body = encoded(photograph(60, 40), "JPEG", exif=exif)
    id = served.upload(body)
    response = served.get(f"/info/{id}")
    assert response.status == 200
    assert response["Content-Type"] == "application/json"
    assert (response.json["width"], response.json["height"]) == (40, 60)
    assert response.json["id"] == id
    assert response.json["size"] == len(body)
    assert response.json["sha256"] == sha256(body).hexdigest()
    derived = Image.open(io.BytesIO(served.get(f"/derived/{id}-40x60.png").body))
    assert derived.size == (40, 60)


def test_info_has_its_own_validators(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = served.upload(photo)
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
def test_an_unknown_id_is_not_found(served: Served, path: str) -> None:
    response = served.get(path.format("nobody-uploaded-this"))
    assert response.status == 404
    assert "nobody-uploaded-this" in response.json["detail"]
    assert response["Cache-Control"] == "no-store"
