"""Real servers for the tests, each a context manager: stores such as MinIO, databases, memcached, toxiproxy.

What is not on the machine is built or installed from the package registries, once, into a cache outside the checkout:
`python -m tests.servers` does it for all of them.
"""

from tests.servers.dynamo import DynamoLocal
from tests.servers.mariadb import MariaDb
from tests.servers.memcached import Memcached
from tests.servers.postgres import Postgres
from tests.servers.process import Missing, Server
from tests.servers.s3 import Minio, Moto, Versitygw
from tests.servers.toxiproxy import Proxy, Toxiproxy

ALL: tuple[type[Server], ...] = (Minio, Versitygw, Moto, DynamoLocal, Postgres, MariaDb, Memcached, Toxiproxy)

__all__ = [
    "ALL",
    "DynamoLocal",
    "MariaDb",
    "Memcached",
    "Minio",
    "Missing",
    "Moto",
    "Postgres",
    "Proxy",
    "Toxiproxy",
    "Versitygw",
]
