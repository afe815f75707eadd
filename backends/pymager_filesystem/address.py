"""Which folder a `file:` URL names."""

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

from pymager.errors import ConfigurationError

_EXPECTED = "write file:///absolute/path or file:relative/path"
_URL = re.compile(r"file:(?://(?P<host>[^/]*)(?=/|$))?(?P<path>.*)", re.IGNORECASE | re.DOTALL)


def folder_of(url: str) -> Path:
    """Return the absolute path of the folder, percent-decoded.

    Takes the URLs of RFC 8089 and relative paths. Raises `ConfigurationError` for a URL with a host, a query or a
    fragment, or without a path.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigurationError(f"'{url}' is not a file: URL; {_EXPECTED}")
    if match["host"]:
        raise ConfigurationError(f"'{url}' names the host '{match['host']}', but the folder must be local; {_EXPECTED}")
    if "?" in url or "#" in url:
        raise ConfigurationError(f"'{url}' has a query or a fragment; {_EXPECTED}, with %3F for ? and %23 for #")
    path = unquote_to_bytes(match["path"])
    if not path or b"\0" in path:
        raise ConfigurationError(f"'{url}' names no folder; {_EXPECTED}")
    return Path(os.path.abspath(os.fsdecode(path)))  # Path.absolute keeps '..'
