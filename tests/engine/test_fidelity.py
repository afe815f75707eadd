"""Every kind of file looks as an independent decoder or its specification says, or is refused by name."""

import pytest

from pymager.errors import NotAPicture
from tests.engine.fidelity import patches
from tests.engine.fidelity.expectation import difference, expectation
from tests.engine.fidelity.table import KINDS, MODULES
from tests.engine.rendering import inspected, opened, rendered

SHOWN = [name for name, kind in KINDS.items() if not kind.refused]
REFUSED = [name for name, kind in KINDS.items() if kind.refused]


def test_there_are_many_kinds_and_each_has_its_own_name() -> None:
    assert len(KINDS) == sum(len(module.KINDS) for module in MODULES)
    assert len(KINDS) > 400


@pytest.mark.parametrize("name", SHOWN)
def test_a_file_looks_as_an_independent_decoder_shows_it(name: str) -> None:
    kind, expected = KINDS[name], expectation(name)
    data = kind.data()
    found = inspected(data)
    size = found.width, found.height
    assert expected.size in (None, size)
    original_size = rendered(data, *size)
    if original_size is not None:  # else the file's own bytes are the variant
        assert difference(patches.middles(opened(original_size)), expected.colors) <= kind.tolerance
    if "cropped" in name:
        return  # the middles of the ninths are not in the middle of patches, and become mixtures
    # Smaller variants take other ways: reduced decoding, scaling before the conversion of colors.
    smaller = opened(rendered(data, max(1, size[0] // 2), max(1, size[1] // 2)))
    assert difference(patches.middles(smaller), expected.colors) <= kind.tolerance + 2


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_shown_correctly_is_refused_by_name(name: str) -> None:
    kind = KINDS[name]
    with pytest.raises(NotAPicture, match=kind.refused):
        inspected(kind.data())
