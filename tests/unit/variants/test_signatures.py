"""Signatures: what they cover, where they can stand, how long they are valid, and keys that come and go."""

import base64
import hashlib
import hmac
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymager.errors import SignatureMisused, SignatureRejected
from pymager.variants.signatures import Keyring, Target, parse_target, without_signature

OLD, NEW, OTHER = b"o" * 32, b"n" * 40, b"x" * 32
NOW = 1_800_000_000
PATH = "/derived/cat-800x600.jpg"
TEXT = st.text(st.characters(categories=["L", "N", "P", "S", "Z"], exclude_characters="&#?"), max_size=20)
NAMES = TEXT.filter(lambda name: name.partition("=")[0] not in ("sig", "exp") and "%" not in name)


def keyring(*keys: bytes, now: float = NOW) -> Keyring:
    return Keyring(keys or (NEW,), lambda: now)


def verified(url: str, keys: Keyring | None = None) -> int | None:
    return (keys or keyring()).verify(parse_target(url))


def by_hand(key: bytes, text: str) -> str:
    return base64.urlsafe_b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()[:43]


@pytest.mark.parametrize(
    ("target", "covered"),
    [
        (PATH, f"{PATH}?"),
        (f"{PATH}?", f"{PATH}?"),
        (f"{PATH}?fit=inside&q=70", f"{PATH}?fit=inside&q=70"),
        (f"{PATH}?q=70&&fit=inside&", f"{PATH}?q=70&&fit=inside&"),
        (f"{PATH}?v=%7e&v=%7E&v=", f"{PATH}?v=%7e&v=%7E&v="),
        (f"{PATH}?exp=1900000000&q=7", f"{PATH}?exp=1900000000&q=7"),
        (f"{PATH}?a=b?c", f"{PATH}?a=b?c"),
    ],
)
def test_a_signature_covers_the_path_and_the_other_parameters_as_they_stand(target: str, covered: str) -> None:
    signed = keyring().sign(target)
    assert signed.rpartition("sig=")[2] == by_hand(NEW, covered)
    assert signed.rpartition("sig=")[0].rstrip("&?") == target.rstrip("&?")
    assert verified(signed) == (1_900_000_000 if "exp=" in target else None)


@given(TEXT, st.lists(NAMES, max_size=4))
def test_what_is_signed_verifies_and_nothing_else_does(path: str, parameters: list[str]) -> None:
    target = f"/{quote(path)}?{'&'.join(parameters)}"
    signed = keyring().sign(target)
    assert verified(signed) is None
    assert parse_target(signed).parameters == "&".join(parameters)
    signature = signed.rpartition("sig=")[2]
    for changed in (f"{target[1:]}", f"{target}&v=1", f"/x{target}", target.replace("?", "a?", 1)):
        with pytest.raises(SignatureRejected, match="is wrong"):
            verified(f"{changed}&sig={signature}")


def test_the_parameters_of_a_variant_are_those_without_exp_and_sig() -> None:
    assert parse_target(f"{PATH}?fit=inside&exp=5&&q=7&sig=x") == Target(
        PATH, "fit=inside&&q=7", f"{PATH}?fit=inside&exp=5&&q=7", "5", "x"
    )
    assert parse_target(f"{PATH}?fit=inside&sigma=1&expand=2") == Target(
        PATH, "fit=inside&sigma=1&expand=2", f"{PATH}?fit=inside&sigma=1&expand=2", None, None
    )
    assert parse_target(PATH) == Target(PATH, "", f"{PATH}?", None, None)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sig=a&sig=b", "'sig' must be the last parameter"),
        ("sig=a&q=7", "'sig' must be the last parameter"),
        ("sig=a&", "'sig' must be the last parameter"),
        ("sig&q=7", "'sig' must be the last parameter"),
        ("exp=1&exp=1&sig=a", "the parameter 'exp' is repeated"),
        ("exp=1&exp=2", "the parameter 'exp' is repeated"),
        ("exp=1", "'exp' is only allowed in a signed URL"),
        ("exp", "'exp' is only allowed in a signed URL"),
        ("s%69g=a", "the name of the parameter 'sig' must not be percent-encoded"),
        ("%65xp=1&sig=a", "the name of the parameter 'exp' must not be percent-encoded"),
    ],
)
def test_a_signature_in_the_wrong_place_is_misused(query: str, said: str) -> None:
    with pytest.raises(SignatureMisused, match=said):
        parse_target(f"{PATH}?{query}")


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "a",
        "a" * 42,
        "a" * 44,
        "a" * 42 + "=",
        "a" * 43 + "=",
        "a" * 42 + "/",
        "%61" + "a" * 42,
        "ä" * 43,
        "a" * 8_000,
    ],
)
def test_a_malformed_signature_is_rejected(signature: str) -> None:
    with pytest.raises(SignatureRejected, match="the signature is malformed: 'sig' must be 43 characters"):
        verified(f"{PATH}?sig={signature}")


def test_a_signature_has_only_one_spelling() -> None:
    """The last character of 43 encodes four bits: a decoder that ignores the other two would take four spellings."""
    signed = keyring().sign(PATH)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    number = alphabet.index(signed[-1])
    assert number % 4 == 0
    for other in alphabet[number + 1 : number + 4]:
        with pytest.raises(SignatureRejected, match="is wrong"):
            verified(signed[:-1] + other)


@pytest.mark.parametrize(("seconds", "is_valid"), [(-1, True), (-0.001, True), (0, False), (0.001, False), (1, False)])
def test_a_signature_is_valid_until_just_before_its_expiry(seconds: float, is_valid: bool) -> None:
    signed = keyring().sign(f"{PATH}?exp={NOW}")
    keys = keyring(now=NOW + seconds)
    if is_valid:
        assert verified(signed, keys) == NOW
    else:
        with pytest.raises(SignatureRejected, match=r"the signature expired at 2027-01-15T08:00:00Z"):
            verified(signed, keys)


@pytest.mark.parametrize(
    "expiry", ["", "soon", "-1", "+1900000000", "01900000000", "1.9e9", "1900000000.0", "1" * 13, "１９"]
)
def test_a_malformed_expiry_is_rejected_even_if_it_is_signed(expiry: str) -> None:
    with pytest.raises(SignatureRejected, match="'exp' must be a time in whole seconds since 1970, got"):
        verified(keyring().sign(f"{PATH}?exp={expiry}"))


def test_the_largest_expiry_is_accepted() -> None:
    assert verified(keyring().sign(f"{PATH}?exp={'9' * 12}")) == 999_999_999_999
    with pytest.raises(SignatureRejected, match="expired at 1970"):
        verified(keyring().sign(f"{PATH}?exp=0"))


def test_a_wrong_signature_is_said_to_be_wrong_whatever_its_expiry() -> None:
    for expiry in (f"{NOW - 1}", f"{NOW + 1}", "soon"):
        with pytest.raises(SignatureRejected, match="the signature is wrong"):
            verified(f"{PATH}?exp={expiry}&sig={'a' * 43}")


def test_of_several_keys_the_first_signs_and_all_verify() -> None:
    with_old, both, with_new = keyring(OLD), keyring(NEW, OLD), keyring(NEW)
    before, after = with_old.sign(PATH), both.sign(PATH)
    assert after == with_new.sign(PATH) != before
    assert verified(before, both) is verified(after, both) is None
    with pytest.raises(SignatureRejected):
        verified(before, with_new)
    with pytest.raises(SignatureRejected):
        verified(after, with_old)


def test_every_key_is_compared_also_after_one_has_matched(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    signed = keyring(NEW).sign(PATH)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    for keys in (keyring(NEW, OLD, OTHER), keyring(OLD, OTHER, NEW)):
        compared.clear()
        assert verified(signed, keys) is None
        assert len(compared) == 3
        assert {other for _, other in compared} == {signed.rpartition("sig=")[2]}


def test_the_absolute_form_has_the_same_signature_and_a_fragment_is_ignored() -> None:
    signed = keyring().sign(f"{PATH}?q=7")
    assert verified(f"http://img.example.org:8000{signed}") is None
    assert verified(f"{signed}#part") is None
    assert parse_target(f"{PATH}#a?sig=b") == Target(PATH, "", f"{PATH}?", None, None)


def test_bytes_that_are_not_utf8_are_signed_as_they_were_received() -> None:
    path = b"/derived/caf\xe9-1x1.jpg"
    received = path.decode("utf-8", "surrogateescape")
    text = base64.urlsafe_b64encode(hmac.digest(NEW, path + b"?", "sha256")).decode()[:43]
    assert verified(f"{received}?sig={text}") is None


@pytest.mark.parametrize(
    ("target", "logged"),
    [
        (PATH, PATH),
        (f"{PATH}?q=7", f"{PATH}?q=7"),
        (f"{PATH}?sig=SECRET", f"{PATH}?sig=***"),
        (f"{PATH}?q=7&exp=5&sig=SECRET", f"{PATH}?q=7&exp=5&sig=***"),
        (f"{PATH}?sig=SECRET&q=7&sig=SECRET#sig=x", f"{PATH}?sig=***&q=7&sig=***#sig=x"),
        (f"{PATH}?SIG=SECRET&%73%69%67=SECRET&s%49G=SECRET", f"{PATH}?SIG=***&%73%69%67=***&s%49G=***"),
        (f"{PATH}?sigma=1&xsig=2&sig=", f"{PATH}?sigma=1&xsig=2&sig="),
        (f"http://host{PATH}?sig=SECRET", f"http://host{PATH}?sig=***"),
        (f"{PATH}%3Fsig=SECRET", f"{PATH}%3Fsig=***"),
        (f"{PATH}%3fq%3d7%26sig%3dSECRET", f"{PATH}%3fq%3d7%26sig%3d***"),
        (f"{PATH}?sig%3DSECRET&q=7", f"{PATH}?sig%3D***&q=7"),
    ],
)
def test_a_url_is_logged_without_its_signature(target: str, logged: str) -> None:
    assert without_signature(target) == logged
