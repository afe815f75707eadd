"""What the cases play on: the pictures, the running servers, and the originals that they have been given."""

from dataclasses import dataclass, field
from pathlib import Path

from bench import pictures
from bench.load import Load
from bench.servers import Pymager, Server, Thumbor

_MADE = {
    "jpg": ("12 MP JPEG", 4000, 3000, "jpg"),
    "original-png": ("12 MP PNG", 4000, 3000, "png"),
    "original-webp": ("12 MP WebP", 4000, 3000, "webp"),
    "original-24mp": ("24 MP JPEG", 6000, 4000, "jpg"),
}


@dataclass(frozen=True, slots=True)
class WebpMatch:
    """thumbor's quality at which its WebP is as large as pymager's, and what both are then worth."""

    quality: int
    sizes: tuple[int, int]
    scores: tuple[float, float]
    quality_at_equal_score: int
    size_at_equal_score: int

    @property
    def equal(self) -> bool:
        """Whether sizes are within 2 % and SSIM within 0.002."""
        ours, theirs = self.sizes
        return abs(theirs / ours - 1) <= 0.02 and abs(self.scores[0] - self.scores[1]) <= 0.002

    def __str__(self) -> str:
        return (
            f"WebP 800x600: pymager {self.sizes[0]:,} bytes, SSIM {self.scores[0]:.4f}; "
            f"thumbor (quality {self.quality}) {self.sizes[1]:,} bytes, SSIM {self.scores[1]:.4f}: "
            f"{'equal' if self.equal else 'NOT equal'} (2 % in size, 0.002 in SSIM). At the SSIM nearest to pymager's "
            f"(quality {self.quality_at_equal_score}) thumbor's has {self.size_at_equal_score:,} bytes."
        )


@dataclass(slots=True)
class Stage:
    """The servers and a client; `pymager` has its default settings, `pymager_disk` those of the cold cases.

    `clusters` are those two again over each pair of stores, by the pair's name.
    """

    load: Load
    pymager: Pymager
    pymager_disk: Pymager
    thumbor: Thumbor
    pictures: dict[str, Path]
    titles: dict[str, str]
    match: WebpMatch | None = None
    clusters: dict[str, tuple[Pymager, Pymager]] = field(default_factory=dict)
    _added: set[tuple[int, str]] = field(default_factory=set)

    def originals(self, server: Server, kind: str, ids: list[str]) -> list[str]:
        """The ids, after seeing to it that the server has the picture `kind` under each."""
        missing = [id for id in ids if (server.pid, id) not in self._added]
        if missing:
            server.add(self.load, missing, self.pictures[kind])
            self._added.update((server.pid, id) for id in missing)
        return ids


def make_pictures(folder: Path, kinds: set[str], photo: Path | None) -> tuple[dict[str, Path], dict[str, str]]:
    """The files that are needed, and what to call them; `photo` is one's own JPEG in place of the one from code."""
    found, titles = {}, {}
    for kind, (title, width, height, extension) in _MADE.items():
        found[kind] = folder / f"{kind}.{extension}"
        titles[kind] = title
        if kind == "jpg" and photo:
            found[kind].write_bytes(photo.read_bytes())
            titles[kind] = photo.name
        elif kind in kinds:
            found[kind].write_bytes(pictures.encoded(pictures.photograph(width, height), extension))
    return found, titles


def webp_match(load: Load, pymager: Pymager, python: Path, folder: Path, picture: Path) -> WebpMatch:
    """Find it, with a thumbor that is only started for this."""
    pymager.add(load, ["match"], picture)
    ours = load.fetch(pymager.port, pymager.derived("match", 800, 600, "webp")).body
    with Thumbor(python, folder) as thumbor:
        thumbor.add(load, ["match"], picture)
        theirs = {
            quality: load.fetch(thumbor.port, thumbor.derived("match", 800, 600, "webp", quality=quality)).body
            for quality in range(64, 93)
        }
    reference = pictures.lanczos(picture, 800, 600)
    score = pictures.similarity(ours, reference)
    scores = {quality: pictures.similarity(body, reference) for quality, body in theirs.items()}
    quality = min(theirs, key=lambda one: abs(len(theirs[one]) - len(ours)))
    equal = min(scores, key=lambda one: abs(scores[one] - score))
    return WebpMatch(quality, (len(ours), len(theirs[quality])), (score, scores[quality]), equal, len(theirs[equal]))
