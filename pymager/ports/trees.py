"""The port of trees: files of others, which are only read."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file of a tree: `name` below the tree's root, any text; `size` in bytes; `version` changes with the bytes."""

    name: str
    size: int
    version: str


@dataclass(frozen=True, slots=True)
class OpenTreeFile:
    """An open file of a tree: its description, and its bytes."""

    file: TreeFile
    chunks: AsyncIterator[bytes]


class Tree(Protocol):
    """Files that something other than pymager wrote, which `import` reads. Names are not keys of a `BlobStore`.

    A class that takes its URL, is entered with `async with` before use, and only reads. An entry point in the group
    `pymager.sources` names it. Every method can raise `Unavailable`.
    """

    def __init__(self, url: str) -> None: ...

    async def __aenter__(self) -> Self:
        """Open the tree. Raises `ConfigurationError`."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def list(self) -> AsyncIterator[TreeFile]:
        """Every file, in any order, in constant memory."""

    async def stat(self, name: str) -> TreeFile:
        """Describe a file. Raises `NotFound`."""

    def open(self, name: str) -> AbstractAsyncContextManager[OpenTreeFile]:
        """Open a file. Raises `NotFound`. A body that ends early raises `Unavailable` during iteration."""
