"""Which variants `pymager warm` renders, and which it refuses."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pymager.errors import ConfigurationError
from pymager.operations.variant_set import VariantSet, Wanted
from pymager.settings.translation import variant_urls
from pymager.variants.urls import VariantUrls
from tests.web.served import settings_for

SETTINGS = {"sizes": "80x60,80x", "options": "fit,q=70,dpr=2", "presets": "thumb:20x20,gravity=north,q=50;tall:x30"}


def chosen(
    folder: Path,
    sizes: Sequence[str] = (),
    formats: Sequence[str] = ("jpg",),
    options: Sequence[str] = (),
    presets: Sequence[str] = (),
    *,
    signatures: bool = False,
    allowed: str = SETTINGS["sizes"],
) -> list[Wanted]:
    settings = settings_for(folder, **(SETTINGS | {"sizes": allowed}))
    urls = variant_urls(settings)
    urls = VariantUrls(urls.grammar, replace(urls.policy, signatures=signatures))
    return VariantSet(sizes, formats, options, presets).variants(settings, urls)


def names(found: list[Wanted]) -> list[str]:
    return [wanted.variant.file_name for wanted in found]


def test_each_size_is_combined_with_each_set_of_options_in_each_format(tmp_path: Path) -> None:
    found = chosen(tmp_path, ["80x60", "80x"], ["jpg", "webp"], ["fit=inside,q=70", " Q = 70 ".lower()])
    assert names(found) == [
        "80x60_fit-inside_q-70.jpg",
        "80x60_fit-inside_q-70.webp",
        "80x60_q-70.jpg",
        "80x60_q-70.webp",
        "80x_q-70.jpg",
        "80x_q-70.webp",
    ]


def test_presets_bring_their_size_and_options_and_lose_a_quality_that_a_format_does_not_have(tmp_path: Path) -> None:
    found = chosen(tmp_path, ["80x60"], ["jpg", "png"], presets=["tall", "thumb"])
    expected = [
        "80x60.jpg",
        "80x60.png",
        "x30.jpg",
        "x30.png",
        "20x20_gravity-north_q-50.jpg",
        "20x20_gravity-north.png",
    ]
    assert names(found) == expected
    assert chosen(tmp_path, presets=["*"]) == chosen(tmp_path, presets=["tall", "thumb"])


def test_spellings_of_one_variant_are_rendered_once(tmp_path: Path) -> None:
    assert names(chosen(tmp_path, ["80x60"], ["jpg", "JPEG"], ["fit=cover", "fit=COVER", "q=080"])) == ["80x60.jpg"]
    assert names(chosen(tmp_path, ["40x30", "80x60"], options=["dpr=1", "dpr=2"], allowed="*")) == [
        "40x30.jpg",
        "80x60.jpg",
        "160x120.jpg",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"presets": ["thumbs"]}, "--presets: there is no preset 'thumbs'; presets: tall, thumb"),
        ({"presets": ["Thumb"]}, "--presets: there is no preset 'Thumb'; presets: tall, thumb"),
        ({"presets": ["a.jpg?x"]}, "--presets: there is no preset 'a.jpg?x'"),
        (
            {"options": ["fit=outside"]},
            "--options: the option fit takes one of cover, contain, inside, fill, got 'outside'",
        ),
        ({"options": ["fitt=inside"]}, "--options: 'fitt' is not an option; options: fit, enlarge"),
        ({"options": ["q=70,q=80"]}, "--options: the option q is given more than once"),
        ({"options": ["sig=x"]}, "--options: 'sig' is not an option"),
        ({"options": ["fit=inside&q=70"]}, "--options: the option fit takes one of"),
        ({"options": [""]}, "--options: must be options such as fit=inside,q=70, got ''"),
        (
            {"options": ["q=70"], "formats": ["png"]},
            "80x60.png with q=70: the option q: png has no quality; formats that have one",
        ),
        ({"options": ["blur=2"]}, "80x60.jpg with blur=2: the option blur is not allowed in an unsigned URL"),
        (
            {"options": ["q=71"]},
            "80x60.jpg with q=71: the option q=71 is not allowed in an unsigned URL; allowed values of q: 70",
        ),
        ({"options": ["animated=true,frame=2"]}, "animated=true and frame exclude each other"),
        ({"sizes": ["1x1-80x60"]}, "--sizes: must be sizes such as 800x600, 800x or x600, got '1x1-80x60'"),
        ({"sizes": ["81x60"]}, "81x60.jpg: size 81x60 is not allowed; allowed sizes: 80x, 80x60"),
        ({"formats": ["doc"]}, "--formats: 'doc' is not an output format"),
        ({"formats": ["jpg.png"]}, "--formats: 'jpg.png' is not an output format"),
    ],
)
def test_what_no_url_can_request_is_refused_with_the_reason(
    tmp_path: Path, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        chosen(tmp_path, **({"sizes": ["80x60"]} | arguments))
    assert sentence in str(raised.value)


def test_where_urls_can_be_signed_their_variants_can_be_rendered_too_and_are_named(tmp_path: Path) -> None:
    found = chosen(tmp_path, ["80x60", "81x60"], options=["q=70", "blur=2"], presets=["thumb"], signatures=True)
    assert [wanted.variant.file_name for wanted in found if wanted.signed_only] == [
        "80x60_blur-2.jpg",
        "81x60_q-70.jpg",
        "81x60_blur-2.jpg",
    ]
    assert names(found)[0] == "80x60_q-70.jpg"
    with pytest.raises(ConfigurationError, match="9001x60 is too large: a side can have at most"):
        chosen(tmp_path, ["9001x60"], signatures=True)


def test_auto_stands_for_each_of_its_formats_and_for_what_other_clients_get(tmp_path: Path) -> None:
    found = chosen(tmp_path, ["80x60"], ["auto", "jpg"], presets=["tall"])
    assert [(wanted.variant.file_name, wanted.accept) for wanted in found] == [
        ("80x60.auto", "image/avif"),
        ("80x60.auto", "image/webp"),
        ("80x60.auto", ""),
        ("80x60.jpg", None),
        ("x30.auto", "image/avif"),
        ("x30.auto", "image/webp"),
        ("x30.auto", ""),
        ("x30.jpg", None),
    ]
    settings = settings_for(tmp_path, auto_formats="webp")
    found = VariantSet(["80x60"], ["AUTO"]).variants(settings, variant_urls(settings))
    assert [wanted.accept for wanted in found] == ["image/webp", ""]


def test_a_checkpoint_belongs_to_the_sizes_options_and_the_presets_as_they_are(tmp_path: Path) -> None:
    def task(wanted: VariantSet, **changes: Any) -> dict[str, Any]:
        return wanted.task(settings_for(tmp_path, **(SETTINGS | changes)), "")

    before = {"sizes": ["80x60"], "formats": ["jpg"], "prefix": ""}
    assert task(VariantSet(["80x60"], ["jpg"])) == before  # an upgrade does not make a checkpoint useless
    assert task(VariantSet(["80x60"], ["jpg"], ["q=70"])) != before
    thumb = VariantSet([], ["jpg"], presets=["thumb"])
    assert task(thumb) == task(thumb) != task(thumb, presets="thumb:20x21")
    auto = VariantSet(["80x60"], ["Auto"])
    assert task(auto) == task(auto) != task(auto, auto_formats="webp")
    assert task(VariantSet([], ["jpg"], presets=["*"])) == task(VariantSet([], ["jpg"], presets=["tall", "thumb"]))
