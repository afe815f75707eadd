"""`pymager sign`: which URLs it signs, how it encodes them, and what it refuses."""

import re
import time
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pymager import cli
from pymager.errors import (
    ConfigurationError,
    InvalidName,
    InvalidOption,
    SignatureMisused,
    SizeNotAllowed,
    UnknownPreset,
    UnsupportedFormat,
)
from pymager.operations.sign import sign
from pymager.settings.model import Settings
from pymager.variants.signatures import Keyring, parse_target

KEY = bytes(range(32))
PUBLIC_URL = "https://img.example.org/pictures"


def settings(**changes: Any) -> Settings:
    return Settings(**{"signing_keys": f"{KEY.hex()} {'ab' * 32}", "presets": "small:80x60"} | changes)


def signed(url: str, **changes: Any) -> str:
    return sign(settings(**changes), url)


@pytest.mark.parametrize(
    ("url", "encoded"),
    [
        ("/derived/cat-800x600.jpg", "/derived/cat-800x600.jpg?"),
        ("/derived/cat-800x600.jpg?", "/derived/cat-800x600.jpg?"),
        ("/derived/cat-800x.jpg?fit=inside&q=70", "/derived/cat-800x.jpg?fit=inside&q=70&"),
        ("/derived/cat@small.auto?dpr=2", "/derived/cat@small.auto?dpr=2&"),
        ("/original/cat", "/original/cat?"),
        ("/info/cat", "/info/cat?"),
        ("/original/café", "/original/caf%C3%A9?"),
        ("/original/cafe\u0301", "/original/cafe%CC%81?"),
        ("/original/%e7%8c%AB", "/original/%e7%8c%AB?"),
        ("/original/猫?v=a  b", "/original/%E7%8C%AB?v=a%20%20b&"),
        ("/original/cat?v=ü&v=&&v=%c3%bc", "/original/cat?v=%C3%BC&v=&&v=%c3%bc&"),
        (
            "/derived/cat-8x6.jpg?gravity=0.3,0.75&v=a?b/c:@!$'()*+;",
            "/derived/cat-8x6.jpg?gravity=0.3,0.75&v=a?b/c:@!$'()*+;&",
        ),
        ('/original/cat?v="<>\\^`{|}', "/original/cat?v=%22%3C%3E%5C%5E%60%7B%7C%7D&"),
    ],
)
def test_a_path_is_percent_encoded_where_needed_and_signed_as_it_then_stands(url: str, encoded: str) -> None:
    result = signed(url)
    assert re.fullmatch(rf"{re.escape(encoded)}sig=[A-Za-z0-9_-]{{43}}", result)
    assert Keyring([KEY]).verify(parse_target(result)) is None
    assert result.isascii()


def test_a_whole_url_is_signed_without_its_base() -> None:
    path = "/derived/cat-800x600.jpg?q=7"
    expected = signed(path)
    assert signed(f"{PUBLIC_URL}{path}", public_url=PUBLIC_URL) == f"{PUBLIC_URL}{expected}"
    assert signed(path, public_url=PUBLIC_URL) == expected
    assert signed(f"http://127.0.0.1:8000{path}") == f"http://127.0.0.1:8000{expected}"


def test_an_expiry_is_counted_from_now() -> None:
    before = int(time.time())
    for url in ("/info/cat", "/info/cat?v=1"):
        result = sign(settings(), url, 3_600)
        expires = Keyring([KEY]).verify(parse_target(result))
        assert expires is not None
        assert before + 3_600 <= expires <= time.time() + 3_600
        assert f"{'&' if 'v=' in url else '?'}exp={expires}&sig=" in result


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("/original", InvalidName, "only URLs of variants, originals and /info can be signed"),
        ("/original/", InvalidName, "only URLs of variants, originals and /info"),
        ("/original/a/b", InvalidName, "only URLs of variants, originals and /info"),
        ("/healthz", InvalidName, "got '/healthz'"),
        ("/pictures/original/cat", InvalidName, "only URLs of variants, originals and /info"),
        ("original/cat", InvalidName, "only URLs of variants, originals and /info"),
        ("cat", InvalidName, "only URLs of variants, originals and /info"),
        ("", InvalidName, "only URLs of variants, originals and /info"),
        ("//evil/original/cat", InvalidName, "only URLs of variants, originals and /info"),
        ("https://img.example.org/original/cat", InvalidName, f"must start with {PUBLIC_URL}/"),
        (f"{PUBLIC_URL}x/original/cat", InvalidName, f"must start with {PUBLIC_URL}/"),
        (f"{PUBLIC_URL}/healthz", InvalidName, "only URLs of variants"),
        ("/original/cat#part", InvalidName, "must not contain '#'"),
        ("/original/\udcff", InvalidName, "must be UTF-8"),
        ("/original/100%", InvalidName, "'%' that is not followed by two hexadecimal digits"),
        ("/original/cat?v=%g1", InvalidName, "'%' that is not followed by two hexadecimal digits"),
        ("/original/a%20cat", InvalidName, "the id contains the character ' '"),
        ("/info/a cat", InvalidName, "the id contains the character ' '"),
        ("/derived/cat.jpg", InvalidName, "a variant's URL is /derived/"),
        ("/derived/cat-8x6.doc", UnsupportedFormat, "'doc' is not an output format"),
        ("/derived/cat-8x6.jpg?w=1", InvalidOption, "'w' is not an option"),
        ("/derived/cat-8x6.jpg?q=500", InvalidOption, "q takes"),
        ("/derived/cat-8x6.jpg?v=1&q=7&q=8", InvalidOption, "q is given more than once"),
        ("/derived/cat@large.jpg", UnknownPreset, "there is no preset 'large'"),
        ("/derived/cat-5000x6.jpg", SizeNotAllowed, "5000x6 is too large"),
        ("/original/cat?sig=a", SignatureMisused, "already has the parameter 'sig'"),
        ("/original/cat?sig", SignatureMisused, "already has the parameter 'sig'"),
        ("/original/cat?exp=5", SignatureMisused, "already has the parameter 'exp'"),
        ("/original/cat?exp=5&sig=a", SignatureMisused, "already has the parameter 'sig'"),
        ("/original/cat?s%69g=a", SignatureMisused, "must not be percent-encoded"),
    ],
)
def test_what_cannot_be_signed_is_refused_with_a_reason(url: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=re.escape(said)):
        signed(url, public_url=PUBLIC_URL)


def test_without_a_key_or_with_signatures_off_nothing_is_signed() -> None:
    with pytest.raises(ConfigurationError, match="PYMAGER_SIGNING_KEYS: must have a key"):
        signed("/original/cat", signing_keys="")
    with pytest.raises(ConfigurationError, match="PYMAGER_SIGNATURES: must not be off"):
        signed("/original/cat", signatures="off")


def run(*arguments: str, **environ: str) -> Result:
    env = {"PYMAGER_SIGNING_KEYS": KEY.hex()} | environ
    return CliRunner().invoke(cli.program, ["sign", *arguments], env=env)


def test_the_command_prints_the_signed_url() -> None:
    done = run("/original/café")
    assert (done.exit_code, done.output) == (0, f"{signed('/original/café')}\n")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800)])
def test_the_command_takes_times_with_units(text: str, seconds: int) -> None:
    before = int(time.time())
    done = run("/original/cat", "--expires", text)
    match = re.search(r"exp=([0-9]+)&sig=", done.output)
    assert match is not None, done.output
    assert before + seconds <= int(match[1]) <= time.time() + seconds


@pytest.mark.parametrize("text", ["", "1", "0s", "1w", "1.5h", "-1h", "1h30m", "99999d", "9999999999d", "１h", "1H"])
def test_the_command_refuses_other_times(text: str) -> None:
    done = run("/original/cat", "--expires", text)
    assert done.exit_code == 2
    assert "such as 90s, 15m, 1h or 7d" in done.output


def test_the_command_names_what_is_wrong_and_shows_no_key() -> None:
    for done, said in (
        (run("/healthz"), "Invalid value for 'URL': only URLs of variants"),
        (run("/original/cat?sig=a"), "Invalid value for 'URL': already has"),
        (run("/original/cat", PYMAGER_SIGNING_KEYS=""), "pymager: PYMAGER_SIGNING_KEYS: must have a key"),
        (run("/original/cat", PYMAGER_SIGNATURES="off"), "pymager: PYMAGER_SIGNATURES: must not be off"),
        (run("/original/cat", PYMAGER_SIGNING_KEYS="hunter2"), "pymager: PYMAGER_SIGNING_KEYS: must be keys"),
    ):
        assert done.exit_code == 2
        assert said in " ".join(done.output.split())
        assert not any(secret in done.output for secret in (KEY.hex(), "hunter2", "Traceback"))
