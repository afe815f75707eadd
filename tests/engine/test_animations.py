"""Animations in and out, compared with what independent readers show."""

import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pymager.engine import plugins
from pymager.engine.animation.reading import open_animation
from pymager.engine.animation.writing import write
from pymager.engine.jobs import EncoderFailed
from pymager.engine.original import open_original
from pymager.formats import Encoding, output_of
from tests.engine import moving
from tests.engine.moving import Film, premultiplied
from tests.engine.rendering import ALL

FORMATS = ("gif", "webp", "png", "avif")
TOLERANCES = {"gif": 0.5, "webp": 2.5, "png": 0.5, "avif": 2.5}
"""Mean differences, of 255, that the encoders may cause."""


def shown(data: bytes) -> Film:
    """An animation as pymager reads it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "original")
        file.write_bytes(data)
        with open_original(file, ALL, full_walk=True) as original:
            animation = open_animation(original)
            assert animation is not None
            frames = [premultiplied(frame.picture) for frame in animation.frames(0)]
            return Film(frames, [float(time) for time in animation.milliseconds], animation.plays)


def bare(picture: Image.Image) -> Image.Image:
    """The picture without metadata, as the pipeline leaves it."""
    picture.info = {}
    return picture


def converted(data: bytes, format: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "original")
        file.write_bytes(data)
        with open_original(file, ALL, full_walk=True) as original:
            animation = open_animation(original)
            assert animation is not None
            return write(
                format,
                (bare(frame.picture) for frame in animation.frames(0)),
                animation.milliseconds,
                animation.plays,
                stays_opaque=animation.stays_opaque,
                options=output_of(format).options(Encoding(), animation.size),
            )


def written(pictures: list[Image.Image], format: str, times: list[float], plays: int = 0) -> bytes:
    milliseconds = [Fraction(time).limit_denominator(1_000_000) for time in times]
    options = output_of(format).options(Encoding(), pictures[0].size)
    return write(format, iter(pictures), milliseconds, plays, stays_opaque=False, options=options)


def assert_alike(found: Film, expected: Film, tolerance: float, unit_milliseconds: int = 1) -> None:
    """The same pictures at the same times; neighbors that are equal may be merged."""
    assert found.plays == expected.plays
    assert abs(sum(found.milliseconds) - sum(expected.milliseconds)) <= unit_milliseconds / 2
    start = 0.0
    for number, (frame, time) in enumerate(zip(expected.frames, expected.milliseconds, strict=True)):
        actual = found.at(start + time / 2)
        assert actual.shape == frame.shape
        difference = np.abs(actual - frame)
        assert difference.mean() <= tolerance, f"frame {number}: {difference.mean()}"
        start += time


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize(("alpha", "plays"), [(True, 3), (False, 0), (False, 1)])
def test_an_animation_looks_like_its_original_in_every_format(
    source: str, target: str, alpha: bool, plays: int
) -> None:
    data = moving.original(source, alpha=alpha, plays=plays)
    expected = moving.read(data)
    assert len(expected.frames) == len(moving.MILLISECONDS)
    tolerance = TOLERANCES[target] + (TOLERANCES["avif"] if source == "avif" else 0)
    assert_alike(moving.read(converted(data, target)), expected, tolerance, 10 if target == "gif" else 1)


@pytest.mark.parametrize("plays", [0, 1, 2, 3, 65_535])
@pytest.mark.parametrize("format", FORMATS)
def test_the_number_of_plays_is_read_and_written(format: str, plays: int) -> None:
    data = moving.original(format, alpha=False, plays=plays)
    assert moving.read(data).plays == shown(data).plays == plays
    assert moving.read(converted(data, format)).plays == plays


RED, GREEN, BLUE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)
HALF, CLEAR = (255, 255, 255, 128), (0, 0, 0, 0)
_TABLE = bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
_OTHER_TABLE = bytes([9, 9, 9, 250, 200, 0, 0, 200, 250, 250, 0, 250])


def _gif(area: tuple[int, int, int, int], color: int, **options: object) -> bytes:
    return moving.gif_part(area, [color] * (area[2] * area[3]), **options)  # type: ignore[arg-type]


def _gifs(disposal: int) -> bytes:
    parts = [
        _gif((0, 0, 12, 10), 1, transparent=0),
        _gif((2, 3, 5, 4), 2, disposal=disposal, transparent=0),
        _gif((6, 1, 5, 6), 3, disposal=disposal, transparent=0, palette=_OTHER_TABLE),
        _gif((0, 5, 12, 3), 2, disposal=1, transparent=0),
        _gif((1, 1, 3, 3), 0, disposal=disposal, transparent=0),
    ]
    return moving.gif((12, 10), parts, palette=_TABLE, plays=4)


TRICKY_GIFS = {
    "disposal 0": _gifs(0),
    "disposal 1": _gifs(1),
    "disposal 2": _gifs(2),
    "disposal 3": _gifs(3),
    "a first frame with an offset": moving.gif(
        (12, 10), [_gif((4, 2, 5, 5), 1, transparent=0), _gif((0, 0, 6, 6), 2, transparent=0)], palette=_TABLE
    ),
    "a transparent first frame": moving.gif(
        (12, 10), [_gif((0, 0, 12, 10), 0, transparent=0), _gif((3, 3, 4, 4), 2, transparent=0)], palette=_TABLE
    ),
    "a first frame that restores": moving.gif(
        (12, 10),
        [_gif((0, 0, 8, 8), 1, disposal=3, transparent=0), _gif((3, 3, 8, 6), 2, transparent=0)],
        palette=_TABLE,
    ),
    "only local color tables": moving.gif(
        (12, 10),
        [
            _gif((0, 0, 12, 10), 1, transparent=0, palette=_TABLE),
            _gif((3, 3, 4, 4), 1, transparent=0, palette=_OTHER_TABLE),
        ],
    ),
}


@pytest.mark.parametrize("name", TRICKY_GIFS)
def test_a_tricky_gif_is_read_as_by_libvips(name: str) -> None:
    found, expected = shown(TRICKY_GIFS[name]), moving.read(TRICKY_GIFS[name])
    assert found.milliseconds == expected.milliseconds
    assert found.plays == expected.plays
    for frame, other in zip(found.frames, expected.frames, strict=True):
        assert np.array_equal(frame, other)


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("name", TRICKY_GIFS)
def test_a_tricky_gif_is_written_in_every_format(name: str, target: str) -> None:
    tolerance = {"gif": 0, "png": 0, "webp": 30, "avif": 30}[target]
    found = moving.read(converted(TRICKY_GIFS[name], target))
    assert_alike(found, moving.read(TRICKY_GIFS[name]), tolerance)


def _apngs(disposal: int, blend: int) -> bytes:
    parts = [
        moving.apng_part((0, 0, 12, 10), RED, disposal=disposal, delay=(1, 30)),
        moving.apng_part((2, 3, 5, 4), HALF, disposal=disposal, blend=blend, delay=(7, 0)),
        moving.apng_part((6, 1, 5, 6), CLEAR, disposal=disposal, blend=blend, delay=(200, 1)),
        moving.apng_part((0, 5, 12, 3), (0, 255, 0, 200), disposal=0, blend=blend, delay=(333, 1000)),
        moving.apng_part((1, 1, 3, 3), BLUE, disposal=disposal, blend=blend),
    ]
    return moving.apng((12, 10), parts, plays=5)


TRICKY_APNGS = {
    **{f"disposal {disposal}, blend {blend}": _apngs(disposal, blend) for disposal in range(3) for blend in range(2)},
    "a default picture that is not part of it": moving.apng(
        (12, 10),
        [moving.apng_part((0, 0, 12, 10), GREEN), moving.apng_part((4, 4, 4, 4), BLUE)],
        default=moving.png_pixels(12, 10, RED),
    ),
}


@pytest.mark.parametrize("name", TRICKY_APNGS)
def test_a_tricky_apng_is_read_as_the_specification_says(name: str) -> None:
    found, expected = shown(TRICKY_APNGS[name]), moving.read(TRICKY_APNGS[name])
    assert np.allclose(found.milliseconds, expected.milliseconds)
    assert found.plays == expected.plays
    assert_same_frames(found.frames, expected.frames)


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("name", TRICKY_APNGS)
def test_a_tricky_apng_is_written_in_every_format(name: str, target: str) -> None:
    assert_written(TRICKY_APNGS[name], target)


def assert_same_frames(found: Any, expected: Any) -> None:
    for frame, other in zip(found, expected, strict=True):
        assert np.abs(frame - other).max() <= 2


def assert_written(data: bytes, target: str) -> None:
    """A variant of an animation with alpha, in another format, looks as the original does."""
    tolerance = {"gif": 40, "png": 1, "webp": 30, "avif": 30}[target]
    assert_alike(moving.read(converted(data, target)), moving.read(data), tolerance, 10 if target == "gif" else 1)


def _webps(*, clears: bool, blends: bool) -> bytes:
    parts = [
        moving.webp_part((0, 0, 12, 10), RED, clears=clears, milliseconds=33),
        moving.webp_part((2, 4, 5, 4), HALF, clears=clears, blends=blends),
        moving.webp_part((6, 0, 5, 6), CLEAR, clears=clears, blends=blends, milliseconds=1001),
        moving.webp_part((0, 6, 12, 3), (0, 255, 0, 200), blends=blends),
    ]
    return moving.webp((12, 10), parts, plays=7)


TRICKY_WEBPS = {
    **{
        f"{'clears' if clears else 'keeps'}, {'blends' if blends else 'replaces'}": _webps(clears=clears, blends=blends)
        for clears in (False, True)
        for blends in (False, True)
    },
    "a first frame with an offset": moving.webp(
        (12, 10), [moving.webp_part((4, 2, 5, 5), GREEN), moving.webp_part((0, 0, 6, 6), BLUE)]
    ),
}


@pytest.mark.parametrize("name", TRICKY_WEBPS)
def test_a_tricky_webp_is_read_as_by_libvips(name: str) -> None:
    found, expected = shown(TRICKY_WEBPS[name]), moving.read(TRICKY_WEBPS[name])
    assert found.milliseconds == expected.milliseconds
    assert found.plays == expected.plays
    assert_same_frames(found.frames, expected.frames)


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("name", TRICKY_WEBPS)
def test_a_tricky_webp_is_written_in_every_format(name: str, target: str) -> None:
    assert_written(TRICKY_WEBPS[name], target)


def test_what_a_webp_without_transparency_does_not_cover_is_transparent() -> None:
    """As in browsers. Pillow shows black there."""
    film = shown(moving.webp((12, 10), [moving.webp_part((4, 2, 5, 5), GREEN)] * 2, flags=2))
    assert film.frames[0][0, 0].tolist() == [0, 0, 0, 0]
    assert film.frames[0][4, 6].tolist() == [0, 255, 0, 255]


def test_a_disposal_of_four_restores_as_in_browsers() -> None:
    four, three = _gifs(4), _gifs(3)
    assert all(np.array_equal(a, b) for a, b in zip(shown(four).frames, shown(three).frames, strict=True))


def test_what_is_outside_of_the_canvas_is_not_shown_and_does_not_enlarge_it() -> None:
    parts = [
        _gif((0, 0, 12, 10), 1, transparent=0),
        _gif((8, 8, 20, 20), 2, transparent=0),
        _gif((40, 40, 5, 5), 2, disposal=2, transparent=0),
    ]
    film = shown(moving.gif((12, 10), parts, palette=_TABLE))
    assert [frame.shape for frame in film.frames] == [(10, 12, 4)] * 3
    assert film.frames[1][9, 9].tolist() == [0, 255, 0, 255]
    assert np.array_equal(film.frames[2], film.frames[1])


def test_a_first_frame_larger_than_the_screen_enlarges_the_canvas() -> None:
    film = shown(moving.gif((4, 4), [_gif((0, 0, 12, 10), 1), _gif((8, 8, 4, 2), 2)], palette=_TABLE))
    assert [frame.shape for frame in film.frames] == [(10, 12, 4)] * 2
    assert film.frames[1][9, 11].tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize(("format", "unit"), [("gif", 10), ("webp", 1), ("avif", 1), ("png", 0)])
def test_times_are_rounded_without_drifting(format: str, unit: int) -> None:
    pictures = [scene_of(number) for number in range(30)]
    film = moving.read(written(pictures, format, [100 / 3] * 30))
    assert len(film.milliseconds) == 30
    assert abs(sum(film.milliseconds) - 1000) <= max(unit / 2, 0.01)
    assert all(abs(time - 100 / 3) <= max(unit, 0.01) for time in film.milliseconds)


def scene_of(number: int) -> Image.Image:
    return moving.scene(number % 6, alpha=True).rotate(90 * (number // 6))


@pytest.mark.parametrize("format", FORMATS)
def test_short_times_stay_short_and_zero_stays_zero(format: str) -> None:
    """Browsers show 10 ms and less for 100 ms: 17 ms must not become 10 in a GIF."""
    pictures = [scene_of(number) for number in range(6)]
    film = moving.read(written(pictures, format, [0, 10, 17, 16, 17, 0]))
    assert all(time <= 10 for time in (*film.milliseconds[:2], film.milliseconds[5]))
    assert all(15 <= time <= 20 for time in film.milliseconds[2:5])


@pytest.mark.parametrize("format", FORMATS)
def test_equal_neighbors_are_merged_and_the_time_holds(format: str) -> None:
    pictures = [scene_of(number) for number in (0, 0, 0, 1, 1, 0)]
    film = moving.read(written(pictures, format, [100.0] * 6, plays=2))
    assert film.milliseconds == [300, 200, 100]
    assert film.plays == 2


@pytest.mark.parametrize("format", FORMATS)
def test_an_animation_of_equal_frames_is_a_picture(format: str) -> None:
    film = moving.read(written([scene_of(0)] * 4, format, [100.0] * 4))
    assert len(film.frames) == 1
    assert np.abs(film.frames[0] - premultiplied(scene_of(0))).mean() <= TOLERANCES[format]


@pytest.mark.parametrize("format", FORMATS)
def test_very_long_times_are_cut(format: str) -> None:
    longest = {"gif": 655_350, "webp": 16_777_215, "png": 65_535_000, "avif": 2_147_483_647}[format]
    film = moving.read(written([scene_of(0), scene_of(1)], format, [1e12, 70]))
    assert film.milliseconds == [longest, 70]


def test_still_areas_of_a_gif_keep_their_colors() -> None:
    """Frames with many colors have palettes of their own; what does not move must not flicker."""
    random = np.random.default_rng(4)
    pixels = random.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    pictures = []
    for number in range(4):
        picture = Image.fromarray(pixels)
        picture.paste((250, 10 * number, 60), (4 + number, 4, 20 + number, 20))
        pictures.append(picture.convert("RGBA"))
    film = moving.read(written(pictures, "gif", [100.0] * 4))
    for before, after in pairwise(film.frames):
        assert np.array_equal(before[24:], after[24:])


def test_avif_of_equal_animations_has_equal_bytes() -> None:
    """libavif writes the time of day into its files."""
    data = converted(moving.original("gif", alpha=True, plays=0), "avif")
    assert data[data.index(b"mvhd") + 8 : data.index(b"mvhd") + 24] == bytes(16)
    assert data.count(b"tkhd") == 2


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("raised", [OSError("encoder error -2"), MemoryError()])
def test_an_encoder_that_fails_is_told_from_a_decoder(
    format: str, raised: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = moving.original("gif", alpha=False, plays=0)
    encoder = output_of(format).encoder

    def fail(*_: object) -> None:
        raise raised

    plugins.load_encoder(format)
    for encoders in (Image.SAVE, Image.SAVE_ALL):
        monkeypatch.setitem(encoders, encoder, fail)
    with pytest.raises(MemoryError if isinstance(raised, MemoryError) else EncoderFailed):
        converted(data, format)
