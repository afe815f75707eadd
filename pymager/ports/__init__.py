"""The ports: what a backend has to implement.

A backend is a class that takes its URL, is entered with `async with` before use, and has every method of its port.
`__init__` only parses the URL, without I/O, and raises `ConfigurationError` if it is wrong. An entry point in the group
`pymager.blobs`, `pymager.metadata`, `pymager.caches`, `pymager.sources` or `pymager.purgers` names the class; its own
name is the URL's scheme.
`pymager.testing` publishes the contract of each port as test classes.

A method raises what its docstring lists, and every method can raise `Unavailable` (one of a purger: `PurgeFailed`);
anything else that escapes is a bug in the backend. Every method can be canceled at any time: it then has its whole
effect or none, possibly after the cancellation.
"""

from pymager.ports.backend import Backend
from pymager.ports.blobs import Blob, BlobInfo, BlobStore, FinalFile
from pymager.ports.caches import MAX_CACHED_BYTES, Cache
from pymager.ports.key_grammar import (
    MAX_KEY_BYTES,
    MAX_KEY_SEGMENT_BYTES,
    check_cache_key,
    check_key,
    check_key_prefix,
    is_key_segment,
)
from pymager.ports.metadata import (
    MAX_PROPERTY_LENGTH,
    REMEMBERED_SECONDS,
    Catalog,
    Lease,
    Leases,
    MetadataStore,
    Properties,
)
from pymager.ports.outbox import MAX_PURGE_STATE_LENGTH, NEW_PURGE_STATE, Backlog, Outbox, Purge, PurgeOrder, PurgePage
from pymager.ports.purgers import Purger, PurgeTarget
from pymager.ports.rows import MAX_PLACEHOLDER_LENGTH, Description, Original, Page
from pymager.ports.trees import OpenTreeFile, Tree, TreeFile

__all__ = [
    "MAX_CACHED_BYTES",
    "MAX_KEY_BYTES",
    "MAX_KEY_SEGMENT_BYTES",
    "MAX_PLACEHOLDER_LENGTH",
    "MAX_PROPERTY_LENGTH",
    "MAX_PURGE_STATE_LENGTH",
    "NEW_PURGE_STATE",
    "REMEMBERED_SECONDS",
    "Backend",
    "Backlog",
    "Blob",
    "BlobInfo",
    "BlobStore",
    "Cache",
    "Catalog",
    "Description",
    "FinalFile",
    "Lease",
    "Leases",
    "MetadataStore",
    "OpenTreeFile",
    "Original",
    "Outbox",
    "Page",
    "Properties",
    "Purge",
    "PurgeOrder",
    "PurgePage",
    "PurgeTarget",
    "Purger",
    "Tree",
    "TreeFile",
    "check_cache_key",
    "check_key",
    "check_key_prefix",
    "is_key_segment",
]
