"""What the URLs of all stores on AWS protocols have in common."""

import pytest

from pymager.errors import ConfigurationError
from pymager_aws import url

FORM = "store://NAME"
PARAMETERS = ("timeout", "region", "profile", "endpoint")


def parse(text: str) -> url.StoreUrl:
    return url.parse(text, FORM, PARAMETERS)


def test_everything_can_be_left_out() -> None:
    parts = parse("store://pictures")
    assert (parts.scheme, parts.name, parts.path) == ("store", "pictures", "")
    assert (parts.endpoint, parts.region, parts.profile, parts.timeout) == (None, None, None, None)


def test_every_parameter_has_its_type() -> None:
    parts = parse(
        "store://my.pictures/some/where?endpoint=https://s3.example.org:9000/&region=eu-west-1&profile=shop&timeout=2.5"
    )
    assert (parts.name, parts.path) == ("my.pictures", "/some/where")
    assert (parts.endpoint, parts.region) == ("https://s3.example.org:9000", "eu-west-1")
    assert (parts.profile, parts.timeout) == ("shop", 2.5)


def test_an_empty_profile_is_the_default_one() -> None:
    assert parse("store://pictures?profile=").profile is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("store://[::1", "must be store://NAME"),
        ("store://pictures?region", "must be store://NAME"),
        ("store://pictures#part", "must not have a fragment"),
        ("store://key:S3CRET@pictures", "must not contain credentials"),
        ("store://pictures?regoin=a", "unknown parameter 'regoin'.*: endpoint, profile, region, timeout"),
        ("store://pictures?region=a&region=b", "'region' only once"),
    ],
)
def test_an_invalid_url_is_rejected_with_the_right_form(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        parse(text)
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameter", "value", "sentence"),
    [
        *(("region", value, "an AWS region") for value in ("", "evil.example/", "A")),
        *(("timeout", value, "a number of seconds") for value in ("0", "-1", "nan", "inf", "3601", "1e9", "soon", "")),
        ("endpoint", "localhost:8000", "http://HOST:PORT"),
        ("endpoint", "ftp://localhost", "http://HOST:PORT"),
        ("endpoint", "http://localhost:99999", "http://HOST:PORT"),
        ("endpoint", "http://localhost:0", "http://HOST:PORT"),
        ("endpoint", "http://localhost/path", "http://HOST:PORT"),
        ("endpoint", "http://localhost?query", "http://HOST:PORT"),
        ("endpoint", "http://key:S3CRET@localhost", "http://HOST:PORT"),
        ("endpoint", "", "http://HOST:PORT"),
    ],
)
def test_an_invalid_value_is_rejected_with_the_right_form(parameter: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{parameter} in the store URL must be {sentence}") as caught:
        getattr(parse(f"store://pictures?{parameter}={value}"), parameter)
    assert "S3CRET" not in str(caught.value)
    assert f"got '{value}'" in str(caught.value) or parameter == "endpoint"
