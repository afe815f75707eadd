"""The types of the settings that are credentials: users, tokens, and the keys of signatures."""

import base64
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, SecretBytes, ValidationInfo

from pymager import passwords
from pymager.settings.messages import shortened
from pymager.settings.types import Pairs, words
from pymager.variants.signatures import MIN_KEY_BYTES

_HEX_KEY = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_KEYS = f"keys of at least {MIN_KEY_BYTES} bytes in hexadecimal or base64, separated by spaces; make one with: "
_KEYS += f"openssl rand -hex {MIN_KEY_BYTES}"


def _check_users(users: dict[str, str]) -> dict[str, str]:
    for name, hash in users.items():
        try:
            passwords.check_hash(hash)
        except ValueError:
            raise ValueError(
                f"the hash of user {shortened(name)} must be an argon2 hash; make one with: pymager hash-password"
            ) from None
        if not name or ":" in name:
            raise ValueError(f"a user's name must not be empty or contain ':', got {shortened(name)}")
    return users


def _check_tokens(tokens: dict[str, str]) -> dict[str, str]:
    for name, hash in tokens.items():
        if not re.fullmatch(r"[0-9a-f]{64}", hash):
            raise ValueError(
                f"the hash of token {shortened(name)} must be the token's SHA-256: 64 lowercase hexadecimal digits"
            )
    return tokens


def _keys(value: object) -> object:
    """The keys as bytes. No message shows a key."""
    items = words(value)
    if not isinstance(items, list | tuple):
        return value
    return tuple(_key(word, number) for number, word in enumerate(items, 1))


def _key(word: object, number: int) -> bytes:
    try:
        key = _decoded_key(word) if isinstance(word, str) else b""
    except ValueError:  # also binascii.Error
        raise ValueError(f"must be {_KEYS}; key {number} is neither") from None
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"must be {_KEYS}; key {number} has {len(key)} bytes")
    return key


def _decoded_key(text: str) -> bytes:
    """A key in hexadecimal, or in base64: either alphabet, with or without padding (RFC 4648 sections 4 and 5).

    What has only hexadecimal digits is not base64: a digit that was lost must not make another key of it.
    """
    if _HEX_KEY.fullmatch(text):
        return bytes.fromhex(text)
    digits = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)


def default_mode(others: dict[str, object]) -> Literal["optional", "off"]:
    """How signatures are used if the setting is not given."""
    return "optional" if others.get("signing_keys") else "off"


def _check_mode(mode: str, others: ValidationInfo) -> str:
    if mode != "off" and others.data.get("signing_keys") == ():
        raise ValueError(f"must be off unless PYMAGER_SIGNING_KEYS has a key, got {shortened(mode)}")
    return mode


Users = Annotated[Pairs, AfterValidator(_check_users)]
Tokens = Annotated[Pairs, AfterValidator(_check_tokens)]
SigningKeys = Annotated[tuple[SecretBytes, ...], BeforeValidator(_keys)]
SignatureMode = Annotated[Literal["optional", "required", "off"], AfterValidator(_check_mode)]
