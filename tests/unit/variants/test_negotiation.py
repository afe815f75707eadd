"""What `.auto` means: which formats an `Accept` header takes, and which of them a picture gets."""

import secrets
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymager import formats
from pymager.variants import negotiation
from pymager.variants.negotiation import MAX_ACCEPT_CHARACTERS, Negotiation, accepted, fallback, field_value
from tests.accept_headers import ALL, BROWSERS, Accept

DEFAULT = Negotiation(("avif", "webp"), 2_000_000)
BOTH = "image/avif,image/webp"


@pytest.mark.parametrize("accept", ALL, ids=lambda accept: accept.who)
def test_a_header_takes_what_it_names_with_a_weight_above_zero(accept: Accept) -> None:
    assert accepted(field_value(accept.lines)) == accept.takes


def test_the_table_is_large_enough_and_names_each_header_once() -> None:
    assert len({accept.lines for accept in ALL if accept.lines}) >= 60
    assert len({accept.who for accept in ALL}) == len(ALL)
    assert len(BROWSERS) >= 20


def test_wildcards_never_stand_for_a_negotiable_format() -> None:
    for wildcard in ("*/*", "image/*", "*/*;q=1", "image/*;q=1.0", "*", "*/avif", "image/av*"):
        assert accepted(wildcard) == set()
        assert accepted(f"{wildcard},image/webp") == accepted(f"image/webp,{wildcard};q=0") == {"webp"}


@given(st.permutations(["image/avif;q=0.3", "image/webp;q=0", "image/*", "*/*;q=0.1", "image/avif;v=1", "text/html"]))
def test_the_order_of_the_elements_does_not_matter(elements: list[str]) -> None:
    assert accepted(", ".join(elements)) == {"avif"}


@given(st.text(st.sampled_from('image/avifwebp*;,q=01.59 "\\\t\x00\xff\udcff猫'), max_size=200))
def test_any_text_is_parsed(text: str) -> None:
    assert accepted(text) <= {"avif", "webp", "jxl"}
    if not {'"', "\\"} & set(text):
        assert accepted(f"{text},image/webp;q=0") == accepted(text) - {"webp"}


@given(st.integers(0, 1_500))
def test_a_weight_is_at_most_one_with_three_decimals(thousandths: int) -> None:
    text = f"{thousandths // 1000}.{thousandths % 1000:03}"
    assert accepted(f"image/avif;q={text}") == ({"avif"} if 0 < thousandths <= 1000 else set())


def test_each_distinct_header_is_parsed_once() -> None:
    negotiation._parsed.cache_clear()
    for _ in range(50):
        for accept in ALL:
            accepted(field_value(accept.lines))
    short = {value for accept in ALL if len(value := field_value(accept.lines)) <= MAX_ACCEPT_CHARACTERS}
    assert negotiation._parsed.cache_info().misses == len(short)


def test_what_strangers_send_takes_bounded_memory() -> None:
    for number in range(5_000):
        accepted(f"image/x-{number}")
        accepted(f"image/x-{number}".ljust(2_000))
    info = negotiation._parsed.cache_info()
    assert info.maxsize is not None
    assert info.currsize <= info.maxsize
    assert info.maxsize * MAX_ACCEPT_CHARACTERS <= 1 << 20


@pytest.mark.parametrize(
    "piece", ['"', '\\"', '"\\', "image/avif;", "image/avif;q=0", " ", ";", "\t;", ",", "image/avif,", '",";', "é"]
)
def test_a_hostile_header_takes_linear_time(piece: str) -> None:
    """Quadratic time would be some minutes for each of these."""
    assert negotiation._parsed.__wrapped__(piece * 200_000) <= {"avif"}


def test_garbage_of_100_kb_names_nothing() -> None:
    for alphabet in (string.printable, 'image/avif;q=1,"\\'):
        assert accepted("".join(secrets.choice(alphabet) for _ in range(100_000))) == set()


def test_no_header_and_one_line_and_many_are_one_list() -> None:
    assert field_value(()) == ""
    assert field_value(["a/b"]) == "a/b"
    assert accepted(field_value(["image/webp;q=0", "", "image/avif"])) == {"avif"}


def test_the_servers_order_decides() -> None:
    assert DEFAULT.best(accepted("image/webp;q=1,image/avif;q=0.1"), (80, 60)) == "avif"
    assert Negotiation(("webp", "avif"), 10**9).best(accepted(BOTH), (80, 60)) == "webp"
    assert Negotiation(("webp",), 10**9).best(accepted("image/avif"), (80, 60)) is None
    assert Negotiation((), 10**9).best(accepted(BOTH), (80, 60)) is None


@pytest.mark.parametrize(
    ("size", "frames", "accept", "expected"),
    [
        ((2000, 1000), 1, BOTH, "avif"),
        ((2001, 1000), 1, BOTH, "webp"),
        ((2001, 1000), 1, "image/avif", None),
        ((200, 100), 100, BOTH, "avif"),
        ((200, 100), 101, BOTH, "webp"),
        ((200, 100), 101, "image/avif,image/webp;q=0", None),
        ((16_383, 10), 1, "image/webp", "webp"),
        ((16_384, 10), 1, "image/webp", None),
        ((16_384, 10), 1, BOTH, "avif"),
        ((40_000, 10), 1, BOTH, None),
    ],
)
def test_a_format_has_to_hold_the_picture(
    size: tuple[int, int], frames: int, accept: str, expected: str | None
) -> None:
    assert DEFAULT.best(accepted(accept), size, frames) == expected


def test_the_fallback_depends_on_the_picture() -> None:
    assert fallback(alpha=False, moves=False) == "jpeg"
    assert fallback(alpha=True, moves=False) == "png"
    assert fallback(alpha=False, moves=True) == fallback(alpha=True, moves=True) == "gif"
    assert formats.output_of("png").has_transparency


def test_the_fallbacks_are_not_negotiated() -> None:
    assert set(formats.NEGOTIABLE.values()).isdisjoint(("jpeg", "png", "gif"))
