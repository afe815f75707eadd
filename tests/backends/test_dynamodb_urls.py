"""dynamodb URLs, and the endpoint and credentials that they lead to."""

from pathlib import Path

import pytest

from pymager.errors import ConfigurationError
from pymager_dynamodb import DynamoMetadata
from pymager_dynamodb.endpoint import find_endpoint
from pymager_dynamodb.url import DynamoUrl, parse_url

ENDPOINT = "http://127.0.0.1:8000"


def test_a_url_names_the_table_and_how_to_reach_it() -> None:
    url = parse_url(f"dynamodb://pictures.v1?region=eu-west-1&endpoint={ENDPOINT}&profile=shop&timeout=2.5")
    assert url == DynamoUrl("pictures.v1", "eu-west-1", ENDPOINT, "shop", 2.5)
    assert parse_url("dynamodb://pictures") == DynamoUrl("pictures", None, None, None, 5.0)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("dynamodb://", "must be dynamodb://TABLE"),
        ("dynamodb://ab", "3 to 255"),
        ("dynamodb:pictures", "must be dynamodb://TABLE"),
        ("dynamodb://pictures/more", "must be dynamodb://TABLE"),
        ("dynamodb://tab le", "must be dynamodb://TABLE"),
        ("dynamodb://pictures#part", "dynamodb://TABLE"),
        ("dynamodb://key:S3CRET@pictures", "must not contain credentials"),
        ("dynamodb://pictures?regoin=eu-west-1", "'regoin'.*endpoint, profile, region, timeout"),
        ("dynamodb://pictures?region=eu-west-1&region=eu-west-2", "only once"),
        ("dynamodb://pictures?region=evil.example/", "region in the dynamodb URL must be"),
        ("dynamodb://pictures?region=", "region in the dynamodb URL must be"),
        ("dynamodb://pictures?region", "must be dynamodb://TABLE"),
        ("dynamodb://pictures?endpoint=localhost:8000", "must be http://HOST:PORT"),
        ("dynamodb://pictures?endpoint=http://localhost:8000/path", "must be http://HOST:PORT"),
        ("dynamodb://pictures?endpoint=http://key:S3CRET@localhost:8000", "must be http://HOST:PORT"),
        ("dynamodb://pictures?timeout=0", "must be a number of seconds.*'0'"),
        ("dynamodb://pictures?timeout=nan", "must be a number of seconds.*'nan'"),
        ("dynamodb://pictures?timeout=1e9", "must be a number of seconds.*'1e9'"),
        ("dynamodb://pictures?timeout=soon", "must be a number of seconds.*'soon'"),
    ],
)
def test_an_invalid_url_is_rejected_with_the_right_form(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        DynamoMetadata(url)
    assert "S3CRET" not in str(caught.value)


async def test_without_credentials_the_error_says_what_to_set(no_credentials: Path) -> None:
    store = DynamoMetadata(f"dynamodb://pictures?region=eu-west-1&endpoint={ENDPOINT}")
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        await store.__aenter__()
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        await store.prepare()


async def test_a_missing_profile_is_named(no_credentials: Path) -> None:
    with pytest.raises(ConfigurationError, match="shop"):
        await DynamoMetadata(f"dynamodb://pictures?region=eu-west-1&endpoint={ENDPOINT}&profile=shop").prepare()


async def test_a_profile_names_the_region(no_credentials: Path) -> None:
    (no_credentials / "config").write_text("[profile shop]\nregion = eu-north-1\n")
    endpoint = await find_endpoint(parse_url("dynamodb://pictures?profile=shop"))
    assert (endpoint.region, endpoint.host) == ("eu-north-1", "dynamodb.eu-north-1.amazonaws.com")
    endpoint = await find_endpoint(parse_url(f"dynamodb://pictures?profile=shop&endpoint={ENDPOINT}"))
    assert (endpoint.region, endpoint.host) == ("eu-north-1", "127.0.0.1:8000")
    with pytest.raises(ConfigurationError, match="region"):
        await find_endpoint(parse_url("dynamodb://pictures"))
