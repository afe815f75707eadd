"""Buckets and other blob stores as sources."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pymager import registry
from pymager.errors import ConfigurationError, ImportRefused, NotFound
from pymager.operations.importing.candidates import Candidate, Content, id_of, is_hidden, printable
from pymager.ports import BlobStore, OpenTreeFile, Tree, TreeFile

_MAX_OPEN_TREES = 16


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file of a tree, which was listed if `listed` is its description. `place` is the URL of the tree's root."""

    tree: Tree
    place: str
    file_name: str
    listed: TreeFile | None = None
    given_id: str | None = None

    @property
    def outage_is_shared(self) -> bool:
        """Whether it was listed: then all candidates are in the same tree."""
        return self.listed is not None

    @property
    def name(self) -> str:
        """The URL of the file, without parameters."""
        return printable(f"{self.place}/{self.file_name}")

    def id(self) -> str:
        """Made of the name, unless the id was given."""
        return self.given_id or id_of(self.file_name)

    async def size(self) -> int | None:
        """The size in bytes."""
        try:
            return (self.listed or await self.tree.stat(self.file_name)).size
        except NotFound:
            raise ImportRefused("does not exist") from None

    @asynccontextmanager
    async def open(self, known_version: str) -> AsyncIterator[Content | None]:
        """The version is made of the size and of the version that the tree gives. A listed one needs no request."""
        if known_version and self.listed is not None and _version(self.listed) == known_version:
            yield None
            return
        async with AsyncExitStack() as stack:
            try:
                opened = await stack.enter_async_context(self.tree.open(self.file_name))
            except NotFound:
                raise ImportRefused("does not exist any more" if self.listed else "does not exist") from None
            version = _version(opened.file)
            yield None if known_version == version else Content(opened.file.size, version, opened.chunks)


class TreeSource:
    """Every file of a tree, in no order. Names with a part that starts with a dot are left out."""

    def __init__(self, tree: Tree, url: str) -> None:
        self._tree = tree
        self._place = place_of(url)

    async def candidates(self) -> AsyncGenerator[Candidate, None]:
        """The files."""
        async for file in self._tree.list():
            if not is_hidden(file.name):
                yield TreeEntry(self._tree, self._place, file.name, file)

    async def count(self) -> int | None:
        """None: to list a bucket takes a request for each thousand objects."""
        return None


class Trees:
    """The trees that the lines of a list name, each opened once."""

    def __init__(self) -> None:
        self._trees: dict[str, Tree] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def get(self, url: str) -> Tree:
        """The open tree. Raises `ImportRefused` and `Unavailable`."""
        if url not in self._trees:
            if len(self._trees) >= _MAX_OPEN_TREES:
                raise ImportRefused(f"names one more bucket; a list can use at most {_MAX_OPEN_TREES}")
            try:
                self._trees[url] = await self._stack.enter_async_context(registry.load_tree(url))
            except ConfigurationError as error:
                raise ImportRefused(str(error)) from None
        return self._trees[url]


class BlobTree:
    """A blob store that no tree class reads, as a tree. Only names that are keys are listed."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    async def list(self) -> AsyncIterator[TreeFile]:
        """Every blob."""
        async for info in self._blobs.list(""):
            yield TreeFile(info.key, info.size, info.etag)

    async def stat(self, name: str) -> TreeFile:
        """Describe a blob. Raises `NotFound`."""
        info = await self._blobs.stat(name)
        return TreeFile(name, info.size, info.etag)

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[OpenTreeFile]:
        """Open a blob. Raises `NotFound`."""
        async with self._blobs.open(name) as blob:
            yield OpenTreeFile(TreeFile(name, blob.info.size, blob.info.etag), blob.chunks)

    async def __aenter__(self) -> Self:
        await self._blobs.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._blobs.__aexit__(kind, error, trace)


def load(url: str) -> Tree:
    """The tree of a URL, not open. Raises `ConfigurationError`."""
    if registry.has_tree(url):
        return registry.load_tree(url)
    return BlobTree(registry.load_blobs(url))


def is_url(text: str) -> bool:
    """Whether the text is a URL and not a path (RFC 3986, section 3.1)."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text) is not None


def place_of(url: str) -> str:
    """The URL without parameters, which can contain a password, and without a slash at its end."""
    return url.partition("?")[0].rstrip("/")


def _version(file: TreeFile) -> str:
    return f"{file.size}-{file.version}" if file.version else ""
