"""Both clients behind the surface of `Client`, so that one test runs with each of them."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

from anyio.from_thread import BlockingPortal, start_blocking_portal

from pymager_client import AsyncClient, AsyncDownload, Client

Variant = Literal["sync", "asyncio", "trio"]


@contextmanager
def connected(variant: Variant, base_url: str, **options: Any) -> Iterator[Client]:
    """`Client`, or `AsyncClient` in an event loop in another thread."""
    if variant == "sync":
        with Client(base_url, **options) as client:
            yield client
        return
    with start_blocking_portal(variant) as portal:
        made = AsyncClient(base_url, **options)
        with portal.wrap_async_context_manager(made):
            yield cast(Client, _Blocking(made, portal))


class _Blocking:
    """An `AsyncClient` whose methods wait for their results."""

    def __init__(self, client: AsyncClient, portal: BlockingPortal) -> None:
        self._client = client
        self._portal = portal

    def __repr__(self) -> str:
        return repr(self._client)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if name == "stream":
            return self._stream
        if name == "originals":
            return self._originals
        return self._blocking(value) if inspect.iscoroutinefunction(value) else value

    def _blocking(self, call: Callable[..., Any]) -> Callable[..., Any]:
        async def called(arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return await call(*arguments, **options)

        return lambda *arguments, **options: self._portal.call(called, arguments, options)

    def _originals(self, page_size: int | None = None) -> Iterator[Any]:
        async def listed() -> list[Any]:
            return [original async for original in self._client.originals(page_size)]

        return iter(self._portal.call(listed))

    @contextmanager
    def _stream(self, id: str) -> Iterator[Any]:
        with self._portal.wrap_async_context_manager(self._client.stream(id)) as download:
            yield _BlockingDownload(download, self._portal)


class _BlockingDownload:
    def __init__(self, download: AsyncDownload, portal: BlockingPortal) -> None:
        self._download = download
        self._portal = portal
        self.content_type, self.size, self.etag = download.content_type, download.size, download.etag

    def __iter__(self) -> Iterator[bytes]:
        async def next_chunk() -> bytes | None:
            return await anext(self._download, None)

        while (chunk := self._portal.call(next_chunk)) is not None:
            yield chunk
