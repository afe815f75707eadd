"""What a disk has after a power failure: a model of a folder that knows which changes were synced.

A sync of a file makes its bytes durable, a sync of a folder its names: nothing else does (POSIX fsync, and fsync(2):
"calling fsync() does not necessarily ensure that the entry in the directory containing the file has also reached
disk"). This is less than ext4, XFS and btrfs give, so what survives here survives there. Of what was not synced a power
failure may leave nothing, everything, or any part: of bytes each block by itself, of the changes of one name the first
ones. A renamed file can have both names or none.
"""

import os
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from random import Random

_HEADER = struct.Struct("<IIIIQQQQ")
_BLOCK_BYTES = 512  # a disk writes a sector whole, or not
_SHARED_MEMORY_SUFFIX = b"-shm"  # SQLite builds it anew after a power failure


class Kind(IntEnum):
    """As in recorder.c."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    RENAME = 5
    LINK = 6
    REMOVE = 7
    MKDIR = 8
    MAPPED = 9
    UNSUPPORTED = 10


@dataclass(frozen=True, slots=True)
class Change:
    """A record: a change or a sync. `end` is the size of the log with it."""

    kind: Kind
    inode: int
    folder: int
    other_folder: int
    number: int
    name: bytes
    other: bytes
    data: bytes
    end: int


def read_changes(log: Path) -> list[Change]:
    """Every whole record."""
    return list(_changes(log.read_bytes()))


def _changes(log: bytes) -> Iterator[Change]:
    at = 0
    while at < len(log):
        kind, name_length, other_length, data_length, inode, folder, other_folder, number = _HEADER.unpack_from(log, at)
        name_end = at + _HEADER.size + name_length
        other_end = name_end + other_length
        end = other_end + data_length
        name, other, data = log[at + _HEADER.size : name_end], log[name_end:other_end], log[other_end:end]
        yield Change(Kind(kind), inode, folder, other_folder, number, name, other, data, end)
        at = end


@dataclass(eq=False, slots=True)
class File:
    """Its durable bytes, and the writes since its last sync: an offset with bytes, or a new size."""

    name: bytes = b""  # its first one
    mode: int = 0o644
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        """What was written so far stays."""
        self.durable = self.content(self.pending)
        self.pending = []

    def content(self, writes: Sequence[tuple[int, bytes | None]]) -> bytearray:
        """Its bytes if of the pending writes only these have reached the disk."""
        content = self.durable[:]
        for offset, data in writes:
            if data is None:
                del content[offset:]
            size = offset if data is None else offset + len(data)
            content.extend(bytes(max(0, size - len(content))))
            if data is not None:
                content[offset:size] = data
        return content


@dataclass(eq=False, slots=True)
class Folder:
    """Its durable entries, and the changes since its last sync: a name with what it names, None if it was removed."""

    durable: dict[bytes, "Node"] = field(default_factory=dict)
    pending: list[tuple[bytes, "Node | None"]] = field(default_factory=list)

    def sync(self) -> None:
        """The entries of now stay."""
        self.durable = self.now()
        self.pending = []

    def entries(self, changes: Sequence[tuple[bytes, "Node | None"]]) -> dict[bytes, "Node"]:
        """Its entries if of the pending changes only these have reached the disk."""
        found: dict[bytes, Node | None] = {**self.durable}
        found.update(changes)
        return {name: node for name, node in found.items() if node is not None}

    def now(self) -> dict[bytes, "Node"]:
        """Its entries as a running program sees them."""
        return self.entries(self.pending)


Node = File | Folder


class Failure(ABC):
    """What a power failure leaves of what was not synced."""

    @abstractmethod
    def writes(self, pending: list[tuple[int, bytes | None]]) -> list[tuple[int, bytes | None]]:
        """Those that have reached the disk, whole or in part."""

    @abstractmethod
    def names(self, pending: list[tuple[bytes, Node | None]]) -> list[tuple[bytes, Node | None]]:
        """Those that have reached the disk."""

    @abstractmethod
    def shared_memory(self, size: int) -> bytes:
        """What SQLite's shared memory has, which nobody syncs."""


class LosesAll(Failure):
    """The worst: nothing that was not synced remains."""

    def writes(self, pending: list[tuple[int, bytes | None]]) -> list[tuple[int, bytes | None]]:
        return []

    def names(self, pending: list[tuple[bytes, Node | None]]) -> list[tuple[bytes, Node | None]]:
        return []

    def shared_memory(self, size: int) -> bytes:
        return b""


class LosesNothing(Failure):
    """As after `kill -9`: everything has reached the disk."""

    def writes(self, pending: list[tuple[int, bytes | None]]) -> list[tuple[int, bytes | None]]:
        return pending

    def names(self, pending: list[tuple[bytes, Node | None]]) -> list[tuple[bytes, Node | None]]:
        return pending

    def shared_memory(self, size: int) -> bytes:
        return bytes(size)


class LosesSome(Failure):
    """Any part of it remains, chosen by a seed: of each file another share, and sizes without their bytes."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def writes(self, pending: list[tuple[int, bytes | None]]) -> list[tuple[int, bytes | None]]:
        share = self._random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        kept: list[tuple[int, bytes | None]] = []
        for offset, data in pending:
            if data is None:
                kept += [(offset, None)] * (self._random.random() < share)
            else:
                kept += self._blocks(offset, data, share)
        return kept

    def names(self, pending: list[tuple[bytes, Node | None]]) -> list[tuple[bytes, Node | None]]:
        by_name: dict[bytes, list[Node | None]] = {}
        for name, node in pending:
            by_name.setdefault(name, []).append(node)
        kept: list[tuple[bytes, Node | None]] = []
        for name, nodes in by_name.items():
            count = self._random.randint(0, len(nodes))
            if count:
                kept.append((name, nodes[count - 1]))
        return kept

    def shared_memory(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def _blocks(self, offset: int, data: bytes, share: float) -> Iterator[tuple[int, bytes]]:
        start = 0
        while start < len(data):
            stop = min(len(data), start + _BLOCK_BYTES - (offset + start) % _BLOCK_BYTES)
            if self._random.random() < share:
                yield offset + start, data[start:stop]
            start = stop


class Unrecorded(Exception):
    """The program did what the recorder cannot follow."""


class Disk:
    """The folder whose inode is `root`, which was durable and empty when the record began.

    A sync of a file or folder does nothing if `is_ignored` returns True for it.
    """

    def __init__(self, root: int, is_ignored: Callable[[Node], bool] = lambda _: False) -> None:
        self._root = Folder()
        self._nodes: dict[int, Node] = {root: self._root}
        self._is_ignored = is_ignored

    def apply(self, change: Change) -> None:
        """The next change of the record. Raises `Unrecorded`."""
        match change.kind:
            case Kind.CREATE:
                node = self._nodes[change.inode] = File(change.name, change.number)
                if change.name:
                    self._folder(change.folder).pending.append((change.name, node))
            case Kind.MKDIR:
                node = self._nodes[change.inode] = Folder()
                self._folder(change.folder).pending.append((change.name, node))
            case Kind.WRITE:
                self._file(change.inode).pending.append((change.number, change.data))
            case Kind.TRUNCATE:
                self._file(change.inode).pending.append((change.number, None))
            case Kind.SYNC:
                node = self._nodes[change.inode]
                if not self._is_ignored(node):
                    node.sync()
            case Kind.RENAME:
                node = self._nodes[change.inode]
                self._folder(change.folder).pending.append((change.name, None))
                self._folder(change.other_folder).pending.append((change.other, node))
            case Kind.LINK:
                self._folder(change.folder).pending.append((change.name, self._nodes[change.inode]))
            case Kind.REMOVE:
                self._folder(change.folder).pending.append((change.name, None))
            case Kind.MAPPED:
                if not self._is_shared_memory(change.inode):
                    raise Unrecorded("a file was mapped for writing")
            case _:
                raise Unrecorded(f"{change.kind.name}: {change.name.decode()}")

    def write(self, target: Path, failure: Failure) -> None:
        """Make the folder as the power failure leaves it."""
        contents: dict[File, bytes] = {}
        target.mkdir(parents=True)
        self._write(target, self._root, failure, contents)

    def _write(self, target: Path, folder: Folder, failure: Failure, contents: dict[File, bytes]) -> None:
        for name, node in sorted(folder.entries(failure.names(folder.pending)).items()):
            path = target / os.fsdecode(name)
            if isinstance(node, Folder):
                path.mkdir()
                self._write(path, node, failure, contents)
                continue
            if node not in contents:  # a file with two names has one content
                contents[node] = bytes(node.content(failure.writes(node.pending)))
            data = contents[node]
            if name.endswith(_SHARED_MEMORY_SUFFIX):
                data = failure.shared_memory(len(data))
            path.write_bytes(data)
            path.chmod(node.mode)

    def _file(self, inode: int) -> File:
        node = self._nodes.get(inode)
        if not isinstance(node, File):
            raise Unrecorded(f"nothing is known of the file {inode}")
        return node

    def _folder(self, inode: int) -> Folder:
        node = self._nodes.get(inode)
        if not isinstance(node, Folder):
            raise Unrecorded(f"nothing is known of the folder {inode}")
        return node

    def _is_shared_memory(self, inode: int) -> bool:
        file, pending = self._nodes[inode], [self._root]
        while pending:
            for name, node in pending.pop().now().items():
                if node is file:
                    return name.endswith(_SHARED_MEMORY_SUFFIX)
                if isinstance(node, Folder):
                    pending.append(node)
        return False


def differences(one: Path, other: Path) -> list[str]:
    """The paths that two folders do not share, or whose bytes differ; SQLite's shared memory is left out."""
    trees = [
        {path.relative_to(root): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}
        for root in (one, other)
    ]
    paths = {path for tree in trees for path in tree if not path.name.endswith(os.fsdecode(_SHARED_MEMORY_SUFFIX))}
    missing = object()
    return sorted(str(path) for path in paths if trees[0].get(path, missing) != trees[1].get(path, missing))
