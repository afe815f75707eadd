"""The keys of blobs, and their owners."""

from datetime import UTC, datetime

import pytest

from pymager import keys
from pymager.keys import Owner
from pymager.ports import Original
from pymager.variants.variant import Variant

REVISION = "0123456789abcdef" * 2
VARIANT = Variant(8, 6, "webp")
CAT = Original("cat", REVISION, "jpeg", 4, 3, 100, "0" * 64, datetime(2024, 5, 6, tzinfo=UTC))


def test_every_key_of_a_revision_contains_the_id_and_the_revision() -> None:
    assert keys.original_key(CAT) == f"original/cat/{REVISION}.jpg"
    assert keys.derived_key(CAT, "abcdefabcdef", VARIANT) == f"derived/cat/{REVISION}/abcdefabcdef/8x6.webp"
    assert keys.recipe_key("abcdefabcdef") == "recipe/abcdefabcdef"


def test_a_derived_key_starts_with_its_revisions_prefix() -> None:
    assert keys.derived_key(CAT, "abc", VARIANT).startswith(keys.derived_prefix(CAT))
    assert keys.derived_prefix(CAT).endswith("/")


def test_the_owner_of_a_key_is_found() -> None:
    assert keys.owner_of(keys.original_key(CAT)) == Owner("cat", REVISION, None)
    assert keys.owner_of(keys.derived_key(CAT, "abc", VARIANT)) == Owner("cat", REVISION, "abc")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "readme.txt",
        "original/readme.txt",
        "original/cat/noextension",
        "original/cat/dog/x.jpg",
        f"derived/cat/{REVISION}/8x6.webp",
        f"derived/cat/{REVISION}/abc/more/8x6.webp",
        "recipe/abcdefabcdef",
        "other/cat/x.jpg",
    ],
)
def test_a_key_that_pymager_did_not_make_has_no_owner(key: str) -> None:
    assert keys.owner_of(key) is None
