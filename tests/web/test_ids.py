"""Ids of every script, and hostile paths: never a 500, never the id of another original."""

import secrets
import unicodedata
from urllib.parse import quote

import pytest

from tests.web.served import Served

IDS = [
    "a", "_", "-", "--", "a-1x1", "a-1x1-2x2", "CAFE", "cafe", "café", "猫", "Ω", "ελληνικά", "हिन्दी", "ไทย",
    "עִבְרִית", "العربية", "٣٤", "e\u0323\u0301", "\U00020000", "İ", "ı", "ß", "0", "x" * 200, "é" * 100, "猫" * 66,
    "می\u200cخواهم", "کتاب\u200cها-1x1", "क्\u200dष", "അവന്\u200d", "ශ්\u200dරී",
]  # fmt: skip
NOT_IDS = [
    "x" * 201, "é" * 101, "猫" * 67,
    "a b", "a.b", ".", "..", "...", "a/b", "a\\b", "a\0", "\0", "a%62", "%2e%2e", "%00",
    "a\n", "a\r\nb", "a;b", "a:b", "a@b", "a+b", "a?b", "a#b", "a*b", "'", '"', "<a>", "\u200b", "\u202e", "\ufeff",
    "😀", "½", "²", "\U000e0001", "a\u00a0b", "\ue000", "x" * 5_000,
    "ad\u200cmin", "ad\u200dmin", "می\u200c", "\u200cمی", "می\u200c\u200cخ",
]  # fmt: skip


def path_of(id: str) -> str:
    return "/original/" + quote(id, safe="")


@pytest.mark.parametrize("id", IDS, ids=ascii)
def test_an_id_has_letters_digits_and_marks_of_any_script(served: Served, photo: bytes, id: str) -> None:
    canonical = unicodedata.normalize("NFC", id)
    response = served.put(quote(id, safe=""), photo)
    try:
        assert response.status == 201, response.body
        assert response.json["id"] == canonical
        assert response["Location"] == path_of(canonical)
        assert served.get(path_of(id)).body == photo
        assert served.get(f"/info/{quote(id, safe='')}").json["id"] == canonical
        assert served.get(f"/derived/{quote(id, safe='')}-60x40.jpg").body == photo
    finally:
        assert served.delete(quote(id, safe="")).status == 204


@pytest.mark.parametrize("id", NOT_IDS, ids=lambda id: ascii(id[:20]))
def test_other_characters_are_refused_on_every_route(served: Served, photo: bytes, id: str) -> None:
    quoted = quote(id, safe="")
    for response in (
        served.put(quoted, photo),
        served.post(path_of(id), photo),
        served.get(path_of(id)),
        served.delete(quoted),
        served.get(f"/info/{quoted}"),
        served.get(f"/derived/{quoted}-9x9.jpg"),
    ):
        assert response.status in (400, 404), response.body
        assert response["Content-Type"] == "application/problem+json"
        assert response.json["detail"]


def test_composed_and_decomposed_spellings_are_one_original(served: Served, photo: bytes) -> None:
    composed = "caf\u00e9" + secrets.token_hex(4)
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert served.put(quote(decomposed), photo).json["id"] == composed
    assert served.get(path_of(composed)).body == photo
    assert served.post(path_of(composed), photo).status == 409
    assert (
        served.get(f"/derived/{quote(composed)}-9x9.png").body
        == served.get(f"/derived/{quote(decomposed)}-9x9.png").body
    )
    assert served.delete(quote(decomposed)).status == 204
    assert served.get(path_of(composed)).status == 404


def test_ids_that_look_alike_are_different_originals(served: Served, photo: bytes, other_photo: bytes) -> None:
    tail = secrets.token_hex(4)
    served.put(f"cafe{tail}", photo)
    for other in ("Cafe", "CAFE", "café", "ｃａｆｅ", "cаfe"):  # the last has a Cyrillic letter
        assert served.get(path_of(other + tail)).status == 404
        assert served.put(quote(other + tail), other_photo).status == 201
    assert served.get(f"/original/cafe{tail}").body == photo


def test_unescaped_bytes_in_a_path_are_read_as_the_id_or_refused(served: Served, photo: bytes) -> None:
    id = "猫" + secrets.token_hex(4)
    served.put(quote(id), photo)
    response = served.raw_get(b"/original/" + id.encode())
    assert (response.status, response.body) == (200, photo) or response.status == 400


HOSTILE = [
    b"%2e%2e", b"..", b".", b"%2e", b"%2e%2e%2f%2e%2e%2fetc%2fpasswd", b"..%2f{id}", b"x/../{id}", b"x%2f..%2f{id}",
    b"./{id}", b"%2f{id}", b"/{id}", b"{id}/", b"{id}%2f", b"{id}%00", b"{id}%00.jpg", b"%00", b"{id}%20", b"{id}%0a",
    b"{id}%0d%0aX-A: b", b"{id};a=b", b"{id}%3f", b"{id}%23", b"%c0%ae%c0%ae", b"%c0%af", b"%e0%80%af", b"%f0%80%80%af",
    b"{id}%ff", b"{id}%c3", b"%ed%a0%80", b"%f4%90%80%80", b"%fe%ff", b"{id}\xff", b"{id}\xc3", b"\xc0\xae\xc0\xae",
    b"%2569", b"%25252e", b"{id}%25", b"{id}%2500", b"{id}%", b"{id}%4", b"{id}%zz", b"%u0041", b"{id}+", b"{id}%5c",
    b"\\{id}", b"{id}|", b"{id}`", b"{id}^", b"{id}%7f", b"{id}.", b"{id}.jpg",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_path_is_refused(served: Served, photo: bytes, path: bytes) -> None:
    id = served.upload(photo).encode()
    path = path.replace(b"{id}", id)
    for template in (b"/original/%b", b"/info/%b", b"/derived/%b-9x9.png", b"/derived/%b", b"/%b", b"/original/%b/x"):
        response = served.raw_get(template % path)
        assert response.status in (400, 404), (template % path, response.status)
        assert response["Cache-Control"] == "no-store"
        assert response["Content-Type"] == "application/problem+json"


def test_percent_encoded_letters_equal_the_letters(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    escaped = "".join(f"%{ord(letter):02x}" for letter in id)
    assert served.get(f"/original/{escaped}").body == photo
    assert served.get(f"/derived/{escaped}%2d60%78{40}%2ejpg").body == photo


def test_a_query_and_a_fragment_are_not_part_of_the_id(served: Served, photo: bytes) -> None:
    id = served.upload(photo)
    assert served.get(f"/original/{id}?x=1&id=other").body == photo
    assert served.raw_get(f"/original/{id}#there".encode()).status in (200, 400)
    assert served.raw_get(f"http://elsewhere.example/original/{id}".encode()).body == photo
