"""A blob store in a folder: `file:///absolute/path` or `file:relative/path`."""

from pymager_filesystem.store import FolderBlobs

__all__ = ["FolderBlobs"]
