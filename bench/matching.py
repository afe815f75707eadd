"""Files of equal size: which setting of a peer's encoder makes its file as large as pymager's."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PIL import Image

from bench import pictures
from bench.cases import PNG, WEBP, Case
from bench.load import Load
from bench.servers import Peer, Pymager, Server
from bench.stage import Stage

Setting = dict[str, int | bool]
SIZE_TOLERANCE, SSIM_TOLERANCE = 0.02, 0.002
WEBP_QUALITIES = range(40, 97)
PNG_LEVELS = range(1, 10)
PNG_USUAL: Setting = {"compressionLevel": 6, "adaptiveFiltering": True}


@dataclass(frozen=True, slots=True)
class File:
    """A variant: its size in bytes, its SSIM, and the setting that made it, where one was searched for."""

    size: int
    score: float
    setting: Setting | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """pymager's file, those of the peers by name, and whether pymager's is as good as it has to be."""

    format: str
    ours: File
    peers: Mapping[str, File]
    equal: bool
    rule: str

    def __str__(self) -> str:
        """For the notes below the tables."""
        files = {"pymager": self.ours, **self.peers}.items()
        verdict = "as it must be" if self.equal else "**not** as it must be"
        return (
            f"{self.format}: {'; '.join(f'{name} {_in_words(file)}' for name, file in files)}. {self.rule}: {verdict}."
        )


def match(case: Case, stage: Stage, ours: Pymager) -> Match:
    """Search, and tell the peers what to encode with from now on."""
    picture = stage.pictures[case.original]
    for server in (ours, *stage.peers.values()):
        stage.originals(server, case.original, [_id(case)])
    reference = pictures.lanczos(picture, *case.target[:2])
    return {WEBP: _webp, PNG: _png}[case.target](case, stage, ours, reference)


def nearest(size: Callable[[int], int], target: int, qualities: range) -> int:
    """The quality at which the size, which grows with it, is nearest to `target`."""
    low, high = qualities.start, qualities.stop - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if size(middle) >= target else (middle + 1, high)
    return min((quality for quality in (low - 1, low) if quality in qualities), key=lambda one: abs(size(one) - target))


def cheapest(sizes: Iterable[tuple[Setting, int]], target: int) -> Setting:
    """The first setting whose file is hardly larger than `target`, or else the one with the smallest file."""
    seen: list[tuple[Setting, int]] = []
    for setting, size in sizes:
        if size <= target * (1 + SIZE_TOLERANCE):
            return setting
        seen.append((setting, size))
    return min(seen, key=lambda one: one[1])[0]


def _webp(case: Case, stage: Stage, ours: Pymager, reference: Image.Image) -> Match:
    mine = _file(_asked(case, stage.load, ours), reference)
    found = {}
    for name, peer in stage.peers.items():

        def size(quality: int, peer: Peer = peer) -> int:
            return len(_made(case, stage.load, peer, {"quality": quality}))

        setting: Setting = {"quality": nearest(size, mine.size, WEBP_QUALITIES)}
        found[name] = _file(_made(case, stage.load, peer, setting), reference, setting)
    other = found["sharp"]
    equal = abs(other.size / mine.size - 1) <= SIZE_TOLERANCE and mine.score >= other.score - SSIM_TOLERANCE
    rule = f"At equal bytes (2 %), pymager's SSIM is at least sharp's less {SSIM_TOLERANCE}"
    return Match("WebP 800x600", mine, found, equal, rule)


def _png(case: Case, stage: Stage, ours: Pymager, reference: Image.Image) -> Match:
    mine = _file(_asked(case, stage.load, ours), reference)
    peer = stage.peers["sharp"]
    levels: Iterable[Setting] = (
        {"compressionLevel": level, "adaptiveFiltering": adaptive}
        for level, adaptive in itertools.product(PNG_LEVELS, (False, True))
    )
    usual = len(_made(case, stage.load, peer, PNG_USUAL))
    setting = cheapest(((one, len(_made(case, stage.load, peer, one))) for one in levels), mine.size)
    found = {
        "thumbor": _file(_asked(case, stage.load, stage.thumbor), reference),
        "sharp": _file(_made(case, stage.load, peer, setting), reference, setting),
    }
    rule = f"pymager's file is at most 2 % larger than sharp's at compression level 6, {usual:,} bytes"
    return Match("PNG 800x600", mine, found, mine.size <= usual * (1 + SIZE_TOLERANCE), rule)


def _made(case: Case, load: Load, peer: Peer, setting: Setting) -> bytes:
    """The file of a peer with a setting, which stays."""
    peer.encodings[case.target[2]] = setting
    return _asked(case, load, peer)


def _asked(case: Case, load: Load, server: Server) -> bytes:
    return load.fetch(server.port, server.derived(_id(case), *case.target)).body


def _file(body: bytes, reference: Image.Image, setting: Setting | None = None) -> File:
    return File(len(body), pictures.similarity(body, reference), setting)


def _id(case: Case) -> str:
    return f"match-{case.name}"


def _in_words(file: File) -> str:
    setting = ", ".join(f"{name} {value}" for name, value in (file.setting or {}).items())
    return f"{file.size:,} bytes, SSIM {file.score:.4f}{f' ({setting})' if setting else ''}"
