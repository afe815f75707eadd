"""What a key of a blob store or of a cache is. All stores share one grammar."""

import re
import unicodedata

from pymager.joiners import JOINER, NON_JOINER, misplaced_joiner, without_open_joiner

MAX_KEY_BYTES = 700
MAX_KEY_SEGMENT_BYTES = 255
_KEY_PUNCTUATION = f"_-.{NON_JOINER}{JOINER}"
_CACHE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ASCII_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\.+[A-Za-z0-9_-]+)*(?:/[A-Za-z0-9_-]+(?:\.+[A-Za-z0-9_-]+)*)*")


def check_key(key: str) -> None:
    """Check a blob's key against the grammar that every store shares. Raises `ValueError`.

    A key is relative: segments joined by `/`, `MAX_KEY_BYTES` of UTF-8 in all. A segment is 1 to
    `MAX_KEY_SEGMENT_BYTES` bytes of letters, combining marks and decimal digits of any script (Unicode general
    categories L, M and Nd), `_`, `-` and `.`, and neither starts nor ends with a `.`. U+200C and U+200D are allowed
    where a script needs them (`pymager.joiners`). No key can name a path outside the store.
    """
    if len(key) <= MAX_KEY_SEGMENT_BYTES and _ASCII_KEY.fullmatch(key):
        return
    for segment in key.split("/"):
        if not is_key_segment(segment):
            raise ValueError(f"invalid blob key {key!r}: invalid segment {segment!r}")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"invalid blob key {key!r}: longer than {MAX_KEY_BYTES} bytes")


def check_key_prefix(prefix: str) -> None:
    """Check that a key can start with `prefix`. Raises `ValueError`."""
    whole = without_open_joiner(prefix)
    if whole != prefix:
        check_key(whole)
    elif prefix:
        check_key(prefix[:-1] if prefix.endswith("/") else prefix.rstrip("."))


def check_cache_key(key: str) -> None:
    """Check a key of a cache: 1 to 64 letters and digits of ASCII, `_` and `-`. Raises `ValueError`."""
    if not _CACHE_KEY.fullmatch(key):
        raise ValueError(f"invalid key of a cache: {key[:100]!r}")


def is_key_segment(text: str) -> bool:
    """Whether a key can have this segment."""
    return (
        text != ""
        and text[0] != "."
        and text[-1] != "."
        and all(map(_is_key_character, text))
        and len(text.encode()) <= MAX_KEY_SEGMENT_BYTES
        and misplaced_joiner(text) is None
    )


def _is_key_character(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character in _KEY_PUNCTUATION
