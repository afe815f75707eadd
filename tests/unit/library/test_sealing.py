"""Sealed values: only what was put under a key opens, whatever the cache makes of it."""

import secrets
from datetime import UTC, datetime

import pytest

from pymager.library.sealing import OVERHEAD_BYTES, Seal, SealBroken, fits
from pymager.ports import BlobInfo, check_cache_key

KEY = "derived/cat/0123456789abcdef0123456789abcdef/1234/80x60.jpg"
BODY = secrets.token_bytes(300)
INFO = BlobInfo(KEY, len(BODY), 'W"ä-etag', datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC))
SEAL = Seal(b"secret")


def test_a_sealed_variant_opens_with_its_description_and_bytes() -> None:
    for seal in (SEAL, Seal(b"")):
        assert seal.open(KEY, seal.seal(INFO, BODY)) == (INFO, BODY)
        empty = BlobInfo(KEY, 0, "", INFO.modified)
        assert seal.open(KEY, seal.seal(empty, b"")) == (empty, b"")


@pytest.mark.parametrize("seal", [SEAL, Seal(b"")], ids=["secret", "checksum"])
def test_no_flipped_bit_no_length_and_no_other_key_opens(seal: Seal) -> None:
    value = seal.seal(INFO, BODY)
    for place in range(len(value)):
        damaged = bytearray(value)
        damaged[place] ^= 1 << (place % 8)
        with pytest.raises(SealBroken):
            seal.open(KEY, bytes(damaged))
    for damaged in (*(value[:length] for length in range(len(value))), value + b"\0", value[1:], value * 2, bytes(400)):
        with pytest.raises(SealBroken):
            seal.open(KEY, damaged)
    with pytest.raises(SealBroken):
        seal.open(KEY.replace("80x60", "81x60"), value)


def test_what_is_sealed_with_another_secret_does_not_open_and_has_another_name() -> None:
    names = set()
    for seal in (SEAL, Seal(b"other"), Seal(b"")):
        names.add(seal.name(KEY))
        for other in (SEAL, Seal(b"other"), Seal(b"")):
            if other.name(KEY) != seal.name(KEY):
                with pytest.raises(SealBroken):
                    other.open(KEY, seal.seal(INFO, BODY))
    assert len(names) == 3


def test_names_are_keys_of_a_cache_and_do_not_show_the_id() -> None:
    names = {SEAL.name(f"derived/猫-{number}/x/{'y' * 600}.jpg") for number in range(1_000)}
    assert len(names) == 1_000
    for name in names:
        check_cache_key(name)


def test_a_value_is_never_longer_than_its_body_and_the_overhead() -> None:
    info = BlobInfo(KEY, 900, "e" * 1_024, INFO.modified)
    assert len(SEAL.seal(info, bytes(900))) == 900 + OVERHEAD_BYTES
    assert fits(info, 900 + OVERHEAD_BYTES)
    assert not fits(info, 900 + OVERHEAD_BYTES - 1)
    assert not fits(BlobInfo(KEY, 1, "e" * 1_025, INFO.modified), 1_000_000)
