"""The stores that replicas share."""

import pytest

from tests.live.replicas import Stores, new_stores
from tests.servers import Minio


@pytest.fixture(params=["postgresql", "dynamodb"])
async def stores(request: pytest.FixtureRequest, minio: Minio) -> Stores:
    """A fresh bucket of MinIO with, in turn, PostgreSQL and DynamoDB Local."""
    return await new_stores(minio, request.getfixturevalue(request.param))
