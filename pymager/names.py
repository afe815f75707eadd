"""Ids and variants: the one place that validates what a client puts into a path."""

import re
import secrets
import unicodedata
from dataclasses import dataclass, field

from pymager import formats
from pymager.errors import InvalidName, UnsupportedFormat
from pymager.joiners import JOINER, NON_JOINER, misplaced_joiner

MAX_ID_BYTES = 200
_MAX_LIKE = MAX_ID_BYTES + 1  # characters; a text of so many is too long for an id, also in NFC
ID_CATEGORIES = ("L", "M", "Nd")
"""Unicode's categories of the characters that an id can contain, in addition to `ID_PUNCTUATION`."""
ID_PUNCTUATION = "_-"
_SIDE = "[1-9][0-9]{0,8}"
SIZE_PATTERN = f"{_SIDE}x{_SIDE}"
"""The size in the URL of a variant, as a regular expression. The OpenAPI document contains it too."""
_RULE = f"an id is 1 to {MAX_ID_BYTES} bytes of UTF-8: letters, digits and combining marks of any script, '_' and '-'"
_DERIVED = re.compile(
    rf"(?P<id>.+)-(?P<width>{_SIDE})x(?P<height>{_SIDE})\.(?P<extension>[A-Za-z0-9]{{1,16}})", re.DOTALL
)
_ASCII_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


@dataclass(frozen=True, slots=True)
class Variant:
    """A derived picture as its URL describes it: a size in pixels, and a format that `pymager.formats` can write.

    All code that needs these options takes them from here: names, keys, the size policy, recipes, jobs, `warm`.
    """

    width: int
    height: int
    format: str
    file_name: str = field(init=False, compare=False, repr=False)
    """The last part of the variant's key, and of its URL: `800x600.jpg`."""
    content_type: str = field(init=False, compare=False, repr=False)
    """The media type of its bytes."""

    def __post_init__(self) -> None:
        # Computed once and not for every request: the hot path caches the requested variants.
        format = formats.FORMATS[self.format]
        object.__setattr__(self, "file_name", f"{self.width}x{self.height}.{format.extension}")
        object.__setattr__(self, "content_type", format.content_type)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


def parse_id(text: str) -> str:
    """The id in NFC (Unicode Standard Annex #15). Raises `InvalidName`."""
    if _ASCII_ID.fullmatch(text):
        return text
    if not text:
        raise InvalidName(f"the id is empty; {_RULE}")
    if len(text) > 4 * MAX_ID_BYTES:
        raise InvalidName(f"the id is too long; {_RULE}")
    id = unicodedata.normalize("NFC", text)
    for character in id:
        if character == "%":
            raise InvalidName(f"the id contains '%', or bytes that are not UTF-8; {_RULE}")
        if not is_allowed(character):
            raise InvalidName(f"the id contains the character {_shown(character)}; {_RULE}")
    if len(id.encode()) > MAX_ID_BYTES:
        raise InvalidName(f"the id is {len(id.encode())} bytes long; {_RULE}")
    if (index := misplaced_joiner(id)) is not None:
        raise InvalidName(f"the id contains {_shown(id[index])} where no script needs it; {_RULE}")
    return id


def parse_derived(text: str) -> tuple[str, Variant]:
    """Parse `{id}-{width}x{height}.{extension}`, the part of a URL after `/derived/`. The last `-WxH` is the size.

    Raises `InvalidName`, and `UnsupportedFormat` for an extension that pymager does not write.
    """
    match = _DERIVED.fullmatch(text)
    if match is None:
        raise InvalidName(
            "a variant's URL is /derived/{id}-{width}x{height}.{extension}, such as /derived/cat-800x600.jpg"
        )
    id, extension = parse_id(match["id"]), match["extension"].lower()
    return id, Variant(int(match["width"]), int(match["height"]), _output(extension).name)


def _output(extension: str) -> formats.Format:
    """The output format of an extension in lower case. Raises `UnsupportedFormat`, also if its extra is missing."""
    format = formats.OUTPUTS.get(extension)
    if format is not None and format.is_installed:
        return format
    known = ", ".join(sorted(name for name, row in formats.OUTPUTS.items() if row.is_installed))
    needs = f" without pymager[{format.extra.name}]" if format is not None and format.extra is not None else ""
    raise UnsupportedFormat(f"'{extension}' is not an output format{needs}; output formats: {known}")


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
