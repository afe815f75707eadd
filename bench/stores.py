"""The stores of a cluster for the benchmark: MinIO with PostgreSQL and with DynamoDB Local, started and ended here."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.load import LoadError
from tests.servers import DynamoLocal, Minio, Missing, Postgres

CATALOGS = {"postgresql": "S3 + PostgreSQL", "dynamodb": "S3 + DynamoDB"}
Settings = dict[str, str]


def credentials() -> Settings:
    """Variables with keys drawn at random, for MinIO and for whoever asks it; letters and digits only."""
    keys = {"AWS_ACCESS_KEY_ID": secrets.token_hex(8), "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20)}
    return keys | {"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


@contextmanager
def stores(catalogs: set[str]) -> Iterator["Stores"]:
    """MinIO and the catalogs' servers, while entered. Raises `LoadError` where one can't be had."""
    os.environ |= credentials()
    with ExitStack() as stack:
        try:
            for kind in (Minio, *((Postgres,) if "postgresql" in catalogs else ())):
                kind.install()
            minio = stack.enter_context(Minio())
            postgres = stack.enter_context(Postgres()) if "postgresql" in catalogs else None
            dynamo = stack.enter_context(DynamoLocal()) if "dynamodb" in catalogs else None
        except Missing as error:
            raise LoadError(str(error)) from error
        yield Stores(minio, postgres, dynamo)


class Stores:
    """The servers that run."""

    def __init__(self, minio: Minio, postgres: Postgres | None, dynamo: DynamoLocal | None) -> None:
        self._minio, self._postgres, self._dynamo = minio, postgres, dynamo

    def settings(self, catalog: str, name: str) -> Settings:
        """What a pymager of this name is to be told: a prefix of its own, and a database or a table of its own."""
        if catalog == "postgresql":
            assert self._postgres is not None
            metadata = self._postgres.new_database()
        else:
            assert self._dynamo is not None
            metadata = self._dynamo.table_url(name)
        return {"PYMAGER_BLOBS": self._minio.url("bench", f"{catalog}-{name}"), "PYMAGER_METADATA": metadata}
