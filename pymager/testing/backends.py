"""The backends in memory, held to the same contracts as any: what tests use in the place of mocks."""

from pymager.testing.blobs_memory import MemoryBlobs
from pymager.testing.metadata_memory import MemoryMetadata

__all__ = ["MemoryBlobs", "MemoryMetadata"]
