"""What an unsigned URL can ask for, and how settings write it."""

import pytest

from pymager.errors import OptionNotAllowed, SizeNotAllowed, UnsupportedFormat
from pymager.formats import Encoding
from pymager.variants import option_lists
from pymager.variants.grammar import Grammar
from pymager.variants.policy import Policy
from pymager.variants.urls import VariantUrls


def urls(
    sizes: str = "80x60", options: str = "", presets: str = "", *, signatures: bool = False, max_side: int = 4_096
) -> VariantUrls:
    found = {name: option_lists.preset(name, text) for name, text in option_lists.preset_texts(presets).items()}
    listed = None
    if sizes != "*":
        pairs = [size.split("x") for size in sizes.split()]
        listed = frozenset((int(width or 0), int(height or 0)) for width, height in pairs)
    allowed = option_lists.allowed_options(option_lists.split_options(options))
    return VariantUrls(
        Grammar(Encoding(), found, ("logo",)), Policy(listed, max_side, allowed, bool(found), signatures)
    )


def is_allowed(allowed: VariantUrls, url: str, *, signed: bool = False) -> bool:
    name, _, query = url.partition("?")
    try:
        allowed.parse(name, query, signed=signed)
    except (SizeNotAllowed, OptionNotAllowed):
        return False
    return True


def test_listed_sizes_are_allowed_and_no_others() -> None:
    allowed = urls("80x60 5000x1 80x x60", "dpr=2")
    for name in ("80x60.jpg", "5000x1.jpg", "80x.png", "x60.png", "40x30.jpg?dpr=2", "40x.jpg?dpr=2"):
        assert is_allowed(allowed, f"a-{name}"), name
    for name in ("60x80.jpg", "60x.jpg", "x80.jpg", "80x61.jpg", "80x60.jpg?dpr=2"):
        assert not is_allowed(allowed, f"a-{name}"), name
    with pytest.raises(SizeNotAllowed, match=r"size 1x2 is not allowed; allowed sizes: x60, 80x, 80x60, 5000x1$"):
        allowed.parse("a-1x2.jpg")


@pytest.mark.parametrize("format", ["bmp", "ppm", "tga", "tiff"])
def test_any_size_means_fewer_pixels_in_a_format_that_hardly_compresses(format: str) -> None:
    for size in ("2048x2048", "4096x1024", "1x4096", "4096x"):
        assert is_allowed(urls("*"), f"a-{size}.{format}"), size
    for size in ("2049x2048", "4096x1025", "4096x4096"):
        with pytest.raises(SizeNotAllowed, match=f"{format}.*4194304 pixels.*PYMAGER_SIZES"):
            urls("*").parse(f"a-{size}.{format}")
        assert is_allowed(urls("*"), f"a-{size}.jpg")
        assert is_allowed(urls(size), f"a-{size}.{format}")


def test_no_size_exceeds_the_limits() -> None:
    for size in ("4097x1", "1x4097", "4097x", "x4097", "999999999x999999999"):
        with pytest.raises(SizeNotAllowed, match="at most 4096 pixels"):
            urls("*").parse(f"a-{size}.jpg")
        assert not is_allowed(urls("*"), f"a-{size}.jpg", signed=True)
    with pytest.raises(UnsupportedFormat, match="at most 256 pixels"):
        urls("*").parse("a-300x6.ico")
    assert not is_allowed(urls("*", "dpr=*"), "a-2049x1.jpg?dpr=2")


OPTIONS = "fit,gravity,q=60|75,dpr=1|2,crop=0p,0p,50p,50p|1,2,3,4,blur=*,rotate"


@pytest.mark.parametrize(
    "query",
    (
        "fit=contain",
        "gravity=north",
        "gravity=smart",
        "gravity=0.5,0",
        "q=75",
        "q=060",
        "blur=3",
        "rotate=180",
        "crop=1,2,3,4",
        "crop=0,0,50p,50p",
        "q=80&fit=cover",
        "fit=inside&q=60&gravity=east",
        "gray=false",
    ),
)
def test_listed_options_are_allowed(query: str) -> None:
    assert is_allowed(urls(options=OPTIONS), f"a-80x60.jpg?{query}")


@pytest.mark.parametrize(
    "query",
    (
        "gravity=0.5,0.2",
        "q=76",
        "dpr=3",
        "crop=0p,0p,50p,51p",
        "sharpen=1",
        "gray=true",
        "trim=3",
        "frame=1",
        "watermark=logo",
        "enlarge=false",
        "fit=contain&bg=ff0000",
        "flip=h",
        "flip=hv",
        "rotate=180&flip=hv",
        "rotate=180&flip=h",
    ),
)
def test_other_options_are_refused(query: str) -> None:
    assert not is_allowed(urls(options=OPTIONS), f"a-80x60.jpg?{query}")
    assert is_allowed(urls(options=OPTIONS), f"a-80x60.jpg?{query}", signed=True) or "dpr" in query
    assert is_allowed(urls(options="*"), f"a-80x60.jpg?{query}") or "dpr" in query


def test_the_message_says_whether_a_signature_or_a_preset_would_help() -> None:
    def message(allowed: VariantUrls) -> str:
        with pytest.raises((OptionNotAllowed, SizeNotAllowed)) as caught:
            allowed.parse("a-80x60.jpg", "q=5")
        return str(caught.value)

    assert message(urls()) == "the option q is not allowed in an unsigned URL; allowed options: none"
    assert message(urls(options="q=60")).endswith("q=5 is not allowed in an unsigned URL; allowed values of q: 60")
    assert message(urls(presets="a:8x6")).endswith("; a preset would allow it")
    assert message(urls(signatures=True)).endswith("; a signature would allow it")
    assert message(urls(presets="a:8x6", signatures=True)).endswith("; a signature or a preset would allow it")


def test_a_preset_is_always_allowed_and_its_dpr_is_not() -> None:
    presets = "big:5000x4000,fit=inside,q=33;wide:1600x"
    assert is_allowed(urls("80x60", presets=presets), "a@big.jpg")
    assert not is_allowed(urls("80x60", presets=presets), "a@wide.jpg?dpr=2")
    assert is_allowed(urls("80x60", "dpr=2", presets), "a@wide.jpg?dpr=2")
    assert not is_allowed(urls("80x60", "dpr=*", presets), "a@wide.jpg?dpr=3")
    assert is_allowed(urls("80x60", presets=presets), "a@wide.jpg?dpr=2", signed=True)
    assert not is_allowed(urls("80x60", presets=presets), "a@wide.jpg?dpr=3", signed=True)


def test_a_signed_url_can_ask_for_anything_within_the_limits() -> None:
    assert is_allowed(urls("80x60"), "a-4096x4096.jpg?q=33&blur=3", signed=True)
    assert not is_allowed(urls("80x60"), "a-4097x1.jpg", signed=True)
    assert is_allowed(urls("5000x5000"), "a-5000x5000.jpg", signed=True)


def test_a_list_of_options_is_split_where_a_name_follows() -> None:
    found = option_lists.split_options("fit , gravity=0.1,0.2|0.3,0.4, q=60|75 ,crop=0,0,5,5")
    assert found == ["fit", "gravity=0.1,0.2|0.3,0.4", "q=60|75", "crop=0,0,5,5"]
    assert option_lists.allowed_options(["gravity=0.10,0.2"]) == {"gravity": frozenset({"0.1,0.2"})}
    assert option_lists.allowed_options(["fit", "*"]).keys() >= {"fit", "crop", "watermark"}


def test_an_unknown_option_of_a_preset_is_named() -> None:
    with pytest.raises(ValueError, match=r"^preset thumb: 'foo' is not an option; options: "):
        option_lists.preset("thumb", "200x200,foo=1")


def test_presets_are_read_from_text_and_from_tables() -> None:
    found = option_lists.preset_texts(" thumb : 80x60,fit=inside ; hero:1600x,crop=0,0,5,5,q=70;")
    assert option_lists.preset("hero", found["hero"]).values == {"crop": "0,0,5,5", "q": 70}
    table = {"size": "80x60", "fit": "inside", "q": 70, "gray": True, "blur": 2.5}
    assert option_lists.preset("a", option_lists.preset_text(table)).values == {
        "fit": "inside",
        "q": 70,
        "gray": True,
        "blur": 2.5,
    }
