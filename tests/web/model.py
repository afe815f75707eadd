"""A model of the service: a dictionary of pictures, and the rules of the HTTP interface."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from PIL import Image

from tests.pictures import encoded

LONG_AGO = "Sat, 01 Jan 2000 00:00:00 GMT"
FAR_AHEAD = "Fri, 01 Jan 2100 00:00:00 GMT"


@dataclass(frozen=True)
class Picture:
    """A picture to upload; each has one color that no other has."""

    name: str
    body: bytes
    format: str
    width: int
    height: int
    color: tuple[int, int, int]

    @property
    def tag(self) -> str:
        return f'"{sha256(self.body).hexdigest()}"'


def _plain(
    name: str, encoder: str, size: tuple[int, int], color: tuple[int, int, int], turned: bool = False
) -> Picture:
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6  # to be shown rotated by 90 degrees
    body = encoded(Image.new("RGB", size, color), encoder, **({"exif": exif} if turned else {}))
    width, height = reversed(size) if turned else size
    return Picture(name, body, encoder.lower(), width, height, color)


PICTURES = (
    _plain("red", "JPEG", (32, 24), (200, 20, 20)),
    _plain("green", "PNG", (20, 30), (20, 180, 20)),
    _plain("blue", "WEBP", (40, 10), (20, 20, 200)),
    _plain("yellow", "JPEG", (16, 32), (220, 220, 20), turned=True),
    _plain("pink", "GIF", (32, 24), (250, 100, 200)),
)


@dataclass
class Row:
    """An original; `number` distinguishes its revisions, which the same bytes again do not change."""

    picture: Picture
    number: int


@dataclass
class Shelf:
    """The originals by their ids in NFC."""

    rows: dict[str, Row] = field(default_factory=dict)
    uploads: int = 0

    def row(self, id: str) -> Row | None:
        return self.rows.get(canonical(id))

    def tag(self, id: str) -> str | None:
        row = self.row(id)
        return None if row is None else row.picture.tag

    def keep(self, id: str, picture: Picture) -> None:
        self.uploads += 1
        self.rows[canonical(id)] = Row(picture, self.uploads)

    def post(self, id: str, picture: Picture | None) -> int:
        """`picture` is None for bytes that are not a picture."""
        if self.row(id) is not None:
            return 409
        if picture is None:
            return 400
        self.keep(id, picture)
        return 201

    def put(self, id: str, picture: Picture | None, conditions: Mapping[str, str]) -> int:
        tag = self.tag(id)
        if not may_write(tag, conditions):
            return 412
        if picture is None:
            return 400
        if picture.tag != tag:
            self.keep(id, picture)
        return 201 if tag is None else 200

    def delete(self, id: str, conditions: Mapping[str, str]) -> int:
        tag = self.tag(id)
        if tag is None:
            return 404
        if not may_write(tag, conditions):
            return 412
        del self.rows[canonical(id)]
        return 204


def canonical(id: str) -> str:
    return unicodedata.normalize("NFC", id)


def may_write(tag: str | None, conditions: Mapping[str, str]) -> bool:
    """RFC 9110 section 13.2.2 for PUT and DELETE; each condition has one tag, or is `*`."""
    if "If-Match" in conditions:
        if tag is None or conditions["If-Match"] not in (tag, "*"):
            return False
    elif tag is not None and conditions.get("If-Unmodified-Since") == LONG_AGO:
        return False
    return tag is None or conditions.get("If-None-Match") not in (tag, f"W/{tag}", "*")


def read(tag: str, conditions: Mapping[str, str]) -> int:
    """The same section for GET and HEAD: the status for a representation with this tag, without ranges."""
    if "If-Match" in conditions:
        if conditions["If-Match"] not in (tag, "*"):
            return 412
    elif conditions.get("If-Unmodified-Since") == LONG_AGO:
        return 412
    if "If-None-Match" in conditions:
        return 304 if conditions["If-None-Match"] in (tag, f"W/{tag}", "*") else 200
    return 304 if conditions.get("If-Modified-Since") == FAR_AHEAD else 200


def ranged(body: bytes, first: int | None, last: int | None) -> tuple[int, bytes]:
    """The status and bytes of `first-last`, `first-` or `-last`."""
    if first is None:
        part = body[-last:] if last else b""
    else:
        part = body[first:] if last is None else body[first : last + 1]
        if last is not None and last < first:
            return 200, body
    return (206, part) if part else (416, b"")
