"""Sizes and rectangles: the rules of sharp and of CSS, in numbers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymager.errors import EmptyCrop, VariantTooLarge
from pymager.variants.geometry import placement, target
from pymager.variants.variant import Variant
from tests.urls import parse_derived


def sizes(url: str, source: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    name, _, query = url.partition("?")
    found = target(parse_derived(f"a-{name}", query)[1], source, 4_096)
    return found.size, found.picture, found.offset


@pytest.mark.parametrize(
    ("url", "source", "expected"),
    [
        ("800x.png", (4000, 3000), (800, 600)),
        ("x600.png", (4000, 3000), (800, 600)),
        ("100x.png", (3000, 1), (100, 1)),  # at least one pixel
        ("7x.png", (2, 3), (2, 3)),  # not enlarged
        ("7x.png?enlarge=true", (2, 3), (7, 11)),  # 10.5, half up
        ("50x.png?dpr=1.5", (1000, 333), (75, 25)),  # 24.975: dpr first, then the other side
        ("100x100.png?fit=inside", (4000, 3000), (100, 75)),
        ("100x100.png?fit=inside", (3000, 4000), (75, 100)),
        ("100x100.png?fit=inside", (40, 30), (40, 30)),
        ("100x100.png?fit=inside&enlarge=true", (40, 30), (100, 75)),
        ("100x100.png?fit=fill", (40, 30), (100, 100)),
        ("100x100.png?fit=fill&enlarge=false", (40, 30), (30, 30)),
        ("100x50.png?fit=fill&enlarge=false", (40, 30), (40, 20)),
        ("100x100.png?enlarge=false", (40, 30), (30, 30)),
        ("100x100.png?enlarge=false", (400, 30), (30, 30)),
        ("100x100.png?enlarge=false", (400, 300), (100, 100)),
        ("3x2.png?enlarge=false", (2, 2), (2, 1)),  # 1.33
        ("100x100.png?fit=contain&enlarge=false", (40, 30), (40, 40)),
        ("100x100.png?fit=contain&enlarge=false", (400, 30), (100, 100)),
    ],
)
def test_the_size_of_a_variant(url: str, source: tuple[int, int], expected: tuple[int, int]) -> None:
    assert sizes(url, source)[0] == expected


@pytest.mark.parametrize(
    ("gravity", "offset"),
    [("center", (0, 12)), ("north", (0, 0)), ("south", (0, 25)), ("east", (0, 12)), ("0.3,0.1", (0, 2))],
)
def test_where_contain_puts_the_picture(gravity: str, offset: tuple[int, int]) -> None:
    """100x75 in 100x100: of 25 pixels the odd one is at the bottom."""
    assert sizes(f"100x100.png?fit=contain&gravity={gravity}", (4000, 3000)) == ((100, 100), (100, 75), offset)


@pytest.mark.parametrize(
    ("gravity", "part"),
    [
        ("center", (50, 0, 150, 100)),
        ("west", (0, 0, 100, 100)),
        ("northeast", (100, 0, 200, 100)),
        ("0.3,0.9", (10, 0, 110, 100)),  # the point is in the middle of the part
        ("0.9,0.9", (100, 0, 200, 100)),  # as near as the edges allow
    ],
)
def test_what_cover_keeps(gravity: str, part: tuple[int, ...]) -> None:
    assert placement(Variant(50, 50, "png", gravity=gravity), (200, 100), 1, 4_096).part == part


def test_where_nothing_is_scaled_cover_cuts_at_whole_pixels_rounded_down() -> None:
    assert placement(Variant(100, 100, "png"), (103, 100), 1, 4_096).part == (1, 0, 101, 100)
    assert placement(Variant(100, 100, "png", gravity="0.495,0.5"), (201, 100), 1, 4_096).part == (49, 0, 149, 100)


@pytest.mark.parametrize(
    ("crop", "part"),
    [
        ("10,20,30,40", (10, 20, 40, 60)),
        ("90,0,500,500", (90, 0, 100, 200)),
        ("10p,0p,50p,100p", (10, 0, 60, 200)),
        ("0.5p,0.25p,50p,50p", (1, 1, 51, 101)),  # 0.5 and 0.5, half up
    ],
)
def test_a_crop_is_of_the_upright_picture(crop: str, part: tuple[int, ...]) -> None:
    variant = Variant(8, 6, "png", fit="fill", crop=crop)
    assert placement(variant, (100, 200), 1, 4_096).part == part
    turned = placement(variant, (200, 100), 6, 4_096)  # stored on its side: upright x is stored y from the bottom
    left, top, right, bottom = part
    assert turned.part == (top, 100 - right, bottom, 100 - left)
    assert turned.turns == (6,)
    assert turned.scaled_size == (6, 8)


def test_a_crop_of_nothing_is_refused() -> None:
    with pytest.raises(EmptyCrop, match="the crop 100,0,5,5 leaves nothing of the picture, which has 100x200 pixels"):
        placement(Variant(8, 6, "png", crop="100,0,5,5"), (100, 200), 1, 4_096)
    with pytest.raises(EmptyCrop):
        placement(Variant(8, 6, "png", crop="0.1p,0p,0.1p,100p"), (100, 200), 1, 4_096)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["", "h", "v", "hv"])
def test_gravity_is_of_the_final_picture(orientation: int, rotate: int, flip: str) -> None:
    """The corner that is kept is followed back by turning a picture of corners."""
    from PIL import Image

    from pymager.engine.orient import _TRANSPOSITIONS

    variant = Variant(10, 10, "png", gravity="northwest", rotate=rotate, flip=flip)
    placed = placement(variant, (40, 20), orientation, 4_096)
    picture = Image.new("L", (40, 20))
    left, top, right, bottom = (int(edge) for edge in placed.part)
    picture.paste(255, (left, top, right, bottom))
    for turn in placed.turns:
        picture = picture.transpose(_TRANSPOSITIONS[turn])
    assert picture.getpixel((0, 0)) == 255


def test_a_side_that_follows_has_a_limit() -> None:
    with pytest.raises(VariantTooLarge, match="30000x600 pixels; a side can have at most 4096"):
        target(Variant(0, 600, "png"), (100_000, 2_000), 4_096)
    with pytest.raises(VariantTooLarge, match="at most 256"):
        target(Variant(0, 200, "ico"), (10_000, 5_000), 4_096)
    with pytest.raises(VariantTooLarge, match="a variant in bmp can have at most 4194304 pixels"):
        target(Variant(4_000, 0, "bmp"), (8_000, 8_000), 4_096)
    assert target(Variant(5_000, 1, "png"), (10, 10), 4_096).size == (5_000, 1)


@given(
    source=st.tuples(st.integers(1, 70_000), st.integers(1, 70_000)),
    size=st.tuples(st.integers(0, 300), st.integers(0, 300)).filter(any),
    fit=st.sampled_from(["cover", "contain", "inside", "fill"]),
    enlarge=st.sampled_from([None, True, False]),
    gravity=st.sampled_from(["center", "northwest", "southeast", "0.333,0.25", "1,0.001"]),
    orientation=st.integers(1, 8),
    rotate=st.sampled_from([0, 90]),
)
def test_every_placement_is_inside_of_its_picture(
    source: tuple[int, int],
    size: tuple[int, int],
    fit: str,
    enlarge: bool | None,
    gravity: str,
    orientation: int,
    rotate: int,
) -> None:
    variant = Variant(*size, "png", fit=fit, enlarge=enlarge, gravity=gravity, rotate=rotate)
    try:
        placed = placement(variant, source, orientation, 4_096)
    except VariantTooLarge:
        return
    left, top, right, bottom = placed.part
    assert 0 <= left < right <= source[0]
    assert 0 <= top < bottom <= source[1]
    final = placed.target
    assert all(
        0 <= start <= whole - part for start, whole, part in zip(final.offset, final.size, final.picture, strict=True)
    )
    if fit == "inside" and all(size):
        assert final.size[0] <= size[0] and final.size[1] <= size[1]
    if not variant.enlarges and fit == "cover" and all(size):
        scale = Fraction(final.size[0], 1)
        assert scale <= max(source) + 1
