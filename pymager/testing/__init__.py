"""Tests for authors of backends: the contract of each port as test classes, and in-memory backends.

The in-memory backends pass the contracts too. Needs the extra `testing`:

from pymager.testing.blobs import BlobStoreContract
from pymager.testing.metadata import MetadataStoreContract
"""

import sys

_CONTRACT_MODULES = (
    *("blobs", "blobs_concurrency", "blobs_contents", "blobs_keys", "blobs_listing"),
    *(
        "metadata",
        "metadata_catalog",
        "metadata_dates",
        "metadata_fencing",
        "metadata_ids",
        "metadata_leases",
        "metadata_listing",
        "metadata_properties",
    ),
)

if "pytest" in sys.modules:  # so that a failed assert shows its values; the in-memory backends don't need pytest
    import pytest

    pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in _CONTRACT_MODULES))
