"""Ids: the one place that says what an id is."""

import re
import secrets
import unicodedata

from pymager.errors import InvalidName
from pymager.joiners import JOINER, NON_JOINER, misplaced_joiner

MAX_ID_BYTES = 200
_MAX_LIKE = MAX_ID_BYTES + 1  # characters; a text of so many is too long for an id, also in NFC
ID_CATEGORIES = ("L", "M", "Nd")
"""Unicode's categories of the characters that an id can contain, in addition to `ID_PUNCTUATION`."""
ID_PUNCTUATION = "_-"
_RULE = f"an id is 1 to {MAX_ID_BYTES} bytes of UTF-8: letters, digits and combining marks of any script, '_' and '-'"
_ASCII_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


def parse_id(text: str) -> str:
    """The id in NFC (Unicode Standard Annex #15). Raises `InvalidName`."""
    if _ASCII_ID.fullmatch(text):
        return text
    if not text:
        raise InvalidName(f"the id is empty; {_RULE}")
    id = _normalized(text, "id")
    if (index := misplaced_joiner(id)) is not None:
        raise InvalidName(f"the id contains {_shown(id[index])} where no script needs it; {_RULE}")
    return id


def parse_prefix(text: str) -> str:
    """The beginning of ids, in NFC; empty for all of them. Raises `InvalidName` for what no id begins with."""
    return _normalized(text, "prefix")


def _normalized(text: str, what: str) -> str:
    """The text in NFC. Raises `InvalidName`, which says `what` the text is, if no id begins with it."""
    if len(text) > 4 * MAX_ID_BYTES:
        raise InvalidName(f"the {what} is too long; {_RULE}")
    normal = unicodedata.normalize("NFC", text)
    for character in normal:
        if character == "%":
            raise InvalidName(f"the {what} contains '%', or bytes that are not UTF-8; {_RULE}")
        if not is_allowed(character):
            raise InvalidName(f"the {what} contains the character {_shown(character)}; {_RULE}")
    if len(normal.encode()) > MAX_ID_BYTES:
        raise InvalidName(f"the {what} is {len(normal.encode())} bytes long; {_RULE}")
    return normal


def new_id() -> str:
    """A new random id, 128 bits."""
    return secrets.token_hex(16)


def new_revision() -> str:
    """A new random revision, 128 bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def id_like(text: str) -> str:
    """The text in NFC, with `_` for everything that an id cannot contain."""
    id = "".join(
        character if is_allowed(character) else "_" for character in unicodedata.normalize("NFC", text[:_MAX_LIKE])
    )
    while (index := misplaced_joiner(id)) is not None:
        id = f"{id[:index]}_{id[index + 1 :]}"
    return id


def is_allowed(character: str) -> bool:
    """Whether an id can contain this character, in some place."""
    return (
        unicodedata.category(character).startswith(ID_CATEGORIES)
        or character in ID_PUNCTUATION
        or character in (NON_JOINER, JOINER)
    )


def _shown(character: str) -> str:
    return f"'{character}'" if character.isprintable() and character != "'" else f"U+{ord(character):04X}"
