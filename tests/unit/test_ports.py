"""The grammar of blob keys."""

import os
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pymager.ports import MAX_KEY_BYTES, MAX_KEY_SEGMENT_BYTES, check_key, check_key_prefix, is_key_segment

CHARACTERS = st.characters(categories=("L", "M", "Nd"), include_characters="_-.")
SEGMENTS = st.text(CHARACTERS, min_size=1, max_size=60).filter(is_key_segment)
KEYS = st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join).filter(lambda key: len(key.encode()) <= MAX_KEY_BYTES)
PATHLIKE_TEXT = st.text(st.sampled_from("ab.é/\\\0 ~-\udc80") | st.characters(), max_size=12)


def is_valid(key: str) -> bool:
    try:
        check_key(key)
    except ValueError:
        return False
    return True


def is_valid_prefix(prefix: str) -> bool:
    try:
        check_key_prefix(prefix)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    "key",
    [
        *("a", "a/b", "original/cat/0123.jpg", "a.b", "a..b", "-", "_", "0", "日本語/кот/é", "e\u0301", "३"),
        *("می\u200cخواهم", "original/می\u200cخواهم/1.jpg", "ന്\u200d/a", "क्\u200dष.a"),
        *("x" * 255, "語" * 85, "/".join(["x" * 255, "y" * 255, "z" * 188]), f"{'語' * 85}/{'x' * 255}/{'y' * 188}"),
    ],
    ids=ascii,
)
def test_a_valid_key_is_accepted(key: str) -> None:
    assert is_valid(key)


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/../b", ".a", "a.", "a b", "a\0", "a\n", "a\\b", "a:b", "~"),
        *("a\u200cb", "a\u200db", "\u200c", "می\u200c", "می\u200c/a", "a/\u200dक"),
        *("a\udc80", "a\u200b", "½", "Ⅷ", "x" * 256, "é" * 128, "語" * 86),
        *("/".join(["x" * 255, "y" * 255, "z" * 189]), "a/" * 351 + "a", "é/" * 233 + "éé"),
    ],
    ids=ascii,
)
def test_an_invalid_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="invalid blob key"):
        check_key(key)


def test_the_error_names_the_invalid_segment() -> None:
    with pytest.raises(ValueError, match=r"invalid blob key 'a/\.\./b': invalid segment '\.\.'"):
        check_key("a/../b")


@given(KEYS)
def test_every_key_of_valid_segments_is_valid(key: str) -> None:
    assert is_valid(key)


@given(PATHLIKE_TEXT | KEYS)
@example("a/../../b")
@example("/a")
def test_an_accepted_key_never_names_a_path_outside_its_folder(key: str) -> None:
    if not is_valid(key):
        return
    path = os.path.normpath(f"/store/{key}")
    assert path == f"/store/{key}"
    assert PurePosixPath(path).is_relative_to("/store")
    assert path != "/store"
    assert all(len(segment.encode()) <= MAX_KEY_SEGMENT_BYTES for segment in key.split("/"))
    assert not {"", ".", ".."} & set(key.split("/"))
    assert key.replace("\u200c", "").replace("\u200d", "").isprintable()
    assert "\\" not in key


@given(KEYS, st.data())
def test_every_start_of_a_key_is_a_valid_prefix(key: str, data: st.DataObject) -> None:
    assert is_valid_prefix(key[: data.draw(st.integers(0, len(key)))])


@pytest.mark.parametrize("key", ["original/نمی\u200cخواهم/1.jpg", "a/ب\u200c\u064bب", "ക്\u200cഷ/ന്\u200d/1"], ids=ascii)
def test_a_prefix_can_end_beside_a_joiner(key: str) -> None:
    assert is_valid(key)
    assert all(is_valid_prefix(key[:end]) for end in range(len(key) + 1))


@pytest.mark.parametrize(
    "prefix", ["\u200c", "a/\u200c", "a.\u200c", "ad\u200cm", "می\u200c\u200c", "می\u200c/"], ids=ascii
)
def test_a_prefix_with_a_misplaced_joiner_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="invalid blob key"):
        check_key_prefix(prefix)


@pytest.mark.parametrize("prefix", ["/", "a//", "../", "a/../", ".", "./", "a/.", "a b", "\0", "x" * 256], ids=ascii)
def test_an_invalid_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="invalid blob key"):
        check_key_prefix(prefix)
