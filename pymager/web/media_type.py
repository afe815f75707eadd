"""Parses the Content-Type of an upload: its media type, and the boundary of a form.

The Content-Type of a variant comes from the row of its format (`pymager.formats`).
"""

import re

_MAX_BOUNDARY_CHARACTERS = 70  # RFC 2046 section 5.1.1
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110 section 5.6.2
# One parameter with the semicolon before it. A value without quotation marks ends at the next semicolon: clients also
# send characters that need quotation marks (RFC 2045 section 5.1), as in Java mail's `boundary=----=_Part_0_8.16`.
_PARAMETER = re.compile(rf';\s*(?:({_NAME})\s*=\s*("(?:[^"\\]|\\.)*"\s*|[^;"]*))?')
_QUOTED_PAIR = re.compile(r"\\(.)")
_BOUNDARY = re.compile(rf"[!-~](?:[ -~]{{0,{_MAX_BOUNDARY_CHARACTERS - 2}}}[!-~])?")


def media_type(content_type: str) -> str:
    """The media type in lower case, without parameters."""
    # Not by aiohttp's `content_type`: Python's mail parser takes a second for 8 KB of quotation marks.
    return content_type.partition(";")[0].strip().lower()


def boundary(content_type: str) -> str:
    """The boundary of a multipart body (RFC 2046 section 5.1.1). Raises `ValueError` with a message for the client.

    More characters than the RFC's are accepted, because clients send them: all printable ASCII characters, and spaces
    between quotation marks.
    """
    found = [value for name, value in _parameters(content_type) if name == "boundary"]
    if len(found) != 1:
        raise ValueError(f"the Content-Type must have one boundary, but it has {len(found) or 'none'}")
    value = found[0]
    quoted = value.startswith('"')
    if quoted:
        value = _QUOTED_PAIR.sub(r"\1", value[1:-1])
    if not _BOUNDARY.fullmatch(value) or (" " in value and not quoted):
        raise ValueError(f"the boundary in Content-Type must be 1 to {_MAX_BOUNDARY_CHARACTERS} printable characters")
    return value


def _parameters(content_type: str) -> list[tuple[str, str]]:
    """Names in lower case and values as they were sent. Raises `ValueError`."""
    found, end = [], len(content_type.partition(";")[0])
    while end < len(content_type):
        match = _PARAMETER.match(content_type, end)
        if match is None:
            raise ValueError("the parameters in the Content-Type must be name=value, separated by semicolons")
        if match[1] is not None:
            found.append((match[1].lower(), match[2].strip()))
        end = match.end()
    return found
