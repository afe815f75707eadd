"""The options of a variant as query parameters of the OpenAPI document: one for each row of the table of options."""

import re
from typing import Any

from pymager.variants.grammar import IGNORED
from pymager.variants.options import OPTIONS, Option

_CLASS_OR_LETTER = re.compile(r"\[[^\]]*\]|[A-Za-z]")
_LETTER = re.compile(r"[A-Za-z]")


def any_case(pattern: str) -> str:
    """The regular expression with each letter in both cases. Its character classes stay as they are."""

    def both(match: re.Match[str]) -> str:
        text = match[0]
        return text if text.startswith("[") else f"[{text.lower()}{text.upper()}]"

    return _CLASS_OR_LETTER.sub(both, pattern)


def _parameter(option: Option) -> dict[str, Any]:
    return {
        "name": option.name,
        "in": "query",
        "description": f"Takes {option.takes}." + (" Not case-sensitive." if _LETTER.search(option.pattern) else ""),
        "schema": {
            "type": "string",
            "format": f"option-{option.name}",
            "pattern": f"^({any_case(option.pattern)})$",
        },
    }


OPTION_PARAMETERS: list[dict[str, Any]] = [
    *map(_parameter, OPTIONS),
    {
        "name": IGNORED,
        "in": "query",
        "description": "Ignored. Change it to bypass a cache.",
        "schema": {"type": "string", "format": "option-v"},
    },
]
"""The parameters, in the order of the table."""
