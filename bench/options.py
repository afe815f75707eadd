"""`make bench-options`: the CPU time of a render with options, beside one without, for a JPEG of 12 megapixels."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import pictures
from pymager.engine.jobs import Overlay, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.render import render
from pymager.formats import Encoding
from pymager.variants.grammar import Grammar

ORIGINAL_SIZE = 4000, 3000
PLAIN = ("800x600.jpg", "600x600.jpg")
WITH_OPTIONS = {
    "800x600.jpg?fit=inside": "800x600.jpg",
    "800x800.jpg?fit=inside": "800x600.jpg",
    "800x600.jpg?fit=contain": "800x600.jpg",
    "800x800.jpg?fit=contain": "800x600.jpg",
    "800x600.jpg?fit=fill": "800x600.jpg",
    "800x.jpg": "800x600.jpg",
    "600x600.jpg?gravity=0.3,0.75": "600x600.jpg",
    "600x600.jpg?gravity=smart": "600x600.jpg",
    "600x800.jpg?rotate=90": "800x600.jpg",
    "800x600.jpg?flip=h": "800x600.jpg",
    "800x600.jpg?crop=10p,10p,82p,82p": "800x600.jpg",
    "800x600.jpg?sharpen=1": "800x600.jpg",
    "800x600.jpg?blur=2": "800x600.jpg",
    "800x600.jpg?gray=true": "800x600.jpg",
    "800x600.jpg?watermark=logo": "800x600.jpg",
}
"""Each with the plain variant that it is compared with."""
URLS = (*PLAIN, *WITH_OPTIONS)
_LIMITS = PictureLimits(("*",))


def main() -> int:
    """Print a line for each URL: the median CPU time, and the median of the differences and ratios of the rounds."""
    parser = argparse.ArgumentParser(prog="bench.options", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="renders of each variant")
    parser.add_argument("--picture", type=Path, help="a JPEG of your own in place of the one made by code")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pymager-bench-") as name:
        path = options.picture or Path(name, "original.jpg")
        if options.picture is None:
            path.write_bytes(pictures.encoded(pictures.photograph(*ORIGINAL_SIZE), "jpg"))
        logo = Path(name, "logo.png")
        logo.write_bytes(pictures.encoded(pictures.photograph(400, 200), "png"))
        seconds = measured(path, [job(url, logo) for url in URLS], options.rounds)
    print(table(seconds))
    return 0


def job(url: str, logo: Path) -> RenderJob:
    """The job of a variant's URL."""
    name, _, query = url.partition("?")
    variant = Grammar(Encoding(), {}, watermarks=("logo",)).parse(f"a-{name}", query).variant
    overlay = Overlay(str(logo), "0" * 32, "southeast", 0.25, 0.8, 16) if variant.watermark else None
    return RenderJob(variant, variant.encoding(Encoding()), overlay=overlay)


def measured(path: Path, jobs: Sequence[RenderJob], rounds: int) -> list[list[float]]:
    """The CPU seconds of each job in each round. The jobs take turns, so that a busy machine slows all of them."""
    for job in jobs:
        render(path, _LIMITS, job)
    seconds: list[list[float]] = [[] for _ in jobs]
    for number in range(rounds):
        for index in sorted(range(len(jobs)), key=lambda index: (index + number) % len(jobs)):
            start = time.process_time()
            render(path, _LIMITS, jobs[index])
            seconds[index].append(time.process_time() - start)
    return seconds


def table(seconds: Sequence[Sequence[float]]) -> str:
    """A table in Markdown."""
    by_url = dict(zip(URLS, seconds, strict=True))
    lines = ["| variant | compared with | CPU in ms | more in ms | ratio |", "|---|---|---:|---:|---:|"]
    for url, plain in WITH_OPTIONS.items():
        pairs = list(zip(by_url[url], by_url[plain], strict=True))
        more, ratio = median(own - other for own, other in pairs), median(own / other for own, other in pairs)
        numbers = f"{median(by_url[url]) * 1000:.1f} | {more * 1000:+.1f} | {ratio:.2f}"
        lines.append(f"| `{url}` | `{plain}` | {numbers} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
