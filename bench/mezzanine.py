"""`make bench-mezzanine`: what mezzanines cost and save, for 0 to 6 variants of an original of 12 megapixels.

Two servers share the stores, one with mezzanines and one without: their variants have different keys. Originals of
both are uploaded, and their variants requested, in turns. CPU time is that of the server's whole process tree, durable
write-back included.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import cpu, pictures
from bench.load import Load, LoadError
from bench.servers import Pymager
from bench.stores import stores

ROOT = Path(__file__).parents[1]
SIZES = ((400, 300), (100, 100), (800, 600), (200, 200), (640, 480), (1200, 900))
COUNTS = (0, 1, 3, 6)
MAX_UPLOAD, MAX_FIRST, MAX_STORAGE = 1.5, 1.1, 0.2
_CACHE = {"PYMAGER_MEMORY_CACHE": "0", "PYMAGER_WORKERS": "2"}


@dataclass(slots=True)
class Round:
    """CPU seconds for one original: of the two kinds of upload, and of each variant in turn.

    `off` are variants without mezzanines, `on` variants of an original whose mezzanine was made at its upload, `late`
    those of one without, whose first variant makes it.
    """

    upload_off: float = 0.0
    upload_on: float = 0.0
    off: list[float] = field(default_factory=list)
    on: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    def never(self, variants: int) -> float:
        """All variants are rendered from the original."""
        return self.upload_off + sum(self.off[:variants])

    def at_the_upload(self, variants: int) -> float:
        """The upload makes the mezzanine."""
        return self.upload_on + sum(self.on[:variants])

    def with_the_first(self, variants: int) -> float:
        """The first variant makes it."""
        return self.upload_off + sum(self.late[:variants])

    def with_the_second(self, variants: int) -> float:
        """The second variant makes it; computed from the others."""
        if variants < 2:
            return self.never(variants)
        return self.upload_off + self.off[0] + self.late[0] - self.on[0] + sum(self.on[1:variants])


POLICIES = {
    "never": Round.never,
    "at the upload": Round.at_the_upload,
    "with the first variant": Round.with_the_first,
    "with the second variant": Round.with_the_second,
}


def main() -> int:
    """Measure over a folder and over a bucket, and print both."""
    options = _options()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}", flush=True)
    try:
        for name, where in _places(options.only):
            with where as (folder, settings):
                rounds, bytes_of = _measured(folder, settings, options)
            print(f"\n{name}, {options.rounds} rounds of {options.ids} originals\n\n{table(rounds)}\n")
            print(verdicts(rounds, bytes_of), flush=True)
    except LoadError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.mezzanine", description="What mezzanines cost and save.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--ids", type=int, default=4, help="originals in each step of a round")
    parser.add_argument("--picture", type=Path, help="a photograph of your own in place of the one made by code")
    parser.add_argument("--only", choices=["folder", "bucket"])
    parser.add_argument("--program", type=Path, default=ROOT / ".venv" / "bin" / "pymager")
    return parser.parse_args()


Place = tuple[Path, dict[str, str]]


def _places(only: str | None) -> Iterator[tuple[str, contextlib.AbstractContextManager[Place]]]:
    if only != "bucket":
        yield "Over a folder", _folder()
    if only != "folder":
        yield "Over MinIO and PostgreSQL", _bucket()


@contextlib.contextmanager
def _folder() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="pymager-bench-") as name:
        yield Path(name), {"PYMAGER_DATA": f"{name}/data"}


@contextlib.contextmanager
def _bucket() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="pymager-bench-") as name, stores({"postgresql"}) as servers:
        yield Path(name), servers.settings("postgresql", "mezzanine")


def _measured(folder: Path, where: dict[str, str], options: argparse.Namespace) -> tuple[list[Round], list[int]]:
    """The rounds, and the bytes of an original, of its mezzanine, and of its variants."""
    photo = options.picture or folder / "photo.jpg"
    if options.picture is None:
        photo.write_bytes(pictures.encoded(pictures.photograph(4000, 3000), "jpg"))
    mezzanine_bytes = _mezzanine_bytes(folder, photo, options)
    subprocess.run([options.program, "init"], env={**os.environ, **where}, check=True, stdout=subprocess.DEVNULL)
    with ExitStack() as stack:
        load = stack.enter_context(Load())
        off, on = (
            stack.enter_context(
                Pymager(options.program, folder / name, where | _CACHE | {"PYMAGER_MEZZANINE": side}, name=name)
            )
            for name, side in (("off", "off"), ("on", "2048"))
        )
        run = _Run(load, off, on, photo, options.ids)
        run.round("warm-up")
        rounds = [run.round(str(number)) for number in range(options.rounds)]
        return rounds, [photo.stat().st_size, mezzanine_bytes, run.variant_bytes]


class _Run:
    def __init__(self, load: Load, off: Pymager, on: Pymager, photo: Path, ids: int) -> None:
        self._load, self._off, self._on, self._photo, self._ids = load, off, on, photo, ids
        self.variant_bytes = 0

    def round(self, name: str) -> Round:
        """Measure each step once, those that are compared one right after the other."""
        without, with_ = ([f"{kind}-{name}-{number}" for number in range(self._ids)] for kind in ("without", "with"))
        found = Round()
        found.upload_off = self._cost(self._off, [self._off.upload(id, self._photo) for id in without], 201)
        found.upload_on = self._cost(self._on, [self._on.upload(id, self._photo) for id in with_], 201)
        for width, height in SIZES:
            for server, ids, costs in (
                (self._off, without, found.off),
                (self._on, with_, found.on),
                (self._on, without, found.late),
            ):
                costs.append(self._cost(server, [server.derived(id, width, height, "jpg") for id in ids], 200))
        self.variant_bytes = sum(
            len(self._load.fetch(self._on.port, self._on.derived(with_[0], width, height, "jpg")).body)
            for width, height in SIZES
        )
        return found

    def _cost(self, server: Pymager, requests: Sequence[object], status: int) -> float:
        before = cpu.settled(server.pid)
        self._load.send(server.port, list(requests), 1, expect=status)  # type: ignore[arg-type]
        return (cpu.settled(server.pid) - before) / len(requests)


def _mezzanine_bytes(folder: Path, photo: Path, options: argparse.Namespace) -> int:
    """The size of the mezzanine, stored in a folder of its own."""
    data = folder / "one"
    env = {**os.environ, "PYMAGER_DATA": str(data), "PYMAGER_MEZZANINE": "2048"}
    album = folder / "album"
    album.mkdir()
    shutil.copy(photo, album)
    subprocess.run([options.program, "import", album], env=env, check=True, stdout=subprocess.DEVNULL)
    return sum(path.stat().st_size for path in (data / "blobs").rglob("mezzanine.jpg"))


def table(rounds: Sequence[Round]) -> str:
    """The CPU time of each policy, and its ratio to no mezzanines, in Markdown."""
    lines = ["| the mezzanine is made |" + "".join(f" {count} variants |" for count in COUNTS)]
    lines.append("|---|" + "---:|" * len(COUNTS))
    for name, policy in POLICIES.items():
        cells = []
        for count in COUNTS:
            spent = median(policy(each, count) for each in rounds) * 1000
            cells.append(f"{spent:.0f} ms, {_ratio([policy(each, count) / each.never(count) for each in rounds])}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def verdicts(rounds: Sequence[Round], bytes_of: Sequence[int]) -> str:
    """The bounds, and how they are kept; what each variant costs; and what is stored."""
    original, mezzanine, variants = bytes_of
    upload = [each.upload_on / each.upload_off for each in rounds]
    first = [each.on[0] / each.off[0] for each in rounds]
    lines = [
        f"upload: {_ratio(upload)} of that without; bound {MAX_UPLOAD}: {_verdict(median(upload), MAX_UPLOAD)}",
        f"first variant: {_ratio(first)} of that without; bound {MAX_FIRST}: {_verdict(median(first), MAX_FIRST)}",
        f"storage: the original {original:,} bytes, the mezzanine {mezzanine:,} ({mezzanine / original:.1%}), "
        f"{len(SIZES)} variants {variants:,}; bound {MAX_STORAGE:.0%}: {_verdict(mezzanine / original, MAX_STORAGE)}",
    ]
    for index, (width, height) in enumerate(SIZES):
        ratios = [each.on[index] / each.off[index] for each in rounds]
        spent = median(each.on[index] for each in rounds) * 1000, median(each.off[index] for each in rounds) * 1000
        lines.append(
            f"{width}x{height}: {spent[0]:.1f} ms from the mezzanine, {spent[1]:.1f} without: {_ratio(ratios)}"
        )
    return "\n".join(lines)


def _verdict(value: float, bound: float) -> str:
    return "met" if value <= bound else "missed"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
