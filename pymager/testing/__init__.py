"""Tests for authors of backends: the contract of each port as test classes, and in-memory backends.

The in-memory backends pass the contracts too. Needs the extra `testing`:

    from pymager.testing.blobs import BlobStoreContract
    from pymager.testing.metadata import MetadataStoreContract
"""

import sys

if "pytest" in sys.modules:  # so that a failed assert shows its values; the in-memory backends don't need pytest
    from pkgutil import iter_modules

    import pytest

    pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))
