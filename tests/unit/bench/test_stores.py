"""The stores that the benchmark gives to its pymagers."""

from itertools import product
from typing import cast

from bench.stores import CATALOGS, Stores
from tests.servers import DynamoLocal, Minio, Postgres


class Server:
    """Stands in for each server: a URL is made of what it is asked for."""

    def __init__(self) -> None:
        self.databases = 0

    def url(self, bucket: str, prefix: str) -> str:
        return f"s3://{bucket}/{prefix}"

    def table_url(self, name: str) -> str:
        return f"dynamodb://{name}"

    def new_database(self) -> str:
        self.databases += 1
        return f"postgresql://{self.databases}"


def test_no_two_pymagers_have_a_blob_store_or_a_catalog_in_common() -> None:
    server = Server()
    stores = Stores(cast(Minio, server), cast(Postgres, server), cast(DynamoLocal, server))
    settings = [stores.settings(catalog, name) for catalog, name in product(CATALOGS, ("cached", "uncached"))]
    for variable in ("PYMAGER_BLOBS", "PYMAGER_METADATA"):
        assert len({each[variable] for each in settings}) == len(settings)
