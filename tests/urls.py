"""The URLs of variants without the query, as most tests use them."""

from pymager.formats import Encoding
from pymager.variants.grammar import Grammar
from pymager.variants.variant import Variant


def parse_derived(name: str, query: str = "") -> tuple[str, Variant]:
    """The id and the variant of the part of a URL after `/derived/`."""
    requested = Grammar(Encoding(), {}).parse(name, query)
    return requested.id, requested.variant
