"""What the author of a backend tests it with: the contract of each port as test classes, and in-memory backends.

The in-memory backends pass the contracts too. Needs the extra `testing`:

from pymager.testing.blobs import BlobStoreContract
from pymager.testing.metadata import MetadataStoreContract
"""

import sys

_CONTRACTS = (
    *("blobs", "blobs_contents", "blobs_listing", "blobs_races"),
    *("metadata", "metadata_catalog", "metadata_fencing", "metadata_ids", "metadata_leases", "metadata_listing"),
)

if "pytest" in sys.modules:  # so that a failed assert shows its values; the backends in memory do without pytest
    import pytest

    pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in _CONTRACTS))
