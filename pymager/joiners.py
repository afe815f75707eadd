"""Where an identifier can contain U+200C and U+200D: Unicode Standard Annex #31, section 2.3.

Persian and some other languages cannot be written without the zero width non-joiner, and scripts of South Asia need
both. They are invisible, so anywhere else they would make ids that look the same.
"""

import re
import unicodedata

import idna

NON_JOINER, JOINER = "\u200c", "\u200d"
_VIRAMA = 9  # the canonical combining class
# Classes of characters: a letter (the annex's $L), a virama ($V), another nonspacing mark ($M) with a combining class
# ($M1) or without one, any other mark.
_LETTER, _VIRAMA_SIGN, _ORDERED_MARK, _OTHER_MARK, _SPACING_MARK = "LVMNS"
_CONJUNCT_BEFORE = re.compile("(L)[NMV]*(V)[MV]*$")
_LETTER_AFTER = re.compile("[MV]*(L)")
_MARK_AFTER = re.compile("[NMVS]")
_NEXT_LETTER = re.compile("[NMVS]*(L)")
_LAST_LETTER = re.compile("(L)[NMVS]*$")
_OPEN_JOINER = re.compile("J[NMVS]*$")


def has_joiner(text: str) -> bool:
    """Whether the text contains one of the two characters."""
    return NON_JOINER in text or JOINER in text


def misplaced_joiner(text: str) -> int | None:
    """The index of the first joiner that has no effect where it is; None if there is none.

    The text is in NFC, and shorter than 1,024 characters.
    """
    if not has_joiner(text):
        return None
    classes = "".join(map(_class, text))
    return next((i for i, kind in enumerate(classes) if kind == "J" and not _is_allowed(text, classes, i)), None)


def without_open_joiner(text: str) -> str:
    """The text up to its last joiner if only marks follow it: with more text it can be allowed."""
    match = _OPEN_JOINER.search("".join(map(_class, text))) if has_joiner(text) else None
    return text if match is None else text[: match.start()]


def _is_allowed(text: str, classes: str, index: int) -> bool:
    conjunct = _CONJUNCT_BEFORE.search(classes[:index])
    if text[index] == JOINER:  # rule B; the vowel signs that it forbids are marks
        return _are_of_one_script(text, conjunct, None) and not _MARK_AFTER.match(classes, index + 1)
    if conjunct is not None:  # rule A2
        after = _LETTER_AFTER.match(classes, index + 1)
        return after is not None and _are_of_one_script(text, conjunct, after)
    # Rule A1. RFC 5892 appendix A.1 is the same rule, and `idna` has the joining types.
    after = _NEXT_LETTER.match(classes, index + 1)
    return (
        after is not None
        and _are_of_one_script(text, _LAST_LETTER.search(classes[:index]), after)
        and bool(idna.valid_contextj(text, index))
    )


def _are_of_one_script(text: str, before: re.Match[str] | None, after: re.Match[str] | None) -> bool:
    """Whether the letters and signs in the groups of the matches have one script. False without a first match."""
    if before is None:
        return False
    places = [match.start(group) for match in (before, after) if match for group in range(1, len(match.groups()) + 1)]
    scripts = {_script(text[place]) for place in places}
    return len(scripts) == 1 and "" not in scripts


def _script(character: str) -> str:
    """The first word of the character's name, which is the name of its script or begins it."""
    return unicodedata.name(character, "").partition(" ")[0]


def _class(character: str) -> str:
    if character in (NON_JOINER, JOINER):
        return "J"
    category, combining = unicodedata.category(character), unicodedata.combining(character)
    if combining == _VIRAMA:
        return _VIRAMA_SIGN
    if category == "Mn":
        return _ORDERED_MARK if combining else _OTHER_MARK
    if category[0] == "M":
        return _SPACING_MARK
    return _LETTER if category[0] == "L" else "O"
