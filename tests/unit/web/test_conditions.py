"""Conditional requests and ranges (RFC 9110 sections 13 and 14)."""

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from pymager.library.dates import ALWAYS
from pymager.web.conditions import (
    LastModified,
    Validators,
    check_write_preconditions,
    is_not_modified,
)
from pymager.web.failures import PreconditionFailed, RangeNotSatisfiable
from pymager.web.ranges import requested_range

MODIFIED = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
IT = Validators("abc", MODIFIED)
AT = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"


def headers(*pairs: tuple[str, str], **named: str) -> CIMultiDictProxy[str]:
    several = [*pairs, *((name.replace("_", "-"), value) for name, value in named.items())]
    return CIMultiDictProxy(CIMultiDict(several))


@pytest.mark.parametrize("ahead", [-5, 0, 1, 5])
def test_the_date_is_exact_from_the_first_response_on(ahead: int) -> None:
    date = datetime.fromtimestamp(int(time.time()) + ahead, UTC)
    header = LastModified(ALWAYS).value(date)
    assert header == format_datetime(date, usegmt=True)
    it = Validators("abc", date)
    assert is_not_modified(headers(If_Modified_Since=header), it)
    assert not is_not_modified(headers(If_Unmodified_Since=header), it)
    assert requested_range(headers(Range="bytes=0-0", If_Range=header), 100, it) == (0, 1)
    check_write_preconditions(headers(If_Unmodified_Since=header), it)


def test_during_a_rolling_update_there_is_no_date_until_its_second_is_over() -> None:
    now = int(time.time())
    dates = LastModified(datetime.fromtimestamp(now + 3_600, UTC))
    old, soon, later = (datetime.fromtimestamp(now + seconds, UTC) for seconds in (-5, 60, 3_600))
    assert dates.value(old) == format_datetime(old, usegmt=True)
    assert dates.value(soon) is None
    assert dates.value(later) == format_datetime(later, usegmt=True)


def test_a_date_in_the_future_is_older_than_no_other() -> None:
    soon = datetime.fromtimestamp(int(time.time()) + 3_600, UTC)
    later = format_datetime(soon + timedelta(seconds=1), usegmt=True)
    assert not is_not_modified(headers(If_Modified_Since=later), Validators("abc", soon))


@pytest.mark.parametrize(
    "value",
    ['"abc"', 'W/"abc"', "*", " * ", '"x", "abc"', '"x","abc"', 'W/"x" , W/"abc"', '"x",, ,"abc"', ', "abc"', '"abc",'],
)
def test_a_tag_in_if_none_match_is_compared_weakly(value: str) -> None:
    assert is_not_modified(headers(If_None_Match=value), IT)


@pytest.mark.parametrize("value", ["", '"x"', "abc", '"ABC"', '"abc', 'w/"abc"', '"a"bc"', "**", '"x";"abc"', ","])
def test_another_or_a_malformed_tag_in_if_none_match_does_not_match(value: str) -> None:
    assert not is_not_modified(headers(If_None_Match=value), IT)


@pytest.mark.parametrize("begin", [",", '"x",', '"x"', 'W/"', "x", '"x" , '], ids=repr)
@pytest.mark.parametrize("filling", [" ", ",", " ,", "\t", '"', 'W/"'], ids=repr)
def test_long_headers_are_read_in_linear_time(begin: str, filling: str) -> None:
    """In quadratic time each of these would take an hour."""
    value = begin + filling * 400_000 + "abc"
    assert not is_not_modified(headers(If_None_Match=value), IT)
    assert requested_range(headers(Range="bytes=0-1", If_Range=value), 100, IT) is None
    assert requested_range(headers(Range=value), 100, IT) is None
    assert requested_range(headers(Range=f"bytes={value}"), 100, IT) is None


def test_tags_can_be_on_several_lines() -> None:
    assert is_not_modified(headers(("If-None-Match", '"x"'), ("If-None-Match", '"abc"')), IT)
    assert not is_not_modified(headers(("If-Match", '"x"'), ("If-Match", '"abc"')), IT)


@pytest.mark.parametrize("value", ['"abc"', "*", '"x", "abc"', ' "abc" ', ',"abc"'])
def test_a_matching_if_match_holds(value: str) -> None:
    assert not is_not_modified(headers(If_Match=value), IT)
    check_write_preconditions(headers(If_Match=value), IT)


@pytest.mark.parametrize("value", ['"x"', 'W/"abc"', "", "abc"])
def test_if_match_is_compared_strongly(value: str) -> None:
    with pytest.raises(PreconditionFailed):
        is_not_modified(headers(If_Match=value), IT)
    with pytest.raises(PreconditionFailed):
        check_write_preconditions(headers(If_Match=value), IT)


@pytest.mark.parametrize(("value", "expected"), [(BEFORE, False), (AT, True), (AFTER, True)])
def test_if_modified_since(value: str, expected: bool) -> None:
    assert is_not_modified(headers(If_Modified_Since=value), IT) is expected


@pytest.mark.parametrize("value", ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
def test_the_two_obsolete_forms_of_a_date_are_parsed(value: str) -> None:
    assert is_not_modified(headers(If_Modified_Since=value), IT)
    with pytest.raises(PreconditionFailed):
        is_not_modified(headers(If_Unmodified_Since=value), Validators("abc", MODIFIED + timedelta(seconds=1)))


@pytest.mark.parametrize("value", ["", "yesterday", "0", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov", "x" * 100_000])
def test_an_invalid_date_is_ignored(value: str) -> None:
    assert not is_not_modified(headers(If_Modified_Since=value), IT)
    assert not is_not_modified(headers(If_Unmodified_Since=value), IT)


@pytest.mark.parametrize(("value", "fails"), [(BEFORE, True), (AT, False), (AFTER, False)])
def test_if_unmodified_since(value: str, fails: bool) -> None:
    if fails:
        with pytest.raises(PreconditionFailed):
            is_not_modified(headers(If_Unmodified_Since=value), IT)
    else:
        assert not is_not_modified(headers(If_Unmodified_Since=value), IT)


def test_a_tag_takes_precedence_over_a_date() -> None:
    assert not is_not_modified(headers(If_None_Match='"x"', If_Modified_Since=AFTER), IT)
    assert is_not_modified(headers(If_None_Match='"abc"', If_Modified_Since=BEFORE), IT)
    assert not is_not_modified(headers(If_Match='"abc"', If_Unmodified_Since=BEFORE), IT)


def test_if_match_is_checked_before_if_none_match() -> None:
    with pytest.raises(PreconditionFailed):
        is_not_modified(headers(If_Match='"x"', If_None_Match='"abc"'), IT)
    assert is_not_modified(headers(If_Match='"abc"', If_None_Match='"abc"'), IT)


def test_preconditions_of_a_write_without_an_original() -> None:
    check_write_preconditions(headers(), None)
    check_write_preconditions(headers(If_None_Match="*"), None)
    for value in ("*", '"abc"'):
        with pytest.raises(PreconditionFailed):
            check_write_preconditions(headers(If_Match=value), None)


def test_preconditions_of_a_write_over_an_original() -> None:
    check_write_preconditions(headers(), IT)
    check_write_preconditions(headers(If_None_Match='"x"'), IT)
    for value in ("*", '"abc"', 'W/"abc"'):
        with pytest.raises(PreconditionFailed):
            check_write_preconditions(headers(If_None_Match=value), IT)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=0-", (0, 100)),
        ("bytes=99-", (99, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=10-1000", (10, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-100", (0, 100)),
        ("bytes=-1000", (0, 100)),
        ("Bytes=0-0", (0, 1)),
        ("bytes=00000000000000000000-0000000000000000000000", (0, 1)),
    ],
)
def test_a_range_becomes_a_slice(value: str, expected: tuple[int, int]) -> None:
    assert requested_range(headers(Range=value), 100, IT) == expected


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 99 + "-"])
def test_a_range_outside_is_refused_with_the_size(value: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        requested_range(headers(Range=value), 100, IT)
    assert caught.value.size == 100


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=x-y",
        "bytes=5-4",
        "bytes=0-1,3-4",
        "items=0-1",
        "bytes=-1-2",
        "bytes=+1-2",
        "bytes=１-２",
        "bytes=" + "9" * 5_000 + "-",
        "bytes=-" + "9" * 5_000,
        "bytes=0-" + "9" * 5_000,
    ],
)
def test_several_ranges_other_units_and_malformed_ranges_are_ignored(value: str) -> None:
    assert requested_range(headers(Range=value), 100, IT) is None


@pytest.mark.parametrize("value", ['"abc"', AT, "Sunday, 06-Nov-94 08:49:37 GMT"])
def test_a_range_is_used_if_if_range_holds(value: str) -> None:
    assert requested_range(headers(Range="bytes=0-0", If_Range=value), 100, IT) == (0, 1)


@pytest.mark.parametrize("value", ['"x"', 'W/"abc"', BEFORE, AFTER, "", "abc", "*", '"abc", "x"', "x" * 10_000])
def test_a_range_is_ignored_if_if_range_does_not_hold(value: str) -> None:
    assert requested_range(headers(Range="bytes=0-0", If_Range=value), 100, IT) is None
    assert requested_range(headers(Range="bytes=1000-", If_Range=value), 100, IT) is None


@given(st.integers(0, 1_000), st.integers(0, 2_000) | st.none(), st.integers(0, 2_000) | st.none())
def test_a_slice_is_the_range_of_the_rfc(size: int, first: int | None, last: int | None) -> None:
    value = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    everything = range(size)
    if first is None:
        selected = None if last is None else everything[max(0, size - last) :]
    else:
        selected = None if last is not None and last < first else everything[first : None if last is None else last + 1]
    try:
        selection = requested_range(headers(Range=value), size, IT)
    except RangeNotSatisfiable:
        assert selected is not None
        assert len(selected) == 0
    else:
        assert selected == (None if selection is None else everything[slice(*selection)])
        assert selected is None or len(selected) > 0


TAGS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x2FF, exclude_characters='"\x7f', exclude_categories=["Cc"])
)


@given(
    st.lists(st.tuples(st.booleans(), TAGS)), st.tuples(st.booleans(), TAGS), st.lists(st.tuples(st.booleans(), TAGS))
)
def test_a_tag_is_found_anywhere_in_a_list(
    before: list[tuple[bool, str]], it: tuple[bool, str], after: list[tuple[bool, str]]
) -> None:
    value = ", ".join(f'{"W/" if weak else ""}"{tag}"' for weak, tag in (*before, it, *after))
    assert is_not_modified(headers(If_None_Match=value), Validators(it[1], MODIFIED))


NAMES = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Range", "If-Range")
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
DATES = st.datetimes(timezones=ZONES).map(format_datetime)
VALUES = st.text() | DATES | st.from_regex(r'\A(W/)?"[^"]*"(, *"[a-c]*")*\Z') | st.from_regex(r"\Abytes=[0-9,-]*\Z")


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES)))
@example([("If-Modified-Since", "Mon, 01 Jan 0001 00:00:00 +2359")])
@example([("If-Modified-Since", "Mon, 01 Jan 9999 00:00:00 -9999")])
@example([("If-None-Match", '"\udcff"')])
def test_any_headers_give_a_result_or_a_known_error(several: list[tuple[str, str]]) -> None:
    given = headers(*several)
    try:
        assert is_not_modified(given, IT) in (True, False)
        check_write_preconditions(given, IT)
        selection = requested_range(given, 100, IT)
        assert selection is None or 0 <= selection[0] < selection[1] <= 100
    except (PreconditionFailed, RangeNotSatisfiable) as error:
        assert str(error)
