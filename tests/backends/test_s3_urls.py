"""s3 URLs."""

from pathlib import Path

import pytest

from pymager.errors import ConfigurationError
from pymager_s3 import S3Blobs
from pymager_s3.url import S3Url, parse_url


def test_missing_parameters_have_the_defaults_of_aws() -> None:
    assert parse_url("s3://pictures") == S3Url("pictures", "", None, None, True, None, None, 10.0)


def test_every_parameter_can_be_set() -> None:
    url = (
        "s3://my.pictures/some/where/?endpoint=https://s3.example.org:9000/&region=eu-west-1&style=virtual"
        "&ca=/etc/ca.pem&profile=images&timeout=2.5"
    )
    assert parse_url(url) == S3Url(
        *("my.pictures", "some/where/", "https://s3.example.org:9000", "eu-west-1", True, "/etc/ca.pem", "images", 2.5)
    )


@pytest.mark.parametrize("url", ["s3://my.pictures", "s3://pictures?endpoint=http://127.0.0.1:9000"])
def test_a_bucket_is_in_the_path_if_its_name_cannot_be_a_host_name(url: str) -> None:
    assert not parse_url(url).is_virtual


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("s3:pictures", "bucket name"),
        ("s3://", "bucket name"),
        ("s3://Pictures", "bucket name"),
        ("s3://ab", "bucket name"),
        ("s3://a..b", "bucket name"),
        ("s3://10.0.0.1", "bucket name"),
        ("s3://-pictures", "bucket name"),
        ("s3://pictures:80", "bucket name"),
        (f"s3://{'p' * 64}", "bucket name"),
        ("s3://[::1", "must be s3://BUCKET"),
        ("s3://pictures//", "prefix"),
        ("s3://pictures/a//b", "each segment of the prefix"),
        ("s3://pictures/../b", "each segment of the prefix"),
        ("s3://pictures/a%20b", "each segment of the prefix"),
        ("s3://pictures/½", "each segment of the prefix"),
        ("s3://pictures/a/Ⅷ", "each segment of the prefix"),
        (f"s3://pictures/{'p' * 256}", "each segment of the prefix"),
        (f"s3://pictures/{'p' * 200}/{'p' * 200}", "at most 300 bytes"),
        ("s3://pictures#a", "fragment"),
        ("s3://key:secret@pictures", "must not contain credentials"),
        ("s3://pictures?bucket=a", "unknown parameter 'bucket'.*: ca, endpoint, profile, region, style, timeout"),
        ("s3://pictures?region", "must be s3://BUCKET"),
        ("s3://pictures?region=a&region=b", "only once"),
        ("s3://pictures?region=", "must be an AWS region"),
        ("s3://pictures?style=both", "must be path or virtual, got 'both'"),
        ("s3://pictures?ca=here.pem", "must be the absolute path.*'here.pem'"),
        ("s3://pictures?endpoint=127.0.0.1:9000", "must be http://HOST:PORT"),
        ("s3://pictures?endpoint=ftp://127.0.0.1", "must be http://HOST:PORT"),
        ("s3://pictures?endpoint=http://127.0.0.1:99999", "must be http://HOST:PORT"),
        ("s3://pictures?endpoint=http://127.0.0.1/path", "must be http://HOST:PORT"),
        ("s3://pictures?endpoint=http://key:secret@127.0.0.1", "must be http://HOST:PORT"),
        *(
            (f"s3://pictures?timeout={text}", "must be a number of seconds")
            for text in ("0", "-1", "nan", "inf", "3601", "x")
        ),
    ],
)
def test_an_invalid_url_is_rejected_with_the_right_form(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        S3Blobs(url)
    assert "secret" not in str(caught.value)


async def test_a_file_without_certificates_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name, sentence in (("absent.pem", "cannot read ca="), ("empty.pem", "must be a file with PEM certificates")):
        with pytest.raises(ConfigurationError, match=sentence):
            async with S3Blobs(f"s3://pictures?endpoint=https://127.0.0.1:1&ca={tmp_path / name}"):
                pass
