"""Cache-Control of pictures that are private, or that may be cached only until a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymager.web.cache_control import CacheControl


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("public, max-age=300", "private, max-age=300"),
        ("max-age=300", "private, max-age=300"),
        ("private, max-age=7", "private, max-age=7"),
        ('private="set-cookie", max-age=7', "private, max-age=7"),
        ("Public, S-MAXAGE=600, max-age=60, proxy-revalidate, immutable", "private, max-age=60, immutable"),
        ("no-store", "private, no-store"),
        ("public, max-age=60, stale-while-revalidate=30", "private, max-age=60, stale-while-revalidate=30"),
    ],
)
def test_a_private_response_is_for_browsers_only(value: str, expected: str) -> None:
    assert str(CacheControl.parse(value).private()) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("public, max-age=300", "public, max-age=100, must-revalidate"),
        ("public, max-age=99", "public, max-age=99, must-revalidate"),
        ("public, s-maxage=600", "public, s-maxage=100, max-age=100, must-revalidate"),
        ("max-age=10, s-maxage=40, stale-while-revalidate=90", "max-age=10, s-maxage=40, stale-while-revalidate=60"),
        ("max-age=10, stale-if-error=5", "max-age=10, stale-if-error=5"),
        (
            "max-age=10, stale-while-revalidate=80, stale-if-error=999",
            "max-age=10, stale-while-revalidate=80, stale-if-error=90",
        ),
        ("max-age=999, stale-while-revalidate=80", "max-age=100, stale-while-revalidate=0"),
        ("public", "public, max-age=100, must-revalidate"),
        ("no-cache", "no-cache, max-age=100, must-revalidate"),
        ("no-store", "no-store"),
        ("Max-Age=300, Must-Revalidate", "max-age=100, must-revalidate"),
        ('max-age="300"', "max-age=100, must-revalidate"),
        ("max-age=soon, immutable", "max-age=100, immutable, must-revalidate"),
        ("max-age, max-age=99999999999999", "max-age=100, max-age=100, must-revalidate"),
        (" , max-age=300,,", "max-age=100, must-revalidate"),
        ("max-age = 300", "max-age=100, must-revalidate"),
    ],
)
def test_no_cache_may_use_a_response_longer_than_it_is_signed_for(value: str, expected: str) -> None:
    assert str(CacheControl.parse(value).until(100)) == expected


def test_a_response_whose_signature_ends_now_is_not_cached() -> None:
    value = "public, max-age=300, s-maxage=600, stale-while-revalidate=30, stale-if-error=30"
    assert str(CacheControl.parse(value).until(0)) == (
        "public, max-age=0, s-maxage=0, stale-while-revalidate=0, stale-if-error=0"
    )


SECONDS = st.integers(0, 10_000)
NAMES = ("max-age", "s-maxage", "stale-while-revalidate", "stale-if-error")


@given(st.dictionaries(st.sampled_from(NAMES), SECONDS), SECONDS)
def test_freshness_and_staleness_together_never_exceed_the_limit(given: dict[str, int], limit: int) -> None:
    value = ", ".join(f"{name}={seconds}" for name, seconds in given.items())
    found = {name: int(seconds or 0) for name, seconds in CacheControl.parse(value).until(limit).directives}
    fresh = max(found["max-age"], found.get("s-maxage", 0))
    stale = max(found.get("stale-while-revalidate", 0), found.get("stale-if-error", 0))
    assert fresh + stale <= limit
    assert all(found[name] <= seconds for name, seconds in given.items())
