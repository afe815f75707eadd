"""From URLs to canonical variants."""

import itertools
from dataclasses import replace

import pytest
from PIL import Image, ImageOps

from pymager.errors import InvalidName, InvalidOption, UnknownPreset, UnsupportedFormat
from pymager.formats import Encoding
from pymager.keys import derived_key
from pymager.ports import check_key
from pymager.variants.grammar import Grammar, Preset
from pymager.variants.options import BY_NAME, OPTIONS
from pymager.variants.variant import Variant
from tests.unit.place import planted

PRESETS = {"thumb": Preset(200, 100, {"fit": "inside", "q": 70})}
WATERMARKS = ("logo", "a", "w" * 32)


def parsed(url: str, *, moves: bool = False) -> Variant:
    return requested(url, moves=moves).variant


def requested(url: str, *, moves: bool = False):  # type: ignore[no-untyped-def]
    name, _, query = url.partition("?")
    return Grammar(Encoding(), PRESETS, WATERMARKS, moves=moves).parse(name, query)


SPELLINGS = {
    "800x600.jpg": [
        "a-800x600.jpg?",
        "a-800x600.jpeg?&&",
        "a-800x600.JPG?v=1&v=2&v",
        "a-800x600.jpg?fit=cover&enlarge=true&gravity=center",
        "a-800x600.jpg?FIT=cover".replace("FIT", "fit"),
        "a-400x300.jpg?dpr=2",
        "a-400x300.jpg?dpr=2.0",
        "a-400x300.jpg?dpr=02.00",
        "a-800x600.jpg?gravity=0.5,0.5",
        "a-800x600.jpg?gravity=0.500%2c00.5",
        "a-800x600.jpg?rotate=0&gray=false&animated=false&frame=0&q=80",
        "a-800x600.jpg?bg=FFFFFF",
        "a-800x600.jpg?bg=ffffffff",
        "a-800x600.jpg?bg=12345600",
        "a-800x600.jpg?bg=ffffff80",
        "a-800x600.jpg?crop=0p,0p,100p,100p",
        "a-800x600.jpg?crop=0,0,100p,250.5p",
        "a-800x600.jpg?animated=true",
    ],
    "800x600_fit-inside_q-70.jpg": [
        "a-800x600.jpg?fit=inside&q=70",
        "a-800x600.jpg?q=070&fit=Inside",
        "a-400x300.jpg?fit=inside&dpr=2&q=70&gravity=north&enlarge=false",
    ],
    "800x.webp": ["a-800x.webp", "a-400x.webp?dpr=2&fit=fill&gravity=smart&bg=ff0000&enlarge=false"],
    "x600_enlarge-true.png": ["a-x600.png?enlarge=TRUE"],
    "800x600_fit-contain.png": [
        "a-800x600.png?fit=contain&gravity=smart",
        "a-800x600.png?fit=contain&bg=ff000000&gravity=0.5,0.50",
    ],
    "800x600_fit-contain_bg-ff7f7f.jpg": [
        "a-800x600.jpg?fit=contain&bg=ff7f7f",
        "a-800x600.jpg?fit=contain&bg=ff000080",
    ],
    "800x600_fit-contain_bg-ff000080.png": ["a-800x600.png?bg=FF000080&fit=contain"],
    "800x600_gravity-0.25-0.7.jpg": ["a-800x600.jpg?gravity=0.250,0.7", "a-800x600.jpg?gravity=0.25%2C00.70"],
    "800x600_gravity-north.jpg": ["a-800x600.jpg?gravity=North", "a-800x600.jpg?gravity=0.5,0"],
    "800x600_gravity-southwest.jpg": ["a-800x600.jpg?gravity=0,1", "a-800x600.jpg?gravity=0.0,1.000"],
    "8x6_crop-10p-0p-50p-100p.jpg": ["a-8x6.jpg?crop=10p,0,50p,100p", "a-8x6.jpg?crop=10.00p,0p,50p,200p"],
    "8x6_crop-1-2-30-40.jpg": ["a-8x6.jpg?crop=1,2,30,40", "a-8x6.jpg?crop=01,2,030,40"],
    "8x6_trim-0_rotate-90_flip-h_blur-2.5_sharpen-0.3_gray-true.jpg": [
        "a-8x6.jpg?gray=true&sharpen=0.30&blur=2.5&flip=H&rotate=90&trim=0"
    ],
    "8x6_animated-true.gif": ["a-8x6.gif?animated=true"],
    "8x6.gif": ["a-8x6.gif?animated=false"],
    "8x6_frame-3.gif": ["a-8x6.gif?frame=3", "a-8x6.gif?frame=03&animated=false"],
    "8x6_watermark-logo.jpg": ["a-8x6.jpg?watermark=LOGO"],
    "200x100_fit-inside_q-70.jpg": ["a@thumb.jpg", "a@thumb.JPEG?v=3"],
    "400x200_fit-inside_q-70.webp": ["a@thumb.webp?dpr=2"],
    "200x100_fit-inside.png": ["a@thumb.png"],
    "800x600_q-70.auto": ["a-800x600.auto?q=70"],
}


@pytest.mark.parametrize(("name", "url"), [(name, url) for name, urls in SPELLINGS.items() for url in urls])
def test_spellings_of_one_picture_are_one_object(name: str, url: str) -> None:
    assert parsed(url).file_name == name


def test_rotations_and_flips_that_give_the_same_picture_are_one_variant() -> None:
    picture = Image.frombytes("L", (3, 2), bytes(range(6)))
    names, pictures = [], []
    for rotate, flip in itertools.product((0, 90, 180, 270), ("", "h", "v", "hv")):
        turned = picture.rotate(-rotate, expand=True)
        turned = ImageOps.mirror(turned) if "h" in flip else turned
        turned = ImageOps.flip(turned) if "v" in flip else turned
        variant = parsed(f"a-8x6.jpg?rotate={rotate}{f'&flip={flip}' if flip else ''}")
        assert variant.canonical(Encoding()) == variant
        names.append(variant.file_name)
        pictures.append((turned.size, turned.tobytes()))
    assert len(set(names)) == len(set(pictures)) == len(set(zip(names, pictures, strict=True))) == 8
    assert "8x6.jpg" in names


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_name_is_a_key(name: str) -> None:
    variant = parsed(SPELLINGS[name][0])
    check_key(derived_key(planted("a", "text"), "0" * 12, variant))


def test_the_longest_name_is_a_key() -> None:
    query = (
        "fit=contain&enlarge=false&gravity=0.125,0.875&q=99&bg=12345678&crop=9999999,9999999,9999999,9999999"
        "&trim=255&rotate=90&flip=v&blur=99.999&sharpen=9.999&gray=true&frame=999999&watermark=" + "w" * 32
    )
    variant = replace(parsed(f"a-65535x65535.webp?{query}"), overlay="0" * 12)
    assert {option.name for option in OPTIONS if option.is_set(variant)} == BY_NAME.keys() - {"dpr", "animated"}
    check_key(derived_key(planted("ü" * 100, "text"), "0" * 12, variant))


BAD = {
    "a-8x6.jpg?size=3": "'size' is not an option; options: fit, enlarge,",
    "a-8x6.jpg?fit": "fit takes one of cover, contain, inside, fill, got ''",
    "a-8x6.jpg?fit=stretch": "fit takes one of cover, contain, inside, fill, got 'stretch'",
    "a-8x6.jpg?fit=fill&fit=fill": "fit is given more than once",
    "a-8x6.jpg?Fit=fill": "'Fit' is not an option",
    "a-8x6.jpg?enlarge=1": "enlarge takes true or false, got '1'",
    "a-8x6.jpg?gravity=top": "gravity takes",
    "a-8x6.jpg?gravity=0.5": "gravity takes",
    "a-8x6.jpg?gravity=1.1,0": "gravity takes",
    "a-8x6.jpg?gravity=0.1234,0": "with up to 3 decimals",
    "a-8x6.jpg?gravity=.5,0.5": "gravity takes",
    "a-8x6.jpg?gravity=-0,0": "gravity takes",
    "a-8x6.jpg?dpr=0.5": "dpr takes a number from 1 to 4",
    "a-8x6.jpg?dpr=4.01": "dpr takes",
    "a-8x6.jpg?dpr=1.125": "up to 2 decimals",
    "a-8x6.jpg?dpr=1e0": "dpr takes",
    "a-8x6.jpg?q=0": "q takes a whole number from 1 to 100, got '0'",
    "a-8x6.jpg?q=101": "q takes",
    "a-8x6.jpg?q=%2B5": "q takes",
    "a-8x6.jpg?q=٣": "q takes",
    "a-8x6.png?q=50": "q: png has no quality; formats that have one: avif, jpeg, jpg",
    "a-8x6.jp2?q=50": "q: jp2 has no quality",
    "a-8x6.jpg?bg=fff": "bg takes",
    "a-8x6.jpg?bg=%23ffffff": "bg takes",
    "a-8x6.jpg?crop=0,0,0,5": "crop takes",
    "a-8x6.jpg?crop=0,0,5": "crop takes",
    "a-8x6.jpg?crop=-1,0,5,5": "crop takes",
    "a-8x6.jpg?crop=1.5,0,5,5": "crop takes",
    "a-8x6.jpg?crop=10p,5,50p,50p": "crop takes",
    "a-8x6.jpg?crop=100p,0p,50p,50p": "crop takes",
    "a-8x6.jpg?trim=256": "trim takes",
    "a-8x6.jpg?trim=1.0": "trim takes",
    "a-8x6.jpg?rotate=360": "rotate takes 0, 90, 180 or 270",
    "a-8x6.jpg?rotate=-90": "rotate takes",
    "a-8x6.jpg?flip=vh": "flip takes h, v or hv",
    "a-8x6.jpg?blur=0": "blur takes",
    "a-8x6.jpg?blur=100.001": "blur takes",
    "a-8x6.jpg?sharpen=10.5": "sharpen takes",
    "a-8x6.jpg?gray=yes": "gray takes",
    "a-8x6.jpg?watermark=a/b": "watermark takes",
    "a-8x6.jpg?watermark=stamp": "watermark takes the name of a watermark in PYMAGER_WATERMARKS, got 'stamp'",
    "a-8x6.gif?animated=true&frame=1": "exclude each other",
    "a-8x6.jpg?frame=-1": "frame takes",
    "a-8x6.jpg?%ff=1": "not UTF-8",
    "a-8x6.jpg?q=" + "1" * 2_000: "at most 2000",
    "a@thumb.jpg?q=5": "a preset's URL takes no option but dpr, got 'q'",
    "a@thumb.jpg?dpr=2&dpr=2": "dpr is given more than once",
}


@pytest.mark.parametrize("url", BAD)
def test_a_bad_option_is_named_with_its_value_and_what_is_allowed(url: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        parsed(url)
    assert BAD[url] in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "url", ["a-x.jpg", "a-0x6.jpg", "a.jpg", "@thumb.jpg", "a@.jpg", "a-8x6", "a@b@thumb.jpg", "a!-8x6.jpg"]
)
def test_other_urls_are_not_variants(url: str) -> None:
    with pytest.raises((InvalidName, UnknownPreset)):
        parsed(url)


def test_an_unknown_preset_is_told_with_those_that_exist_for_users_only() -> None:
    with pytest.raises(UnknownPreset) as caught:
        parsed("a@big.jpg")
    assert caught.value.names == ("thumb",)
    assert "thumb" not in str(caught.value)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UnsupportedFormat, match=r"'xyz' is not an output format; output formats: avif.*auto"):
        parsed("a-8x6.xyz")


def test_only_options_that_change_something_count_as_used() -> None:
    assert requested("a-8x6.jpg?fit=cover&q=80&rotate=0&dpr=1&v=1&animated=true&enlarge=true").used == ()
    found = requested("a-8x6.jpg?q=070&gravity=0.5,0&dpr=2.0&frame=02").used
    assert found == (("gravity", "north"), ("dpr", "2"), ("q", "70"), ("frame", "2"))
    assert requested("a@thumb.jpg").used == ()
    assert requested("a@thumb.jpg?dpr=1.5").used == (("dpr", "1.5"),)


def test_where_variants_move_by_default_stills_are_the_option() -> None:
    assert parsed("a-8x6.gif", moves=True).file_name == "8x6_animated-true.gif"
    assert requested("a-8x6.gif", moves=True).used == ()
    assert parsed("a-8x6.jpg", moves=True).file_name == "8x6.jpg"
    assert requested("a-8x6.gif?animated=false", moves=True).used == (("animated", "false"),)
    assert requested("a-8x6.gif?frame=0", moves=True).used == (("frame", "0"),)
    assert parsed("a-8x6.gif?frame=0", moves=True).file_name == "8x6.gif"


def test_fields_and_rows_agree() -> None:
    plain = Variant(8, 6, "jpeg")
    for option in OPTIONS:
        if option.name != "dpr":
            assert getattr(plain, option.name) == option.default
    assert plain.is_plain
    assert not plain.needs_original


def test_only_what_depends_on_the_original_is_resolved_later() -> None:
    for url in ("a-8x6.auto", "a-8x6.gif?animated=true", "a-8x6.jpg?watermark=a", "a-8x6.jpg?crop=1,2,3,4"):
        assert parsed(url).needs_original, url
    for url in ("a-8x6.jpg", "a-8x.jpg", "a-8x6.jpg?crop=1p,2p,3p,4p&fit=inside&gravity=smart", "a@thumb.jpg"):
        assert not parsed(url).needs_original, url
