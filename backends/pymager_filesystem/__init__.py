"""The blob backend for a folder: `file:///absolute/path` or `file:relative/path`.

`writing` makes blobs durable, `layout` says which file has which key.
"""

from pymager_filesystem.store import FolderBlobs

__all__ = ["FolderBlobs"]
