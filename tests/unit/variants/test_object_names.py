"""The name of a variant's object says everything: two variants never share one."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations, product

from pymager.errors import InvalidOption
from pymager.formats import Encoding
from pymager.variants.grammar import Grammar
from pymager.variants.variant import Variant
from pymager.variants.watermarks import Watermark

WATERMARKS = ("logo", "logo_frame-5", "logo_animated-true", "logo-aaaaaaaaaaaa", "logo-aaaaaaaaaaaa_frame-5")
VALUES = {
    "fit": ("cover", "contain", "inside", "fill"),
    "enlarge": ("true", "false"),
    "gravity": ("north", "smart", "0.3,0.1", "0.03,0.1", "0,0.31", "0.301,0", "1,0.3", "0.5,0.5"),
    "dpr": ("1", "1.5", "2"),
    "q": ("8", "60", "80", "78"),
    "bg": ("ffffff", "ffffff80", "00000080", "12345678", "12345600"),
    "crop": ("1,2,3,4", "12,3,4,5", "1,23,4,5", "1p,2p,3p,4p", "1.2p,3p,4p,5p", "0p,0p,100p,100p"),
    "trim": ("0", "1", "10"),
    "rotate": ("0", "90", "180", "270"),
    "flip": ("h", "v", "hv"),
    "blur": ("0.3", "3", "3.3", "30"),
    "sharpen": ("0.3", "3", "3.3"),
    "gray": ("true", "false"),
    "watermark": WATERMARKS,
    "animated": ("true", "false"),
    "frame": ("0", "1", "5", "11"),
}
"""Values whose digits can be taken for those of their neighbors."""

GRAMMAR = Grammar(Encoding(), {}, WATERMARKS)


def queries() -> Iterator[str]:
    """Every option with every value, alone and with every other one."""
    yield ""
    parameters = [[f"{name}={value}" for value in values] for name, values in VALUES.items()]
    yield from chain.from_iterable(parameters)
    for first, second in combinations(parameters, 2):
        yield from map("&".join, product(first, second))


def stored(url: str, query: str) -> Iterator[Variant]:
    """The variant as it is stored: with the digest of its watermark, of which two pictures are tried."""
    try:
        variant = GRAMMAR.parse(url, query).variant
    except InvalidOption:
        return
    for revision in "ab" if variant.watermark else ():
        yield replace(variant, overlay=Watermark("image").digest(revision))
    if not variant.watermark:
        yield variant


def test_variants_have_the_same_name_only_if_they_are_the_same() -> None:
    names: dict[str, Variant] = {}
    for url, query in product(("a-8x6.jpg", "a-86x6.png", "a-8x.gif", "a-x8.webp"), queries()):
        for variant in stored(url, query):
            assert names.setdefault(variant.file_name, variant) == variant, (url, query)
    assert len(names) > 3_000
