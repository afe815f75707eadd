"""The in-memory backends. They pass the same contracts as every other backend; tests use them instead of mocks."""

from pymager.testing.blobs_memory import MemoryBlobs
from pymager.testing.caches_memory import MemoryCache
from pymager.testing.metadata_memory import MemoryMetadata

__all__ = ["MemoryBlobs", "MemoryCache", "MemoryMetadata"]
