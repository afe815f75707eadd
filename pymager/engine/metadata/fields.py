"""The fields that a variant can keep."""

from collections.abc import Iterable
from dataclasses import dataclass

_MAX_CHARACTERS = 1_000
_MAX_CREATORS = 20


@dataclass(frozen=True, slots=True)
class Copyright:
    """Who made a picture, who has which rights, and whom to credit; empty where it is not said.

    `terms` are properties of XMP's rights schema and their values, such as `UsageTerms`. Make one with `of`, which
    bounds its texts.
    """

    creators: tuple[str, ...] = ()
    rights: str = ""
    credit: str = ""
    terms: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls,
        creators: str | Iterable[str] = (),
        rights: str = "",
        credit: str = "",
        terms: Iterable[tuple[str, str]] = (),
    ) -> "Copyright":
        """A value from texts of any length. Several creators in one text are separated by semicolons (MWG 2.0)."""
        names = creators.split(";") if isinstance(creators, str) else creators
        cleaned = tuple(filter(None, (_cleaned(name) for name in names)))[:_MAX_CREATORS]
        kept = tuple((name, text) for name, value in terms if (text := _cleaned(value)))
        return cls(cleaned, _cleaned(rights), _cleaned(credit), kept)

    def __bool__(self) -> bool:
        return bool(self.creators or self.rights or self.credit or self.terms)


NO_COPYRIGHT = Copyright()


def _cleaned(text: str) -> str:
    """One line without control characters, and not too long."""
    words = "".join(character if character.isprintable() else " " for character in text[: 4 * _MAX_CHARACTERS]).split()
    return " ".join(words)[:_MAX_CHARACTERS]


def decoded(data: bytes) -> str:
    """Text in UTF-8, or else in Latin-1: what cameras and editors write where ASCII is specified."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
