"""The package that the samples in the documentation import: small stores over the in-memory ones."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pymager.errors import Unavailable
from pymager.testing.backends import MemoryBlobs, MemoryMetadata

_METHODS = (
    *("add", "get", "replace", "remove", "describe", "fence", "list_page"),
    *("acquire", "renew", "release", "get_property", "set_property", "ping", "tidy"),
    *("due_purges", "list_purges", "count_purges", "update_purge", "finish_purge"),
)


class MyBlobs(MemoryBlobs):
    """`myscheme:PATH`. Stores with the same path share their blobs."""

    def __init__(self, url: str) -> None:
        super().__init__(f"memory:{url.encode().hex()}")


class MyEmbeddedMetadata(MemoryMetadata):
    """`myscheme:PATH`. Stores with the same path share their rows."""

    def __init__(self, url: str) -> None:
        super().__init__(f"memory:{url}")


class Server:
    """A server that keeps data until it is stopped."""

    def __init__(self) -> None:
        self.url = f"myscheme:{secrets.token_hex(8)}"
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False


_servers: dict[str, Server] = {}


@contextmanager
def start_server() -> Iterator[Server]:
    server = Server()
    _servers[server.url] = server
    yield server
    del _servers[server.url]


class MyMetadata(MemoryMetadata):
    """A client of a `Server`."""

    def __init__(self, url: str) -> None:
        super().__init__(f"memory:{url}")
        self._server = _servers[url]


def _through_server(name: str) -> Callable[..., Any]:
    method = getattr(MemoryMetadata, name)

    async def call(self: MyMetadata, *arguments: Any, **options: Any) -> Any:
        if not self._server.is_running:
            raise Unavailable("the server is stopped", outcome_known=True)
        return await method(self, *arguments, **options)

    return call


for _name in _METHODS:
    setattr(MyMetadata, _name, _through_server(_name))
