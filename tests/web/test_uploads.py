"""POST and PUT of originals: what is stored, what is refused, and with which explanation."""

import re
import secrets
from hashlib import sha256

import pytest

from tests.pictures import encoded, jpeg, photograph
from tests.web.served import WRITER, Served


def fresh() -> str:
    return f"u{secrets.token_hex(6)}"


def test_a_post_gets_the_metadata_and_the_location(served: Served, photo: bytes) -> None:
    id = fresh()
    response = served.post(f"/original/{id}", photo)
    assert response.status == 201
    assert response["Location"] == f"/original/{id}"
    assert response["Content-Type"] == "application/json"
    assert response["ETag"] == f'"{sha256(photo).hexdigest()}"'
    assert response["Cache-Control"] == "no-store"
    created = response.json.pop("created")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created)
    placeholders = {name: response.json.pop(name) for name in ("dominant", "thumbhash", "blurhash")}
    assert all(placeholders.values())
    assert response.json == {
        "id": id,
        "format": "jpeg",
        "width": 60,
        "height": 40,
        "size": len(photo),
        "sha256": sha256(photo).hexdigest(),
        "frames": 1,
        "alpha": False,
    }
    assert served.get(response["Location"]).body == photo


def test_a_post_without_an_id_makes_one(served: Served, photo: bytes) -> None:
    first, second = served.post("/original", photo), served.post("/original", photo)
    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] != second.json["id"]
    assert first["Location"] == f"/original/{first.json['id']}"
    assert served.get(first["Location"]).body == photo


def test_a_second_post_to_an_id_is_refused_and_changes_nothing(
    served: Served, photo: bytes, other_photo: bytes
) -> None:
    id = served.upload(photo)
    response = served.post(f"/original/{id}", other_photo)
    assert response.status == 409
    assert "Use PUT to replace it" in response.json["detail"]
    assert served.get(f"/original/{id}").body == photo


def test_a_put_creates_and_then_replaces(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = fresh()
    created = served.put(id, photo)
    assert (created.status, created["Location"]) == (201, f"/original/{id}")
    replaced = served.put(id, other_photo)
    assert replaced.status == 200
    assert replaced.json["sha256"] == sha256(other_photo).hexdigest()
    assert replaced["ETag"] == f'"{sha256(other_photo).hexdigest()}"'
    assert served.get(f"/original/{id}").body == other_photo


def test_a_replaced_original_is_at_least_a_second_newer(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = fresh()
    created = served.put(id, photo).json["created"]
    for body in (other_photo, photo, other_photo):
        again = served.put(id, body).json["created"]
        assert again > created
        created = again


def test_a_put_of_the_same_bytes_changes_nothing(served: Served, photo: bytes) -> None:
    id = fresh()
    created = served.put(id, photo)
    variant = served.get(f"/derived/{id}-20x20.png")
    again = served.put(id, photo)
    assert (created.status, again.status) == (201, 200)
    assert again.json == created.json == served.get(f"/info/{id}").json
    assert [again[name] for name in ("ETag", "Last-Modified")] == [created[name] for name in ("ETag", "Last-Modified")]
    assert "Location" not in again.headers
    unmodified = served.get(f"/derived/{id}-20x20.png", If_None_Match=variant["ETag"])
    assert (unmodified.status, unmodified["Last-Modified"]) == (304, variant["Last-Modified"])


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"If_Match": "the tag"}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": '"another"'}, 412),
        ({"If_None_Match": "*"}, 412),
        ({"If_None_Match": "the tag"}, 412),
        ({"If_Unmodified_Since": "the date"}, 200),
    ],
)
def test_a_put_of_the_same_bytes_obeys_its_conditions(
    served: Served, photo: bytes, conditions: dict[str, str], status: int
) -> None:
    id = fresh()
    created = served.put(id, photo)
    known = {"the tag": created["ETag"], "the date": created["Last-Modified"]}
    answer = served.put(id, photo, **{name: known.get(value, value) for name, value in conditions.items()})
    assert answer.status == status
    assert served.get(f"/original/{id}")["Last-Modified"] == created["Last-Modified"]


def test_a_put_with_if_none_match_star_never_replaces(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = fresh()
    assert served.put(id, photo, If_None_Match="*").status == 201
    response = served.put(id, other_photo, If_None_Match="*")
    assert response.status == 412
    assert served.get(f"/original/{id}").body == photo


def test_a_put_with_if_match_replaces_only_that_picture(served: Served, photo: bytes, other_photo: bytes) -> None:
    id = served.upload(photo)
    tag = served.get(f"/original/{id}")["ETag"]
    assert served.put(id, other_photo, If_Match='"another"').status == 412
    assert served.put(id, other_photo, If_Match=f"W/{tag}").status == 412
    assert served.get(f"/original/{id}").body == photo
    assert served.put(id, other_photo, If_Match=tag).status == 200
    assert served.put(id, photo, If_Match=tag).status == 412
    assert served.put(id, photo, If_Match=f'"x", "{sha256(other_photo).hexdigest()}"').status == 200
    assert served.put(id, other_photo, If_Match="*").status == 200


def test_a_put_with_if_match_creates_nothing(served: Served, photo: bytes) -> None:
    id = fresh()
    assert served.put(id, photo, If_Match="*").status == 412
    assert served.get(f"/original/{id}").status == 404


def test_a_put_with_if_unmodified_since_keeps_a_newer_original(
    served: Served, photo: bytes, other_photo: bytes
) -> None:
    id = served.upload(photo)
    response = served.put(id, other_photo, If_Unmodified_Since="Sat, 01 Jan 2000 00:00:00 GMT")
    assert response.status == 412
    assert served.get(f"/original/{id}").body == photo
    assert served.put(id, other_photo, If_Unmodified_Since="Fri, 01 Jan 2100 00:00:00 GMT").status == 200


BROKEN = {
    "nothing": b"",
    "text": b"this is no picture",
    "a web page": b"<!doctype html><script>alert(1)</script>",
    "an SVG that ends early": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><g>',
    "a JPEG cut short": jpeg(60, 40, seed=1)[:-300],
    "a PNG cut short": encoded(photograph(60, 40), "PNG")[:-200],
    "a PDF": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF",
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_incomplete_picture_is_refused_with_an_explanation(served: Served, what: str) -> None:
    id = fresh()
    for response in (served.put(id, BROKEN[what]), served.post(f"/original/{id}", BROKEN[what])):
        assert response.status == 400, what
        assert response["Content-Type"] == "application/problem+json"
        assert len(response.json["detail"]) > 20
    assert served.get(f"/original/{id}").status == 404


def test_a_format_that_is_not_accepted_is_refused(served: Served) -> None:
    picture = photograph(20, 20)
    for format in ("EPS", "PDF"):
        response = served.put(fresh(), encoded(picture, format))
        assert response.status == 400, format


def test_put_refuses_a_form(served: Served, photo: bytes) -> None:
    id = fresh()
    response = served.request(
        "PUT", f"/original/{id}", WRITER | {"Content-Type": "multipart/form-data; boundary=x"}, photo
    )
    assert response.status == 400
    assert "curl -T" in response.json["detail"]


def test_the_content_type_of_an_upload_is_ignored(served: Served, photo: bytes) -> None:
    id = fresh()
    assert served.put(id, photo, Content_Type="image/png").json["format"] == "jpeg"
    assert served.get(f"/original/{id}")["Content-Type"] == "image/jpeg"


def test_a_content_encoding_is_refused(served: Served, photo: bytes) -> None:
    response = served.put(fresh(), photo, Content_Encoding="gzip")
    assert (response.status, response["Accept-Encoding"]) == (415, "identity")
    assert served.put(fresh(), photo, Content_Encoding="identity").status == 201


def test_a_content_range_is_refused(served: Served, photo: bytes) -> None:
    response = served.put(fresh(), photo, Content_Range=f"bytes 0-{len(photo) - 1}/{len(photo)}")
    assert response.status == 400


def test_a_chunked_body_is_accepted(served: Served, photo: bytes) -> None:
    id = fresh()
    head = f"PUT /original/{id} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in WRITER.items()) + "\r\n"
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (photo[:100], photo[100:])]
    assert served.raw(head.encode(), *chunks, b"0\r\n\r\n").status == 201
    assert served.get(f"/original/{id}").body == photo
