"""What derived pictures look like."""

from collections.abc import Callable

import pytest
from PIL import Image

from pymager.engine import render, scale
from pymager.engine.step import Step
from tests.engine import checks, handmade
from tests.engine.rendering import drawn, inspected, near, opened, quadrants, rendered
from tests.pictures import encoded


@pytest.mark.parametrize("check", checks.STEPS, ids=lambda check: check.__name__)
def test_a_picture_looks_as_its_format_says(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize(
    ("check", "step"), checks.STEPS.items(), ids=lambda value: f"{value.__module__.split('.')[-1]}.{value.__name__}"
)
def test_no_check_holds_without_its_step(
    check: Callable[[], None], step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "DECODE", tuple(other for other in render.DECODE if other is not step))
    monkeypatch.setattr(render, "DRAW", tuple(other for other in render.DRAW if other is not step))
    with pytest.raises((AssertionError, ValueError)):
        check()


def test_every_step_that_changes_pixels_has_a_check() -> None:
    assert set(checks.PIPELINE) - set(checks.STEPS.values()) == {scale.cover, render.strip}


@pytest.mark.parametrize("number", checks.ORIENTATIONS)
def test_each_orientation_is_shown_upright(number: int) -> None:
    checks.orientation(number)


@pytest.mark.parametrize("number", checks.ORIENTATIONS)
def test_the_size_is_told_as_shown(number: int) -> None:
    found = inspected(checks.turned(number))
    assert (found.width, found.height) == ((64, 32) if number < 5 else (32, 64))


@pytest.mark.parametrize("number", [0, 9, 65_535])
def test_an_orientation_that_is_none_is_ignored(number: int) -> None:
    assert near(quadrants(drawn(checks.turned(number), 40, 20).convert("RGB")), checks.ORIENTATIONS[1], 6)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("number", [3, 6])
def test_orientation_counts_in_every_format_that_has_it(format: str, number: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    data = encoded(
        checks.four_colours(), format, exif=exif.tobytes(), **({"lossless": True} if format == "WEBP" else {})
    )
    size = (64, 32) if number < 5 else (32, 64)
    found = inspected(data)
    assert (found.width, found.height) == size
    assert near(quadrants(drawn(data, *size).convert("RGB")), checks.ORIENTATIONS[number], 8)


def test_broken_exif_is_ignored() -> None:
    broken = checks.turned(6).replace(b"Exif\0\0MM\0*\0\0\0\x08", b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert inspected(broken).width == 64
    assert near(quadrants(drawn(broken, 40, 20).convert("RGB")), checks.ORIENTATIONS[1], 6)


@pytest.mark.parametrize("profile", [b"", b"not a profile", handmade.grey_profile(1.0), handmade.black_ink_profile()])
def test_a_profile_that_is_broken_or_of_another_kind_is_ignored(profile: bytes) -> None:
    data = encoded(Image.new("RGB", (40, 40), (55, 55, 55)), "PNG", icc_profile=profile)
    assert near(quadrants(drawn(data, 20, 20)), (55, 55, 55, 255), 0)


def test_alpha_stays_where_the_output_has_it() -> None:
    checks.alpha_is_kept()


def test_colours_of_transparent_pixels_do_not_bleed() -> None:
    row = bytes((255, 255, 255, 0)) * 20 + bytes((200, 0, 0, 255)) * 20
    picture = drawn(handmade.png(40, 40, 8, handmade.RGBA, row), 13, 13)
    shown = [colour for _, colour in picture.getcolors() or [] if isinstance(colour, tuple) and colour[3]]
    assert len(shown) > 1
    assert all(colour[1:3] == (0, 0) for colour in shown)  # the white that nobody sees is nowhere


def test_a_gif_is_transparent_where_alpha_is_below_half() -> None:
    row = bytes((0, 0, 200, 100)) * 20 + bytes((200, 0, 0, 200)) * 20
    found = quadrants(drawn(handmade.png(40, 40, 8, handmade.RGBA, row), 20, 20, "gif"))
    assert [colour[3] for colour in found] == [0, 255, 0, 255]
    assert near(found[1], (200, 0, 0, 255), 3)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("YCbCr", (128, 128, 128), (128, 128, 128)),
        ("LAB", (255, 128, 128), (255, 255, 255)),
        ("I;16B", 0x4000, (64, 64, 64)),
    ],
)
def test_the_rarer_modes_of_tiff_come_out_right(mode: str, colour: int, expected: tuple[int, ...]) -> None:
    data = encoded(Image.new(mode, (40, 40), colour), "TIFF")
    assert near(quadrants(drawn(data, 20, 20)), (*expected, 255), 2)


def test_an_animation_is_shown_by_its_first_frame() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in (checks.RED, checks.GREEN, checks.BLUE)]
    for format in ("GIF", "PNG", "WEBP", "AVIF", "TIFF"):
        data = encoded(frames[0], format, save_all=True, append_images=[frame.copy() for frame in frames[1:]])
        assert near(quadrants(drawn(data, 20, 20)), (*checks.RED, 255), 8), format


def test_grey_stays_grey() -> None:
    data = encoded(Image.new("L", (40, 40), 99), "JPEG")
    assert opened(rendered(data, 20, 20, "jpeg")).mode == "L"
