"""What the author of a backend tests it with: each port's contract as test classes, and backends in memory.

from pymager.testing.blobs import BlobStoreContract
from pymager.testing.metadata import MetadataStoreContract
"""

import sys

if "pytest" in sys.modules:  # the backends in memory do without
    import pytest

    pytest.register_assert_rewrite(f"{__name__}.blobs", f"{__name__}.metadata")
