"""What variants look like."""

from collections.abc import Callable

import pytest
from PIL import Image

from pymager.engine import render, scale
from pymager.engine.step import Step
from tests.engine import checks, handmade
from tests.engine.rendering import as_rgba, inspected, near, opened, quadrants, rendered
from tests.pictures import encoded


@pytest.mark.parametrize("check", checks.STEPS, ids=lambda check: check.__name__)
def test_a_variant_looks_as_the_specification_says(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize(
    ("check", "step"), checks.STEPS.items(), ids=lambda value: f"{value.__module__.split('.')[-1]}.{value.__name__}"
)
def test_every_check_fails_without_its_step(
    check: Callable[[], None], step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DECODE_STEPS", "OUTPUT_STEPS"):
        monkeypatch.setattr(render, name, tuple(other for other in getattr(render, name) if other is not step))
    with pytest.raises((AssertionError, ValueError)):
        check()


def test_every_step_that_changes_pixels_has_a_check() -> None:
    assert set(checks.PIPELINE) - set(checks.STEPS.values()) == {scale.crop_and_scale, render.drop_metadata}


@pytest.mark.parametrize("number", checks.ORIENTATIONS)
def test_each_orientation_is_applied(number: int) -> None:
    checks.orientation(number)


@pytest.mark.parametrize("number", checks.ORIENTATIONS)
def test_an_inspection_applies_the_orientation_to_the_size(number: int) -> None:
    found = inspected(checks.oriented(number))
    assert (found.width, found.height) == ((64, 32) if number < 5 else (32, 64))


@pytest.mark.parametrize("number", [0, 9, 65_535])
def test_an_invalid_orientation_is_ignored(number: int) -> None:
    assert near(quadrants(as_rgba(checks.oriented(number), 40, 20).convert("RGB")), checks.ORIENTATIONS[1], 6)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "AVIF"])
@pytest.mark.parametrize("number", [3, 6])
def test_the_orientation_is_applied_in_every_format_that_has_one(format: str, number: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    data = encoded(checks.four_colors(), format, exif=exif.tobytes())
    size = (64, 32) if number < 5 else (32, 64)
    found = inspected(data)
    assert (found.width, found.height) == size
    assert near(quadrants(as_rgba(data, *size).convert("RGB")), checks.ORIENTATIONS[number], 8)


def test_broken_exif_is_ignored() -> None:
    broken = checks.oriented(6).replace(b"Exif\0\0MM\0*\0\0\0\x08", b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert inspected(broken).width == 64
    assert near(quadrants(as_rgba(broken, 40, 20).convert("RGB")), checks.ORIENTATIONS[1], 6)


@pytest.mark.parametrize("profile", [b"", b"not a profile", handmade.gray_profile(1.0), handmade.black_ink_profile()])
def test_a_profile_that_is_broken_or_for_another_color_space_is_ignored(profile: bytes) -> None:
    data = encoded(Image.new("RGB", (40, 40), (55, 55, 55)), "PNG", icc_profile=profile)
    assert near(quadrants(as_rgba(data, 20, 20)), (55, 55, 55, 255), 0)


def test_integers_of_32_bits_are_stretched() -> None:
    checks.integers_of_32_bits()


def test_a_transparent_gray_has_16_bits() -> None:
    checks.transparent_gray_of_16_bits()


def test_alpha_is_preserved_if_the_output_has_it() -> None:
    checks.alpha_is_preserved()


def test_colors_of_transparent_pixels_do_not_bleed() -> None:
    row = bytes((255, 255, 255, 0)) * 20 + bytes((200, 0, 0, 255)) * 20
    picture = as_rgba(handmade.png(40, 40, 8, handmade.RGBA, row), 13, 13)
    shown = [color for _, color in picture.getcolors() or [] if isinstance(color, tuple) and color[3]]
    assert len(shown) > 1
    assert all(color[1:3] == (0, 0) for color in shown)  # none of the invisible white


def test_a_gif_is_transparent_where_alpha_is_below_half() -> None:
    row = bytes((0, 0, 200, 100)) * 20 + bytes((200, 0, 0, 200)) * 20
    found = quadrants(as_rgba(handmade.png(40, 40, 8, handmade.RGBA, row), 20, 20, "gif"))
    assert [color[3] for color in found] == [0, 255, 0, 255]
    assert near(found[1], (200, 0, 0, 255), 3)


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("YCbCr", (128, 128, 128), (128, 128, 128)),
        ("LAB", (255, 128, 128), (255, 255, 255)),
        ("I;16B", 0x4000, (64, 64, 64)),
    ],
)
def test_rare_modes_of_tiff_are_converted(mode: str, color: int, expected: tuple[int, ...]) -> None:
    data = encoded(Image.new(mode, (40, 40), color), "TIFF")
    assert near(quadrants(as_rgba(data, 20, 20)), (*expected, 255), 2)


def test_a_variant_of_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (40, 40), color) for color in (checks.RED, checks.GREEN, checks.BLUE)]
    for format in ("GIF", "PNG", "WEBP", "AVIF", "TIFF"):
        data = encoded(frames[0], format, save_all=True, append_images=[frame.copy() for frame in frames[1:]])
        assert near(quadrants(as_rgba(data, 20, 20)), (*checks.RED, 255), 8), format


def test_gray_stays_gray() -> None:
    data = encoded(Image.new("L", (40, 40), 99), "JPEG")
    assert opened(rendered(data, 20, 20, "jpeg")).mode == "L"
