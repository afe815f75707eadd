"""What is measured: a row for each case, with the requests' kind, the picture, the peers and the aim."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.aims import (
    IMAGOR_HIT_OF_THUMBOR,
    IMGPROXY_AVATAR_OF_THUMBOR,
    IMGPROXY_NOT_MODIFIED_OF_THUMBOR,
    MANY,
    ONE,
    Aim,
    always,
    of_imgproxy,
)

Kind = Literal["hit", "not-modified", "first", "further", "upload"]
Target = tuple[int, int, str]

LARGE, SMALL, WEBP, PNG = (800, 600, "jpg"), (100, 100, "jpg"), (800, 600, "webp"), (800, 600, "png")
COLD_PEERS = ("thumbor", "sharp")

# The number of requests in a block, for each number of connections.
HITS = {ONE: 2000, MANY: 3000}
QUICK_HITS = {ONE: 300, MANY: 600}
COLD = {ONE: 8, MANY: 24}
QUICK_COLD = {ONE: 3, MANY: 16}
HIT_ROUNDS, COLD_ROUNDS, QUICK_ROUNDS = 5, 4, 3


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the tables.

    `decode` is the size that the yardstick decodes `original` for. `weight` multiplies the number of requests where
    each takes little time. `cached` is whether pymager's memory cache is on. Where `equal`, what is compared is only
    comparable at equal bytes.
    """

    name: str
    title: str
    kind: Kind
    aims: Mapping[int, Aim] = field(default_factory=dict)
    original: str = "jpg"
    target: Target = LARGE
    peers: tuple[str, ...] = ("thumbor",)
    decode: tuple[int, int] | None = None
    weight: int = 1
    cached: bool = False
    equal: bool = False

    @property
    def is_hit(self) -> bool:
        """Whether nothing is rendered or stored."""
        return self.kind in ("hit", "not-modified")

    def counts(self, *, quick: bool) -> dict[int, int]:
        """Requests in a block, for each number of connections."""
        if self.is_hit:
            return QUICK_HITS if quick else HITS
        return {many: self.weight * count for many, count in (QUICK_COLD if quick else COLD).items()}

    def rounds(self, *, quick: bool) -> int:
        """How often each server has its turn."""
        return QUICK_ROUNDS if quick else HIT_ROUNDS if self.is_hit else COLD_ROUNDS


def _first(
    name: str,
    title: str,
    aims: Mapping[int, Aim],
    original: str,
    target: Target,
    *,
    weight: int = 1,
    equal: bool = False,
) -> Case:
    title = f"first variant, {title}"
    return Case(name, title, "first", aims, original, target, COLD_PEERS, target[:2], weight, equal=equal)


def _further(name: str, title: str, aims: Mapping[int, Aim], target: Target) -> Case:
    return Case(name, f"further variant, {title}", "further", aims, "jpg", target, COLD_PEERS, target[:2], 2)


FOLDER = (
    _first("cold-jpeg", "12 MP JPEG to 800x600 JPEG", of_imgproxy(0.65, "jpg to 800x600 jpg"), "jpg", LARGE),
    _first("cold-jpeg-small", "12 MP JPEG to 100x100 JPEG", of_imgproxy(0.75, "jpg to 100x100 jpg"), "jpg", SMALL),
    _first(
        "cold-webp", "12 MP JPEG to 800x600 WebP", of_imgproxy(0.65, "jpg to 800x600 webp"), "jpg", WEBP, equal=True
    ),
    _further("further-jpeg", "12 MP JPEG to 800x600 JPEG", of_imgproxy(0.3, "jpg to 800x600 jpg"), LARGE),
    _further("further-jpeg-small", "12 MP JPEG to 100x100 JPEG", of_imgproxy(0.2, "jpg to 100x100 jpg"), SMALL),
    _first(
        "cold-png-png", "3 MP PNG to 800x600 PNG", of_imgproxy(0.7, "png to 800x600 png"), "png-3mp", PNG, equal=True
    ),
    _first("cold-png", "3 MP PNG to 800x600 JPEG", of_imgproxy(0.7, "png to 800x600 jpg"), "png-3mp", LARGE),
    _first("cold-from-webp", "3 MP WebP to 800x600 JPEG", of_imgproxy(0.7, "webp to 800x600 jpg"), "webp-3mp", LARGE),
    _first(
        "cold-avatar",
        "400x400 JPEG to 100x100 JPEG",
        always(Aim(0.8 * IMGPROXY_AVATAR_OF_THUMBOR, "thumbor")),
        "avatar",
        SMALL,
        weight=6,
    ),
    Case(
        "hit-memory",
        "hit from memory, 800x600 JPEG",
        "hit",
        {ONE: Aim(0.2, "thumbor"), MANY: Aim(0.45 * IMAGOR_HIT_OF_THUMBOR, "thumbor")},
        cached=True,
    ),
    Case("hit-disk", "hit from the folder, 800x600 JPEG", "hit", always(Aim(0.25, "thumbor"))),
    Case(
        "not-modified",
        "304 to If-None-Match",
        "not-modified",
        {ONE: Aim(0.12, "thumbor"), MANY: Aim(0.5 * IMGPROXY_NOT_MODIFIED_OF_THUMBOR, "thumbor")},
        cached=True,
    ),
    # The size of the decode is one for which libjpeg's smallest scale, 1/8, is enough.
    Case("upload", "upload of a 12 MP JPEG", "upload", always(Aim(1.15, "decode")), decode=(100, 100)),
    _first("cold-webp-small", "12 MP JPEG to 100x100 WebP", {}, "jpg", (100, 100, "webp")),
    _first("cold-24mp", "24 MP JPEG to 800x600 JPEG", {}, "jpg-24mp", LARGE),
)
"""The cases over a folder and SQLite, in the tables' order."""

BUCKET = (
    Case("hit-memory", "hit from memory, 800x600 JPEG", "hit", always(Aim(0.2, "thumbor")), cached=True),
    Case("hit-disk", "hit from the bucket, 800x600 JPEG", "hit", always(Aim(0.4, "thumbor"))),
    Case("not-modified", "304 to If-None-Match", "not-modified", always(Aim(0.12, "thumbor")), cached=True),
    Case(
        "cold-jpeg", "first variant, 12 MP JPEG to 800x600 JPEG", "first", always(Aim(1.3, "decode")), decode=LARGE[:2]
    ),
    Case("further-jpeg", "further variant, 12 MP JPEG to 800x600 JPEG", "further", decode=LARGE[:2], weight=2),
    Case("upload", "upload of a 12 MP JPEG", "upload", decode=(100, 100)),
)
"""The cases over a bucket with each shared catalog; thumbor stays on its folder."""

NOT_QUICK = {"cold-webp-small", "cold-24mp"}
