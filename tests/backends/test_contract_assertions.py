"""A failed assert of the contract shows its values, in every module of `pymager.testing`."""

from importlib import import_module
from pkgutil import iter_modules

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

from pymager import testing

NAMES = [module.name for module in iter_modules(testing.__path__)]


@pytest.mark.parametrize("name", NAMES)
def test_pytest_rewrites_the_asserts_of_the_module(name: str) -> None:
    assert isinstance(import_module(f"{testing.__name__}.{name}").__loader__, AssertionRewritingHook)


def test_the_contracts_are_among_the_modules() -> None:
    assert {"blobs", "metadata", "metadata_descriptions"} <= set(NAMES)
