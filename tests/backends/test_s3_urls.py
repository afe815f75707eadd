"""What an s3 URL may say."""

from pathlib import Path

import pytest

from pymager.errors import ConfigurationError
from pymager_s3 import S3Blobs, address


def test_what_is_left_out_has_the_defaults_of_aws() -> None:
    found = address.read("s3://pictures")
    assert found == address.Address("pictures", "", None, None, True, None, None, 10.0)


def test_everything_can_be_said() -> None:
    url = (
        "s3://my.pictures/some/where/?endpoint=https://s3.example.org:9000/&region=eu-west-1&style=virtual"
        "&ca=/etc/ca.pem&profile=images&timeout=2.5"
    )
    assert address.read(url) == address.Address(
        *("my.pictures", "some/where/", "https://s3.example.org:9000", "eu-west-1", True, "/etc/ca.pem", "images", 2.5)
    )


@pytest.mark.parametrize("url", ["s3://my.pictures", "s3://pictures?endpoint=http://127.0.0.1:9000"])
def test_a_bucket_stands_in_the_path_where_its_name_can_not_be_a_host(url: str) -> None:
    assert not address.read(url).is_virtual


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("s3:pictures", "name of a bucket"),
        ("s3://", "name of a bucket"),
        ("s3://Pictures", "name of a bucket"),
        ("s3://ab", "name of a bucket"),
        ("s3://a..b", "name of a bucket"),
        ("s3://10.0.0.1", "name of a bucket"),
        ("s3://-pictures", "name of a bucket"),
        ("s3://pictures:80", "name of a bucket"),
        (f"s3://{'p' * 64}", "name of a bucket"),
        ("s3://[::1", "is not a URL"),
        ("s3://pictures//", "prefix"),
        ("s3://pictures/a//b", "can't be a part of the prefix"),
        ("s3://pictures/../b", "can't be a part of the prefix"),
        ("s3://pictures/a%20b", "can't be a part of the prefix"),
        (f"s3://pictures/{'p' * 256}", "can't be a part of the prefix"),
        (f"s3://pictures/{'p' * 200}/{'p' * 200}", "longer than 300 bytes"),
        ("s3://pictures#a", "fragment"),
        ("s3://key:secret@pictures", "no credentials"),
        ("s3://pictures?bucket=a", "it knows: ca, endpoint, profile, region, style, timeout"),
        ("s3://pictures?region", "is not a URL"),
        ("s3://pictures?region=a&region=b", "more than once"),
        ("s3://pictures?region=", "not a region"),
        ("s3://pictures?style=both", "path or virtual"),
        ("s3://pictures?ca=here.pem", "absolute path"),
        ("s3://pictures?endpoint=127.0.0.1:9000", "http://HOST:PORT"),
        ("s3://pictures?endpoint=ftp://127.0.0.1", "http://HOST:PORT"),
        ("s3://pictures?endpoint=http://127.0.0.1:99999", "http://HOST:PORT"),
        ("s3://pictures?endpoint=http://127.0.0.1/path", "http://HOST:PORT"),
        ("s3://pictures?endpoint=http://key:secret@127.0.0.1", "http://HOST:PORT"),
        *((f"s3://pictures?timeout={text}", "a number of seconds") for text in ("0", "-1", "nan", "inf", "3601", "x")),
    ],
)
def test_what_can_not_be_right_is_refused_with_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        S3Blobs(url)
    assert "secret" not in str(caught.value)


async def test_certificates_that_are_none_are_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name, sentence in (("absent.pem", "can't be read"), ("empty.pem", "no certificate")):
        with pytest.raises(ConfigurationError, match=sentence):
            async with S3Blobs(f"s3://pictures?endpoint=https://127.0.0.1:1&ca={tmp_path / name}"):
                pass
