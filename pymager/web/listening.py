"""The socket that the server listens on. Needs no aiohttp, which a supervisor does not load."""

import socket
from typing import TYPE_CHECKING

from pymager.errors import ConfigurationError

if TYPE_CHECKING:
    from pymager.settings.model import Settings

_LISTEN_BACKLOG = 1_024


def listening_socket(settings: "Settings") -> socket.socket:
    """A socket bound to the configured address. Raises `ConfigurationError`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except (OSError, UnicodeError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"PYMAGER_HOST, PYMAGER_PORT: cannot listen on {settings.host}:{settings.port}: {reason}"
        ) from None
    listener.listen(_LISTEN_BACKLOG)
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
