"""Mezzanines: what is rendered from them looks as if rendered from the original, and damaged ones are refused."""

import hashlib
import io
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from pymager.engine import mezzanine as mezzanines
from pymager.engine.inspect import inspect
from pymager.engine.jobs import Mezzanine, RenderJob
from pymager.engine.render import render
from pymager.errors import MezzanineDamaged
from pymager.formats import Encoding
from pymager.ports import Original
from pymager.variants import mezzanine as rules
from pymager.variants.variant import Variant
from tests.engine.rendering import ALL, opened
from tests.pictures import encoded, photograph

SIDE = 2048
WHITE = (255, 255, 255)


@cache
def photo() -> Image.Image:
    return photograph(2401, 1603, seed=3)


@cache
def original(kind: str) -> bytes:
    if kind == "png":
        return encoded(photo(), "PNG")
    if kind == "alpha":
        picture = photo().convert("RGBA")
        picture.putalpha(Image.radial_gradient("L").resize(picture.size))
        return encoded(picture, "PNG")
    if kind == "gray":
        return encoded(photo().convert("L"), "JPEG", quality=95)
    if kind == "cmyk":
        return encoded(photo().convert("CMYK"), "JPEG", quality=95)
    exif = Image.Exif()
    exif[0x0112] = int(kind)
    return encoded(photo(), "JPEG", quality=95, exif=exif.tobytes())


def made(folder: Path, data: bytes) -> tuple[Path, Path, RenderJob]:
    """The files of an original and of its mezzanine, and a job that renders from the mezzanine."""
    source, file = folder / "original", folder / "mezzanine"
    source.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    inspection, body = inspect(source, ALL, WHITE, Mezzanine(SIDE, digest))
    assert body is not None
    file.write_bytes(body)
    job = RenderJob(Variant(300, 200, "png"), Encoding(), upright=(inspection.width, inspection.height), source=digest)
    return source, file, job


def row(source: Path, job: RenderJob) -> Original:
    assert job.upright is not None
    format = "png" if source.read_bytes()[:4] == b"\x89PNG" else "jpeg"
    return Original("a", "0" * 32, format, *job.upright, source.stat().st_size, job.source, datetime.now(UTC))


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, RenderJob]:
    return made(tmp_path_factory.mktemp("turned"), original("6"))


@pytest.mark.parametrize("kind", ["6", "alpha"])
def test_an_inspection_and_a_job_of_its_own_make_the_same_mezzanine(tmp_path: Path, kind: str) -> None:
    source, file, job = made(tmp_path, original(kind))
    wanted = Mezzanine(SIDE, job.source)
    assert mezzanines.make(source, ALL, wanted) == file.read_bytes()
    plain, none = inspect(source, ALL, WHITE)
    found, _ = inspect(source, ALL, WHITE, wanted)
    assert none is None
    assert (found.format, found.width, found.height) == (plain.format, plain.width, plain.height)
    assert (found.description.alpha, found.description.frames) == (plain.description.alpha, plain.description.frames)


@pytest.mark.parametrize("raised", [OSError("encoder error -2"), MemoryError()])
def test_an_upload_is_accepted_if_its_mezzanine_cannot_be_encoded(
    raised: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "original"
    source.write_bytes(original("png"))
    save = Image.SAVE["JPEG"]

    def fail_if_large(picture: Image.Image, *arguments: object) -> None:
        if picture.width > 8:
            raise raised
        save(picture, *arguments)  # type: ignore[arg-type]

    monkeypatch.setitem(Image.SAVE, "JPEG", fail_if_large)
    inspection, body = inspect(source, ALL, WHITE, Mezzanine(SIDE, "0" * 64))
    assert (inspection.width, inspection.height, body) == (2401, 1603, None)


def test_a_mezzanine_is_at_most_a_fifth_of_a_photograph(turned: tuple[Path, Path, RenderJob]) -> None:
    source, file, _ = turned
    assert file.stat().st_size <= source.stat().st_size / 5
    with Image.open(io.BytesIO(file.read_bytes())) as picture:
        assert picture.size == rules.mezzanine_size("jpeg", (2401, 1603), SIDE)


def test_a_damaged_mezzanine_is_never_shown(turned: tuple[Path, Path, RenderJob], tmp_path: Path) -> None:
    source, file, job = turned
    good = file.read_bytes()
    bad = [b"", good[:10], good[:-1], good + b"\0", good[1:], source.read_bytes(), bytes(len(good))]
    for place in (2, 700, len(good) // 2, len(good) - 60, len(good) - 50, len(good) - 1):
        changed = bytearray(good)
        changed[place] ^= 1
        bad.append(bytes(changed))
    for content in bad:
        broken = tmp_path / "broken"
        broken.write_bytes(content)
        with pytest.raises(MezzanineDamaged):
            render(broken, ALL, job)


def test_the_mezzanine_of_another_original_is_refused(turned: tuple[Path, Path, RenderJob]) -> None:
    _, file, job = turned
    for upright, source in ((job.upright, "0" * 64), ((1603, 2400), job.source)):
        with pytest.raises(MezzanineDamaged):
            render(file, ALL, RenderJob(job.variant, job.encoding, upright=upright, source=source))


def forged(job: RenderJob, content: bytes, opacity: bytes = b"", stored: tuple[int, int] = (1603, 2401)) -> bytes:
    """A file with a correct checksum, which anyone who can write to the bucket can make."""
    head = content + opacity + mezzanines._TRAILER.pack(mezzanines._MAGIC, len(content), len(opacity), *stored, 4, b"")
    head = head[:-32]
    return head + mezzanines._digest(job.source, head)


def test_a_forged_mezzanine_fails_cleanly(turned: tuple[Path, Path, RenderJob], tmp_path: Path) -> None:
    _, _, job = turned
    assert job.upright is not None
    fine = encoded(Image.new("RGB", (401, 601)), "JPEG")
    job = RenderJob(job.variant, job.encoding, upright=(1603, 2401), source=job.source)
    contents = [
        forged(job, b"no picture"),
        forged(job, encoded(Image.new("RGB", (401, 601)), "PNG")),
        forged(job, encoded(Image.new("CMYK", (401, 601)), "JPEG")),
        forged(job, encoded(Image.new("L", (12_000, 12_000)), "JPEG")),
        forged(job, encoded(Image.new("RGB", (40, 60)), "JPEG")),
        forged(job, fine[: len(fine) // 2]),
        forged(job, fine, encoded(Image.new("L", (40, 60)), "JPEG")),
        forged(job, fine, encoded(Image.new("RGB", (401, 601)), "JPEG")),
        forged(job, fine, stored=(0, 0)),
    ]
    file = tmp_path / "forged"
    for content in contents:
        file.write_bytes(content)
        with pytest.raises(MezzanineDamaged):
            render(file, ALL, job)
    file.write_bytes(forged(job, fine))
    assert opened(render(file, ALL, job)).size == job.variant.size


@pytest.mark.parametrize(
    "variant",
    [
        Variant(322, 482, "png"),  # 401 / 322 is less than 1.25
        Variant(160, 240, "png", crop="0,0,799,1199"),
        Variant(160, 240, "png", crop="0,0,1,9999999"),
        Variant(160, 240, "png", trim=10),
        Variant(160, 240, "png", gravity="smart"),
        Variant(160, 240, "png", sharpen=1.0),
        Variant(160, 240, "webp", animated=True),
        Variant(160, 240, "png", frame=1),
        Variant(160, 240, "png", crop="5000,5000,10,10"),
    ],
    ids=lambda variant: variant.file_name,
)
def test_what_a_mezzanine_cannot_give_comes_from_the_original(
    turned: tuple[Path, Path, RenderJob], variant: Variant
) -> None:
    source, _, job = turned
    assert not rules.serves(row(source, job), variant, Encoding(), SIDE, 65_535)


def test_a_variant_with_copyright_comes_from_the_original(turned: tuple[Path, Path, RenderJob]) -> None:
    source, _, job = turned
    keeping = Encoding(keep_metadata="copyright")
    assert not rules.serves(row(source, job), Variant(160, 240, "jpeg"), keeping, SIDE, 65_535)


@pytest.mark.parametrize(
    ("format", "size", "length", "pays"),
    [
        ("jpeg", (4000, 3000), 3_000_000, True),
        ("jpeg", (4000, 3000), 1_000_000, False),
        ("jpeg", (1600, 1200), 3_000_000, False),
        ("jpeg", (20_000, 5_000), 9_000_000, True),
        ("png", (2000, 1500), 5_000_000, True),
        ("png", (2000, 1500), 300_000, False),
        ("png", (400, 400), 500_000, False),
        ("svg", (4000, 3000), 9_000_000, False),
    ],
)
def test_only_large_pictures_get_a_mezzanine(format: str, size: tuple[int, int], length: int, pays: bool) -> None:
    assert rules.pays_for(format, size, length, SIDE) == pays
    assert max(rules.mezzanine_size(format, size, SIDE)) <= SIDE
