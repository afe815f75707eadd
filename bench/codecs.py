"""`make bench-codecs`: what the settings of the encoders give and cost, beside libvips."""

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import pyvips
from PIL import Image, ImageDraw, ImageFont

from bench import pictures
from bench.ssimulacra2 import Ssimulacra2
from pymager import formats
from pymager.engine.encode import encode
from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.render import render
from pymager.formats import Encoding
from pymager.variants.variant import Variant

SIZE = 800, 600
PHOTOGRAPHS = 2
ORIGINAL_SIZE = 4000, 3000
_TEXT = "The quick brown fox jumps over 0123456789 lazy dogs"
_LIMITS = PictureLimits(("*",))

Encode = Callable[[Image.Image], bytes]


@dataclass(frozen=True, slots=True)
class Row:
    """An encoder with settings, and the qualities at which it is measured."""

    format: str
    settings: dict[str, Any]
    qualities: tuple[int, ...]

    def encoder(self, quality: int) -> Encode:
        """pymager's encoder with these settings."""
        setting = formats.output_of(self.format).quality_setting
        job = RenderJob(Variant(*SIZE, self.format), Encoding(**{setting: quality, **self.settings}))
        return lambda picture: encode(picture, job)


@dataclass(frozen=True, slots=True)
class Score:
    """What an encoder makes of some pictures: means of the scores, the bytes, and the CPU seconds."""

    ssim: float
    ssimulacra2: float
    size: float
    seconds: float


@dataclass(slots=True)
class Line:
    """A line of the table: an encoder at a quality, and its scores by kind of picture."""

    format: str
    settings: str
    quality: int
    encode: Encode
    scores: dict[str, Score] = field(default_factory=dict)


_QUALITIES = (70, 80, 90)
ROWS = (
    *(Row("jpeg", {"jpeg_coding": coding}, _QUALITIES) for coding in ("baseline", "optimized", "progressive")),
    Row("jpeg", {"jpeg_subsampling": "4:4:4"}, _QUALITIES),
    *(Row("webp", {"webp_method": method}, (70, 78, 86)) for method in (0, 2, 4, 6)),
    *(Row("avif", {"avif_speed": speed}, (50, 60, 70)) for speed in (6, 8, 9)),
    Row("avif", {"avif_speed": 8, "avif_subsampling": "4:4:4"}, (50, 60, 70)),
)


def main() -> int:
    """Print the table, and WebP beside libvips."""
    parser = argparse.ArgumentParser(prog="bench.codecs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each picture is encoded")
    parser.add_argument("--format", choices=sorted({row.format for row in ROWS}), action="append", help="default: all")
    parser.add_argument(
        "--picture", type=Path, action="append", help="photographs of your own instead of generated ones"
    )
    options = parser.parse_args()
    wanted = options.format or [row.format for row in ROWS]
    kinds = {"photographs": _photographs(options.picture), "graphics": [_graphics()]}
    lines = [line for line in _lines() if line.format in wanted]
    with Ssimulacra2() as judge:
        for kind, references in kinds.items():
            _measure(lines, kind, references, options.rounds, judge)
        print("\n".join(table(lines)))
        if "webp" in wanted:
            print("\n" + "\n".join(beside_libvips(judge)))
    return 0


def table(lines: Iterable[Line]) -> Iterator[str]:
    """The table in Markdown."""
    columns = "SSIM", "SSIMULACRA2", "KB", "CPU in ms"
    yield f"| format | settings | quality | photographs: {' | '.join(columns)} | graphics: {' | '.join(columns)} |"
    yield f"|---|---|{'---:|' * (1 + 2 * len(columns))}"
    for line in lines:
        cells = (
            f"{score.ssim:.4f} | {score.ssimulacra2:.1f} | {score.size / 1000:.1f} | {score.seconds * 1000:.1f}"
            for score in line.scores.values()
        )
        yield f"| {line.format} | {line.settings} | {line.quality} | {' | '.join(cells)} |"


def beside_libvips(judge: Ssimulacra2) -> Iterator[str]:
    """A JPEG of 12 megapixels to WebP: pymager, and libvips with its defaults, at the same number of bytes.

    The reference is made from all pixels of the original.
    """
    with tempfile.TemporaryDirectory(prefix="pymager-bench-") as name:
        path = Path(name, "original.jpg")
        path.write_bytes(pictures.encoded(pictures.photograph(*ORIGINAL_SIZE), "jpg"))
        reference = pictures.lanczos(path, *SIZE)
        scaled = pyvips.Image.thumbnail(str(path), SIZE[0], height=SIZE[1]).copy_memory()
        theirs = [scaled.webpsave_buffer(Q=quality) for quality in range(70, 90)]
        yield "| pymager, quality 78 | KB | SSIM, SSIMULACRA2 | libvips of the same size |"
        yield "|---|---:|---:|---:|"
        for method in (2, 4):
            job = RenderJob(Variant(*SIZE, "webp"), Encoding(webp_method=method))
            ours = render(path, _LIMITS, job)
            assert ours is not None
            ssim, ssimulacra2 = _at_bytes(len(ours), theirs, reference, judge)
            own = f"{pictures.similarity(ours, reference):.4f}, {judge.score(_opened(ours), reference):.1f}"
            yield f"| method {method} | {len(ours) / 1000:.1f} | {own} | {ssim:.4f}, {ssimulacra2:.1f} |"


def _at_bytes(size: int, files: Sequence[bytes], reference: Image.Image, judge: Ssimulacra2) -> tuple[float, float]:
    """The scores at a number of bytes, interpolated between the next smaller and the next larger file."""
    smaller = max((file for file in files if len(file) <= size), key=len)
    larger = min((file for file in files if len(file) >= size), key=len)
    sizes = len(smaller), len(larger)
    ssims = [pictures.similarity(file, reference) for file in (smaller, larger)]
    scores = [judge.score(_opened(file), reference) for file in (smaller, larger)]
    return float(np.interp(size, sizes, ssims)), float(np.interp(size, sizes, scores))


def _lines() -> Iterator[Line]:
    for row in ROWS:
        settings = ", ".join(f"{name.removeprefix(f'{row.format}_')} {value}" for name, value in row.settings.items())
        for quality in row.qualities:
            yield Line(row.format, settings, quality, row.encoder(quality))


def _measure(
    lines: Sequence[Line], kind: str, references: Sequence[Image.Image], rounds: int, judge: Ssimulacra2
) -> None:
    """Give each line its score for a kind of picture. The encoders take turns, so that a busy machine slows all."""
    seconds: list[list[list[float]]] = [[[] for _ in references] for _ in lines]
    files: list[list[bytes]] = [[line.encode(reference) for reference in references] for line in lines]
    for _ in range(rounds):
        for line, of_line in zip(lines, seconds, strict=True):
            for reference, of_picture in zip(references, of_line, strict=True):
                start = time.process_time()
                line.encode(reference)
                of_picture.append(time.process_time() - start)
    scores = _scores(files, references, judge)
    for line, of_line, encoded, of_files in zip(lines, seconds, files, scores, strict=True):
        ssim, ssimulacra2 = (mean(values) for values in zip(*of_files, strict=True))
        line.scores[kind] = Score(ssim, ssimulacra2, mean(map(len, encoded)), mean(map(median, of_line)))


def _scores(
    files: Sequence[Sequence[bytes]], references: Sequence[Image.Image], judge: Ssimulacra2
) -> list[list[tuple[float, float]]]:
    """SSIM and SSIMULACRA2 of each file. Files with the same pixels are scored once."""
    known: dict[tuple[int, bytes], tuple[float, float]] = {}
    for encoded in files:
        for index, (data, reference) in enumerate(zip(encoded, references, strict=True)):
            picture = _opened(data)
            key = index, picture.tobytes()
            if key not in known:
                known[key] = pictures.similarity(data, reference), judge.score(picture, reference)
    return [[known[index, _opened(data).tobytes()] for index, data in enumerate(encoded)] for encoded in files]


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")


def _photographs(paths: Sequence[Path] | None) -> list[Image.Image]:
    if paths:
        return [_fitted(path) for path in paths]
    width, height = SIZE
    made = (pictures.photograph(2 * width, 2 * height, seed) for seed in range(1, PHOTOGRAPHS + 1))
    return [picture.resize(SIZE, Image.Resampling.LANCZOS) for picture in made]


def _fitted(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        scaled = picture.convert("RGB")
    scaled.thumbnail(SIZE, Image.Resampling.LANCZOS)
    return scaled


def _graphics() -> Image.Image:
    """Text, and next to it a chart."""
    picture, width = _page(), SIZE[0] // 2
    picture.paste(_chart().crop((0, 0, width, SIZE[1])), (width, 0))
    return picture


def _page() -> Image.Image:
    """Colored text of several sizes, on white and on a color."""
    picture = Image.new("RGB", SIZE, "#ffffff")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, SIZE[1] // 2, *SIZE), fill="#103060")
    colors = ("#000000", "#c00000", "#0050c0", "#008040", "#ffffff", "#ffd000", "#ff5040", "#60e0ff")
    for number, color in enumerate(colors):
        for line in range(3):
            draw.text((20, 8 + number * 75 + line * 24), _TEXT, color, ImageFont.load_default(10 + 2 * number))
    return picture


def _chart() -> Image.Image:
    """Lines, discs and bars in saturated colors over a gradient."""
    picture = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    draw = ImageDraw.Draw(picture)
    random = np.random.default_rng(1)
    for number in range(60):
        color = tuple(int(value) for value in random.integers(0, 256, 3))
        x, y = (int(random.integers(0, side)) for side in SIZE)
        match number % 3:
            case 0:
                draw.line(
                    (x, y, int(random.integers(0, SIZE[0])), int(random.integers(0, SIZE[1]))), color, 1 + number % 4
                )
            case 1:
                draw.ellipse((x, y, x + 70, y + 70), color)
            case _:
                draw.rectangle((x, y, x + 30, SIZE[1]), color)
    return picture


if __name__ == "__main__":
    sys.exit(main())
