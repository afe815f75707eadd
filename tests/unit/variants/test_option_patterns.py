"""The regular expressions of options, which the OpenAPI document shows: each says what its option takes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymager.variants.options import BY_NAME, OPTIONS
from pymager.web.openapi.options import OPTION_PARAMETERS, any_case

NAMES = [option.name for option in OPTIONS]
LIMITS = {
    "dpr": ["1", "3.99", "4"],
    "q": ["1", "9", "10", "99", "100"],
    "trim": ["0", "9", "10", "99", "100", "199", "200", "249", "250", "255"],
    "blur": ["0.3", "0.999", "1", "9.5", "99.999", "100"],
    "sharpen": ["0.3", "0.999", "1", "9.999", "10"],
    "gravity": ["0,0", "1,1", "0.001,0.999"],
    "bg": ["000000", "ffffff80"],
    "crop": ["0,0,1,1", "9999999,9999999,9999999,9999999", "0,0,1p,100p", "99p,0p,1p,100p"],
    "frame": ["0", "999999"],
    "watermark": ["logo", "a_b-9"],
}


@pytest.mark.parametrize("name", NAMES)
def test_whatever_matches_the_pattern_is_taken(name: str) -> None:
    option = BY_NAME[name]

    @given(st.from_regex(any_case(option.pattern), fullmatch=True, alphabet=st.characters(max_codepoint=127)))
    @settings(max_examples=200, deadline=None)
    def check(text: str) -> None:
        option.parse(text.lower())

    check()


@pytest.mark.parametrize("name", NAMES)
def test_every_canonical_text_matches_the_pattern(name: str) -> None:
    option = BY_NAME[name]
    for text in (*option.choices, *LIMITS.get(name, ())):
        shown = option.show(option.parse(text))
        assert re.fullmatch(option.pattern, shown), shown


def test_a_pattern_in_any_case_keeps_its_character_classes() -> None:
    assert any_case("jpg|[a-z]p?") == "[jJ][pP][gG]|[a-z][pP]?"


def test_the_parameters_are_the_rows_of_the_table_and_v() -> None:
    assert [parameter["name"] for parameter in OPTION_PARAMETERS] == [*NAMES, "v"]
