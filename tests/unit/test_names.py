"""Ids and derived names, as clients send them."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pymager import names
from pymager.errors import InvalidName, UnsupportedFormat
from pymager.formats import OUTPUTS
from pymager.names import parse_id
from pymager.variants.variant import Variant
from tests.urls import parse_derived

LETTERS = st.characters(categories=("L", "M", "Nd"), include_characters="_-")
PERSIAN, MALAYALAM = "می\u200cخواهم", "അവന്\u200d"
GOOD_IDS = st.text(LETTERS, min_size=1, max_size=50).filter(
    lambda text: len(unicodedata.normalize("NFC", text).encode()) <= names.MAX_ID_BYTES
)
SIDES = st.integers(1, 999_999_999)
EXTENSIONS = st.sampled_from([*OUTPUTS, *map(str.upper, OUTPUTS)])


@pytest.mark.parametrize(
    "id", ["cat", "A", "_", "-", "2024-06_12", "日本語", "кот", "x" * 200, "é" * 100, "३", PERSIAN, MALAYALAM]
)
def test_an_id_of_letters_digits_and_marks_is_unchanged(id: str) -> None:
    assert parse_id(id) == id


def test_two_spellings_of_one_text_are_one_id() -> None:
    assert parse_id("cafe\u0301") == parse_id("caf\u00e9") == "caf\u00e9"
    assert parse_id("\u1112\u1161\u11ab" * 60) == "\ud55c" * 60  # Hangul: three bytes each once composed


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "a/b",
        "../etc",
        ".",
        "a.jpg",
        "a%20b",
        "a\\b",
        "a\0b",
        "a\nb",
        "cat\n",
        "\u200b",
        "a:b",
        "²",
        "½",
    ],
)
def test_other_characters_in_an_id_are_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_id(text)


@pytest.mark.parametrize("text", ["x" * 201, "é" * 101, "日" * 67, "x" * 100_000])
def test_an_id_has_at_most_200_bytes(text: str) -> None:
    with pytest.raises(InvalidName, match="200 bytes"):
        parse_id(text)


@pytest.mark.parametrize(
    "text", ["ad\u200cmin", "ad\u200dmin", "می\u200c", "\u200cمی", "می\u200c\u200cخ", "क\u200dष"], ids=ascii
)
def test_a_joiner_that_no_script_needs_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match=r"U\+200[CD] where no script needs it"):
        parse_id(text)


def test_an_id_with_a_joiner_is_another_than_the_one_without() -> None:
    assert parse_id(PERSIAN) != parse_id(PERSIAN.replace("\u200c", ""))
    assert parse_derived(f"{PERSIAN}-800x600.jpg")[0] == PERSIAN
    assert parse_derived(f"{MALAYALAM}-800x600.jpg")[0] == MALAYALAM
    with pytest.raises(InvalidName):
        parse_derived("می\u200c-800x600.jpg")


@given(st.text(max_size=300) | st.text(st.sampled_from("abم\u200c\u200dक\u094d /.e\u0301"), max_size=300))
def test_any_text_becomes_like_an_id(text: str) -> None:
    like = names.id_like(text)
    if like and len(text) <= 200 and len(like.encode()) <= names.MAX_ID_BYTES:
        assert parse_id(like) == like
    assert names.id_like("my cat \u200c.jpg") == "my_cat___jpg"


def test_the_refusal_shows_the_character_that_is_wrong() -> None:
    with pytest.raises(InvalidName, match=re.escape("'/'")):
        parse_id("a/b")
    with pytest.raises(InvalidName, match=re.escape("U+200B")):
        parse_id("a\u200bb")
    with pytest.raises(InvalidName, match=re.escape("U+DCFF")):
        parse_id("a\udcff")


@given(GOOD_IDS)
def test_parsing_a_valid_id_again_does_not_change_it(text: str) -> None:
    id = parse_id(text)
    assert parse_id(id) == id
    assert len(id.encode()) <= names.MAX_ID_BYTES


@given(st.text())
@example("\udc80")
def test_any_text_is_an_id_or_an_invalid_name(text: str) -> None:
    try:
        id = parse_id(text)
    except InvalidName as error:
        assert str(error)
    else:
        assert id
        assert all(names.is_allowed(character) for character in id)


@given(GOOD_IDS, SIDES, SIDES, EXTENSIONS)
@example("cat-1x1", 2, 3, "jpg")
@example("-800x600", 2, 3, "JPG")
def test_the_last_size_in_a_derived_name_counts(text: str, width: int, height: int, extension: str) -> None:
    id = parse_id(text)
    format = OUTPUTS[extension.lower()].name
    assert parse_derived(f"{id}-{width}x{height}.{extension}") == (id, Variant(width, height, format))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cat",
        "cat.jpg",
        "cat-800x600",
        "cat-800x600.",
        "-800x600.jpg",
        "cat-0x600.jpg",
        "cat-800x0.jpg",
        "cat-0800x600.jpg",
        "cat--800x600.",
        "cat-800x600.jpg\n",
        "cat-800x600.jpg/",
        "cat-800X600.jpg",
        "cat-+8x6.jpg",
        "cat-８00x600.jpg",
        "cat-1000000000x1.jpg",
        "cat-800x600.jp g",
        "a b-800x600.jpg",
        "a\n-800x600.jpg",
    ],
)
def test_an_invalid_derived_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_derived(text)


@given(st.text() | st.from_regex(r"[^/]*-[0-9x]+\.[a-z.]*"))
def test_any_text_is_a_derived_name_or_a_known_error(text: str) -> None:
    try:
        id, variant = parse_derived(text)
    except (InvalidName, UnsupportedFormat) as error:
        assert str(error)
    else:
        assert parse_derived(f"{id}-{variant.file_name}") == (id, variant)


@pytest.mark.parametrize("extension", ["heic", "svg", "exe", "jpgx", "0"])
def test_an_extension_that_is_not_written_is_named_with_those_that_are(extension: str) -> None:
    with pytest.raises(UnsupportedFormat, match=f"'{extension}' is not an output format; .*: avif, bmp, gif"):
        parse_derived(f"cat-8x6.{extension}")


def test_fresh_ids_and_revisions_differ_and_are_valid() -> None:
    fresh = {names.new_id() for _ in range(100)} | {names.new_revision() for _ in range(100)}
    assert len(fresh) == 200
    assert all(re.fullmatch("[0-9a-f]{32}", text) and parse_id(text) == text for text in fresh)
