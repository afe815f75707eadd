"""Confined worker processes accept, refuse, decode and encode as the engine does without a sandbox."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pymager.engine.jobs import Mezzanine, Overlay, RenderJob
from pymager.engine.mezzanine import make
from pymager.engine.render import render
from pymager.errors import PymagerError
from pymager.formats import Encoding, output_of
from pymager.sandbox import confinement
from pymager.variants.options import OPTIONS
from pymager.variants.variant import Variant
from pymager.workers.limits import WorkerLimits
from pymager.workers.pool import WorkerPool
from pymager.workers.worker import Worker
from tests.engine.fidelity.table import KINDS
from tests.engine.rendering import ALL
from tests.engine.table import OUTPUTS
from tests.pictures import encoded, photograph, svg

PROGRAM = (str(Path(__file__).with_name("confined_worker.py")),)
MAX_SHOWN = 10
SIZE, LARGE_PNG = (120, 108), (600, 540)  # large enough for the encoder and the decoder of large PNGs
PLAIN: dict[str, Any] = {"width": 320, "height": 200, "format": "png"}
OPTION_VALUES: dict[str, dict[str, Any]] = {
    "dpr": {"width": 640, "height": 400},
    "fit": {"fit": "contain"},
    "enlarge": {"enlarge": True},
    "gravity": {"gravity": "smart"},
    "q": {"q": 50, "format": "jpeg"},
    "bg": {"bg": "102030", "format": "jpeg"},
    "crop": {"crop": "10,10,100,100"},
    "trim": {"trim": 10},
    "rotate": {"rotate": 90},
    "flip": {"flip": "h"},
    "blur": {"blur": 2.0},
    "sharpen": {"sharpen": 1.0},
    "gray": {"gray": True},
    "watermark": {"watermark": "logo", "overlay": "0" * 32},
    "animated": {"animated": True, "format": "webp"},
    "frame": {"frame": 1},
}


async def outcome(job: Awaitable[Any]) -> Any:
    try:
        result = await job
    except PymagerError as error:
        return type(error).__name__, str(error)
    return result.read_bytes() if isinstance(result, Path) else result


def plain_outcome(job: Callable[[], Any]) -> Any:
    """What the engine does in this process."""
    try:
        return job()
    except PymagerError as error:
        return type(error).__name__, str(error)


@asynccontextmanager
async def confined_worker(timeout: float = 120.0) -> AsyncIterator[tuple[WorkerPool, Worker]]:
    limits = WorkerLimits(memory=4 << 30, wall_seconds=timeout, max_jobs=100_000)
    required = confinement.chosen("required")
    async with WorkerPool(1, 1, limits, ALL, confinement=required, program=PROGRAM) as workers:
        async with workers.reserve() as worker:
            yield workers, worker
        assert workers.state.restarts == 0


async def test_every_kind_of_file_has_the_same_outcome(tmp_path: Path) -> None:
    file, differences = tmp_path / "original", []
    job = RenderJob(Variant(40, 30, "png"), Encoding())
    async with confined_worker() as (_, worker):
        for name, kind in KINDS.items():
            file.write_bytes(kind.data())
            found = await outcome(worker.render(file, job, tmp_path))
            if found != plain_outcome(lambda: render(file, ALL, job)):
                differences.append((name, str(found)[:200]))
    assert not differences, "\n".join(map(str, differences[:MAX_SHOWN]))


def jobs(logo: Path) -> dict[str, RenderJob]:
    """A job for every option, and for every output format with all metadata that can be kept."""
    encoding = Encoding(keep_metadata="copyright")
    overlay = Overlay(str(logo), "0" * 32, "southeast", 0.25, 0.8, 16)
    found = {f"to {name}": RenderJob(Variant(**PLAIN | {"format": name}), encoding) for name in OUTPUTS}
    for name, values in OPTION_VALUES.items():
        variant = Variant(**PLAIN | values)
        found[name] = RenderJob(variant, encoding, overlay=overlay if variant.watermark else None)
    return found


def as_format(picture: Image.Image, name: str) -> bytes:
    output = output_of(name)
    return encoded(picture, output.encoder, **output.options(Encoding(), picture.size))


def originals() -> dict[str, bytes]:
    """An original in each format that can be written, a large PNG, a drawing with text, and an animation."""
    picture = photograph(*SIZE)
    found = {name: as_format(picture, name) for name in OUTPUTS}
    found["large png"] = as_format(photograph(*LARGE_PNG), "png")
    found["svg"] = svg(*SIZE)
    film = [photograph(*SIZE, seed=number) for number in (1, 2)]
    return found | {"animation": encoded(picture, "GIF", save_all=True, append_images=film)}


def test_every_option_is_tested() -> None:
    assert OPTION_VALUES.keys() == {option.name for option in OPTIONS}


async def test_every_option_and_output_format_gives_the_same_bytes(tmp_path: Path) -> None:
    file, logo, differences = tmp_path / "original", tmp_path / "logo", []
    logo.write_bytes(encoded(photograph(80, 40), "PNG"))
    async with confined_worker() as (_, worker):
        for kind, data in originals().items():
            file.write_bytes(data)
            for name, job in jobs(logo).items():
                found = await outcome(worker.render(file, job, tmp_path))
                if found != plain_outcome(lambda job=job: render(file, ALL, job)):
                    differences.append((kind, name, str(found)[:200]))
    assert not differences, "\n".join(map(str, differences[:MAX_SHOWN]))


async def test_large_results_are_written_to_a_file_of_the_server(tmp_path: Path) -> None:
    file, spool = tmp_path / "original", tmp_path / "spool"
    file.write_bytes(encoded(photograph(3_000, 2_000), "JPEG", quality=95))
    spool.mkdir()
    big, mezzanine = RenderJob(Variant(2_000, 1_500, "bmp"), Encoding()), Mezzanine(1_024, "0" * 64)
    async with confined_worker() as (workers, worker):
        variant = await worker.render(file, big, spool)
        made = await worker.make_mezzanine(file, mezzanine, spool)
        inspection = await worker.inspect(file, mezzanine, spool)
        with pytest.raises(PymagerError, match="the spool cannot be written: No such file or directory"):
            await worker.render(file, big, tmp_path / "absent")
        assert workers.state.started == 1  # nothing of this needs more modules
    assert isinstance(variant, Path) and made is not None and inspection.mezzanine is not None
    assert sorted(spool.iterdir()) == sorted((variant, made, inspection.mezzanine))
    assert variant.read_bytes() == render(file, ALL, big)
    assert made.read_bytes() == inspection.mezzanine.read_bytes() == make(file, ALL, mezzanine)
