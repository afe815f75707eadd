"""Jobs that cost more than they seem: where they wait, what they may take, and what is learned from them."""

import asyncio
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pymager.engine.limits import PictureLimits
from pymager.errors import Undecodable
from pymager.workers import cost, first_bytes
from pymager.workers.cost import CHEAP_SECONDS, Estimates, Work
from pymager.workers.limits import WorkerLimits
from pymager.workers.pool import WorkerPool
from pymager.workers.queue import JobKind, Lane
from tests.engine.bombs import BOMBS, avif_of_49_megapixels, bmp_of_short_runs, jp2_of_many_tiles, svg_of_blurs
from tests.pictures import encoded
from tests.unit.workers.pools import TARGET, pool, rendered, until

CHEAP, EXPENSIVE = Work("cheap", 0.01), Work("expensive", 1.0)
MORE_THAN_CHEAP = "spin 0.8"


async def render(workers: WorkerPool, path: Path, work: Work) -> object:
    async with workers.reserve(JobKind.RENDER, work) as worker:
        return await worker.render(path, TARGET, path.parent)


async def test_a_job_that_turns_out_expensive_waits_for_the_expensive_one_that_runs(
    job_file: Callable[[str], Path],
) -> None:
    async with pool(2) as workers:
        blocking = job_file("wait")
        first = asyncio.create_task(render(workers, blocking, EXPENSIVE))
        await until(lambda: blocking.with_suffix(".started").exists())
        sly = asyncio.create_task(render(workers, job_file("spin 3600"), CHEAP))
        await until(lambda: workers.state.busy == 2)
        assert await rendered(workers, job_file("fine")), "the other worker is for cheap jobs again"
        assert workers.state.lanes[Lane.EXPENSIVE] == (1, 1)
        assert not sly.done()
        blocking.with_suffix(".go").touch()
        assert await first
        await until(lambda: workers.state.lanes[Lane.EXPENSIVE] == (0, 1))
        sly.cancel()
        await asyncio.wait([sly])


async def test_a_job_that_turns_out_expensive_stays_if_no_cheap_one_waits(job_file: Callable[[str], Path]) -> None:
    async with pool(2) as workers:
        blocking = job_file("wait")
        first = asyncio.create_task(render(workers, blocking, EXPENSIVE))
        await until(lambda: blocking.with_suffix(".started").exists())
        assert await render(workers, job_file(MORE_THAN_CHEAP), CHEAP)
        assert (workers.state.restarts, workers.state.started) == (0, 2)
        blocking.with_suffix(".go").touch()
        assert await first


async def test_a_file_that_is_refused_by_its_header_waits_for_no_expensive_job(job_file: Callable[[str], Path]) -> None:
    async with WorkerPool(2, 8, WorkerLimits(), PictureLimits(("*",))) as workers:
        async with workers.reserve(JobKind.RENDER, EXPENSIVE):
            for name, message in (("ppm_of_text", "decimal digits"), ("tiff_of_short_strips", "strips or tiles")):
                path = job_file(name)
                path.write_bytes(BOMBS[name]())
                with pytest.raises(Undecodable, match=message):
                    await workers.inspect(path)
            path.write_bytes(encoded(Image.new("RGB", (3_000, 3_000)), "PNG"))
            picture = asyncio.create_task(workers.inspect(path))
            await until(lambda: workers.state.lanes[Lane.EXPENSIVE] == (1, 1))
        assert (await picture).width == 3_000


async def test_a_job_that_turns_out_expensive_goes_on_if_no_expensive_one_runs(job_file: Callable[[str], Path]) -> None:
    async with pool(2) as workers:
        assert await render(workers, job_file(MORE_THAN_CHEAP), CHEAP)
        assert (workers.state.restarts, workers.state.started) == (0, 2)


async def test_an_upload_may_take_less_than_a_render(job_file: Callable[[str], Path]) -> None:
    async with pool(1, decode_seconds=0.5) as workers:
        with pytest.raises(Undecodable, match=r"more than 0\.5 seconds of processor time"):
            await workers.inspect(job_file("spin 0.75"))
        assert await render(workers, job_file("spin 0.75"), CHEAP)


async def test_what_a_job_took_that_was_ended_is_learned(job_file: Callable[[str], Path]) -> None:
    async with pool(1, decode_seconds=0.5) as workers:
        path = job_file("spin 3600")
        with pytest.raises(Undecodable):
            await workers.inspect(path)
        work = cost.of_upload("other", None, path.stat().st_size)
        assert workers._estimates.seconds(work) > 2 * work.seconds


async def test_a_job_that_waits_for_the_processor_is_not_refused(job_file: Callable[[str], Path]) -> None:
    async with pool(1, decode_seconds=0.05) as workers:
        path = job_file("wait")
        upload = asyncio.create_task(workers.inspect(path))
        await until(lambda: path.with_suffix(".started").exists())
        await asyncio.sleep(0.3)
        path.with_suffix(".go").touch()
        assert (await upload).format == "jpeg"


def test_limits_follow_from_the_estimate_between_twice_an_upload_and_the_limit_of_the_worker() -> None:
    limits = WorkerLimits(cpu_seconds=30, decode_seconds=4.0)
    assert limits.for_upload() == 4.0
    assert [limits.for_render(expected) for expected in (0.0, 0.5, 2.0, 9.0)] == [8.0, 8.0, 20.0, 30.0]
    assert WorkerLimits(cpu_seconds=3, decode_seconds=4.0).for_upload() == 1.5


def test_estimates_follow_what_jobs_take_within_bounds() -> None:
    estimates = Estimates()
    assert estimates.seconds(Work("png", 0.2)) == 0.2
    for _ in range(50):
        estimates.learn(Work("png", 0.2), 0.6)
    assert math.isclose(estimates.seconds(Work("png", 0.1)), 0.3, rel_tol=0.01)
    assert estimates.seconds(Work("webp", 0.1)) == 0.1
    estimates.learn(Work("png", 0.001), 1_000.0)
    assert estimates.seconds(Work("png", 0.1)) < 0.41, "one strange picture changes little"
    for _ in range(100):
        estimates.learn(Work("png", 1.0), 0.0)
    assert estimates.seconds(Work("png", 8.0)) > 0.99
    for number in range(1_000):
        estimates.learn(Work(str(number), 1.0), 1.0)
    assert len(estimates._ratios) == 256


@pytest.mark.parametrize(
    ("format", "name", "knows_size"),
    [
        ("JPEG", "jpeg", True),
        ("PNG", "png", True),
        ("GIF", "gif", True),
        ("BMP", "bmp", True),
        ("WEBP", "webp", True),
        ("PPM", "ppm", True),
        ("JPEG2000", "jp2", True),
        ("AVIF", "avif", True),
        ("TIFF", "tiff", False),
        ("JXL", "jxl", False),
        ("TGA", "other", False),
    ],
)
def test_first_bytes_say_the_format_and_often_the_size(format: str, name: str, knows_size: bool) -> None:
    data = encoded(Image.new("RGB", (640, 481), (9, 8, 7)), format)
    assert first_bytes.read(data) == (name, 640 * 481 if knows_size else None)


def test_the_size_of_every_kind_of_webp_and_of_a_jpeg_after_its_metadata_is_found() -> None:
    for options in ({"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}):
        data = encoded(Image.effect_noise((300, 200), 50).convert("RGB"), "WEBP", **options)
        assert first_bytes.read(data) == ("webp", 60_000)
    plain = encoded(Image.new("RGB", (300, 200)), "JPEG")
    assert first_bytes.read(plain[:2] + b"\xff\xe1\xff\x00" + bytes(0xFEFE) + plain[2:]) == ("jpeg", 60_000)


STARTS = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L")
MORE_STARTS = (
    b"P3 ",
    b"P6 9 ",
    b"\0\0\0\x0cjP  ihdr",
    b"\xff\x4f\xff\x51",
    b"\0\0\0\0ftypavif",
    b"\0\0\0\0ftypheicispe\0\0\0\0",
    b"\xff\xd8\xff\xe0\0\2",
)


@given(st.sampled_from(STARTS + MORE_STARTS), st.binary(max_size=80), st.integers(0, 1 << 40))
def test_no_first_bytes_are_an_error_and_every_estimate_is_a_number(start: bytes, rest: bytes, size: int) -> None:
    format, pixels = first_bytes.read(start + rest)
    assert pixels is None or 0 <= pixels < 1 << 64
    assert 0 < cost.of_upload(format, pixels, size).seconds < math.inf


def test_pictures_of_phones_are_cheap_and_huge_ones_are_not() -> None:
    assert cost.of_upload("jpeg", 12_000_000, 4_000_000).seconds < CHEAP_SECONDS
    assert cost.of_upload("png", 1_000_000, 1_500_000).seconds < CHEAP_SECONDS
    assert cost.of_upload("png", 100_000_000, 400_000).seconds > CHEAP_SECONDS
    assert cost.of_upload("svg", 10_000, 400).seconds > CHEAP_SECONDS


@pytest.mark.parametrize(
    ("start", "read"),
    [
        (b"P3\n640 481\n255\n0 1 2", ("ppm text", 640 * 481)),
        (b"P6\n640 481\n254\n", ("ppm scaled", 640 * 481)),
        (b"P6 +0640 4_81 254\n", ("ppm scaled", 640 * 481)),
        (b"P0CMYK 640 481 254\n", ("ppm scaled", 640 * 481)),
        (b"P5 640 481 65535\n", ("ppm", 640 * 481)),
        (b"P6 640 481 0255\n", ("ppm", 640 * 481)),
        (b"Pf 640 481 2.5\n", ("ppm", 640 * 481)),
        (b"P4\n640 481\n255", ("ppm", 640 * 481)),
        (partial(bmp_of_short_runs, 640, 2), ("bmp runs", 1_280)),
        (jp2_of_many_tiles, ("jp2 small tiles", 1_000_000)),
        (svg_of_blurs, ("svg filters", None)),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', ("svg", None)),
        (avif_of_49_megapixels, ("avif", 49_000_000)),
    ],
)
def test_first_bytes_tell_encodings_that_cost_more(
    start: bytes | Callable[[], bytes], read: tuple[str, int | None]
) -> None:
    assert first_bytes.read(start() if callable(start) else start) == read
    assert cost.of_upload(*read, 10_000).seconds >= cost.of_upload(read[0].split()[0], read[1], 10_000).seconds
