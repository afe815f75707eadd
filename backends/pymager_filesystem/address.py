"""Which folder a `file:` URL names."""

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

from pymager.errors import ConfigurationError

_RIGHT = "write file:///absolute/path or file:relative/path"
_URL = re.compile(r"file:(?://(?P<host>[^/]*)(?=/|$))?(?P<path>.*)", re.IGNORECASE | re.DOTALL)


def folder_of(url: str) -> Path:
    """The absolute path of the folder (RFC 8089, and a relative path besides), percent-decoded.

    Raises `ConfigurationError` for a URL with a host, a query or a fragment, or without a path.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigurationError(f"'{url}' is not a file: URL; {_RIGHT}")
    if match["host"]:
        raise ConfigurationError(f"'{url}' names the host '{match['host']}', but a folder is local; {_RIGHT}")
    if "?" in url or "#" in url:
        raise ConfigurationError(f"'{url}' has a query or a fragment; {_RIGHT}, with %3F for ? and %23 for #")
    path = unquote_to_bytes(match["path"])
    if not path or b"\0" in path:
        raise ConfigurationError(f"'{url}' names no folder; {_RIGHT}")
    return Path(os.path.abspath(os.fsdecode(path)))  # Path.absolute keeps '..'
