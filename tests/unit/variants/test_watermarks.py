"""Watermarks as the settings describe them."""

import pytest

from pymager.variants.watermarks import Watermark, watermark, watermark_text, watermark_texts


def test_a_watermark_has_defaults_for_everything_but_its_image() -> None:
    assert watermark("logo", "image=brand") == Watermark("brand", "southeast", 0.25, 1.0, 16)
    text = " margin = 0 , image=猫, opacity=0.50,scale=0.5"
    assert watermark("logo", text) == Watermark("猫", scale=0.5, opacity=0.5, margin=0)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("Logo", "image=a", "the name of a watermark must be 1 to 32 characters of a-z, 0-9, '_' and '-', got 'Logo'"),
        ("", "image=a", "the name of a watermark"),
        ("a" * 33, "image=a", "the name of a watermark"),
        ("logo", "", "watermark logo: must have the id of an original, such as image=brand"),
        ("logo", "image=a/b", "watermark logo: image must be the id of an original, got 'a/b'"),
        ("logo", "image=", "watermark logo: image must be the id of an original, got ''"),
        ("logo", "image=a,image=b", "watermark logo: image is given more than once"),
        (
            "logo",
            "image=a,size=2",
            "watermark logo: unknown field 'size'; the fields are image, gravity, ",
        ),
        ("logo", "image=a,gravity=smart", "gravity must be one of center, north, "),
        ("logo", "image=a,gravity=0.5,0.5", "gravity must be one of"),
        ("logo", "image=a,scale=0", "scale must be a number greater than 0 and at most 1, with up to 3 decimals"),
        ("logo", "image=a,scale=1.001", "scale must be"),
        ("logo", "image=a,scale=0.1234", "scale must be"),
        ("logo", "image=a,scale=1e-2", "scale must be"),
        ("logo", "image=a,opacity=0", "opacity must be"),
        ("logo", "image=a,opacity=-1", "opacity must be"),
        ("logo", "image=a,margin=-1", "margin must be a whole number from 0 to 10000, got '-1'"),
        ("logo", "image=a,margin=10001", "margin must be"),
        ("logo", "image=a,margin=1.5", "margin must be"),
        ("logo", "image=a,margin=٣", "margin must be"),
    ],
)
def test_a_wrong_description_names_the_watermark_and_the_field(name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        watermark(name, text)
    assert said in str(caught.value)


def test_several_watermarks_are_separated_by_semicolons() -> None:
    text = "logo:image=brand,scale=0.2; draft : image=stamp ;"
    assert watermark_texts(text) == {"logo": "image=brand,scale=0.2", "draft": "image=stamp"}
    assert watermark_texts("") == {}
    for wrong, said in (
        ("logo", "must be watermarks such as logo:image=brand"),
        ("a:x;a:y", "a is given more than once"),
    ):
        with pytest.raises(ValueError, match=said):
            watermark_texts(wrong)


def test_a_table_means_the_same_as_the_text() -> None:
    table = {"image": "brand", "scale": 0.2, "opacity": 1, "margin": 3, "gravity": "west"}
    assert watermark("logo", watermark_text(table)) == Watermark("brand", "west", 0.2, 1.0, 3)


def test_the_digest_changes_with_the_revision_and_with_everything_that_is_drawn() -> None:
    base = Watermark("brand")
    others = [
        Watermark("brand", gravity="north"),
        Watermark("brand", scale=0.3),
        Watermark("brand", opacity=0.9),
        Watermark("brand", margin=17),
    ]
    digests = {base.digest("r1"), base.digest("r2"), *(other.digest("r1") for other in others)}
    assert len(digests) == 6
    assert base.digest("r1") == Watermark("other-id-same-picture").digest("r1")
    assert all(len(digest) == 12 and set(digest) <= set("0123456789abcdef") for digest in digests)
