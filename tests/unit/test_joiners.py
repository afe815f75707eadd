"""Joiners in identifiers: allowed where scripts need them, and nowhere else."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymager.joiners import JOINER, NON_JOINER, has_joiner, misplaced_joiner, without_open_joiner

ALLOWED = {
    "Persian: I want": "می\u200cخواهم",
    "Persian: books": "کتاب\u200cها",
    "Persian, with a vowel sign before": "کتابِ\u200cها",
    "Persian, several": "نمی\u200cخواهم\u200cشان",
    "Syriac": "ܒ\u200cܒ",
    "Mongolian": "ᠮ\u200cᠮ",
    "Hindi: a half letter": "क्\u200dष",
    "Hindi: a visible virama": "क्\u200cष",
    "Hindi: with a nukta": "ड़्\u200dक",
    "Malayalam: chillu at the end": "അവന്\u200d",
    "Malayalam: chillu within": "അവന്\u200dറെ",
    "Sinhala: Sri": "ශ්\u200dරී",
    "Bengali": "উদ্\u200cযাপন",
    "Telugu": "నాన్\u200cస్టాప్",
    "Kannada": "ಕ್\u200dಷ",
    "Javanese: a virama that has a width": "ꦏ꧀\u200cꦏ",
}
MISPLACED = {
    "alone": "\u200c",
    "alone, ZWJ": "\u200d",
    "between Latin letters": "ad\u200cmin",
    "between Latin letters, ZWJ": "ad\u200dmin",
    "between digits": "1\u200c2",
    "at the start": "\u200cمی",
    "at the end": "می\u200c",
    "before a hyphen": "می\u200c-خ",
    "twice": "می\u200c\u200cخواهم",
    "ZWJ between joining letters": "می\u200dخواهم",
    "after a letter that does not join": "دا\u200cد",
    "between scripts that join": "ب\u200cܒ",
    "between a script that joins and Latin": "ب\u200ca",
    "between Devanagari letters without a virama": "क\u200cष",
    "between Devanagari letters without a virama, ZWJ": "क\u200dष",
    "before a vowel sign": "क्\u200dि",
    "after a virama at the end": "क्\u200c",
    "after a virama between scripts": "क्\u200cഷ",
    "after a virama of another script": "ക्\u200dഷ",
    "after a virama on a Latin letter": "a\u094d\u200cb",
    "after a virama without a letter": "\u094d\u200dक",
    "both": "क्\u200d\u200cष",
    "both, the other way": "क्\u200c\u200dष",
    "a virama on a digit": "1\u094d\u200dक",
    "between letters without a name": "\U00017000\u200c\U00017001",
    "in an emoji": "\U0001f469\u200d\U0001f680",
}


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED.keys())
def test_a_joiner_that_a_script_needs_is_allowed(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    assert misplaced_joiner(text) is None
    assert misplaced_joiner(f"a-1_{text}-2x3") is None
    assert has_joiner(text)


@pytest.mark.parametrize("text", MISPLACED.values(), ids=MISPLACED.keys())
def test_a_joiner_without_effect_is_found(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    index = misplaced_joiner(text)
    assert index is not None
    assert text[index] in (NON_JOINER, JOINER)
    assert misplaced_joiner(f"می\u200cخ_{text}") is not None


@given(st.text(st.sampled_from("aبدमक1-_ि\u094d\u093cऀܒ\u064b\u0301" + NON_JOINER + JOINER), max_size=12))
def test_removing_the_joiners_removes_every_complaint_and_a_start_is_completable(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    assert misplaced_joiner(text.replace(NON_JOINER, "").replace(JOINER, "")) is None
    if misplaced_joiner(text) is None:
        for end in range(len(text)):
            assert misplaced_joiner(without_open_joiner(text[:end])) is None


@pytest.mark.parametrize(
    ("text", "rest"),
    [("می\u200c", "می"), ("می\u200cخ", "می\u200cخ"), ("ب\u200c\u064b", "ب"), ("cat", "cat"), ("", ""), ("\u200c", "")],
)
def test_an_open_joiner_is_cut_off(text: str, rest: str) -> None:
    assert without_open_joiner(text) == rest
