"""Makes the folders of a blob durable, and remembers which ones are.

A blob is durable when its own entry and those of all folders above it are. Another writer may have created a folder
without having synced its parent yet, so every level counts. But a sync sends the disk a command to write its cache
back, even if there is nothing to write, which takes longer than everything else that a put does.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress

from pymager.durability import sync_folder

_REMEMBERED_FOLDERS = 128  # each is an open file


class DurableFolders:
    """Syncs folders. Remembers folders whose own entries, and those of the folders above, are durable.

    A remembered folder is kept open. So its inode number cannot be reused: a folder with the same path and number is
    the same one. It was never removed, and neither were the folders above it, because they were never empty.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, int] = OrderedDict()  # descriptors by paths
        self._lock = threading.Lock()

    def sync(self, folders: Sequence[bytes]) -> None:
        """Make an entry of the first folder durable, and all folders, which lead from there to the store's own one.

        Does nothing about folders that another call deletes meanwhile, with the blob.
        """
        opened: list[tuple[bytes, int]] = []
        try:
            for folder in folders:
                fd = _open(folder)
                opened.append((folder, fd))
                os.fsync(fd)
                if folder == folders[-1] or self._is_known(folder):
                    os.close(opened.pop()[1])
                    break
        except FileNotFoundError:
            self._close(opened)
            self._sync_existing(folders)
        except BaseException:
            self._close(opened)
            raise
        else:
            self._remember(opened)

    def close(self) -> None:
        """Forget all folders."""
        with self._lock:
            while self._known:
                os.close(self._known.popitem()[1])

    def _sync_existing(self, folders: Sequence[bytes]) -> None:
        for folder in folders:
            with suppress(FileNotFoundError):
                sync_folder(folder)

    def _is_known(self, folder: bytes) -> bool:
        with self._lock:
            fd = self._known.get(folder)
            if fd is None:
                return False
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), os.lstat(folder)):
                    self._known.move_to_end(folder)
                    return True
            del self._known[folder]
            os.close(fd)
            return False

    def _remember(self, opened: list[tuple[bytes, int]]) -> None:
        with self._lock:
            for folder, fd in opened:
                if (old := self._known.pop(folder, None)) is not None:
                    os.close(old)
                self._known[folder] = fd
            while len(self._known) > _REMEMBERED_FOLDERS:
                os.close(self._known.popitem(last=False)[1])

    def _close(self, opened: list[tuple[bytes, int]]) -> None:
        for _, fd in opened:
            os.close(fd)


def _open(folder: bytes) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
