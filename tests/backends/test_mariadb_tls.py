"""MariaDB over TLS: connections share a context, unless the URL names files, which can be renewed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from pymager.errors import Unavailable
from pymager.testing.metadata_originals import an_original
from pymager_sql import SqlMetadata
from tests.backends.certificates import certificates
from tests.conftest import served
from tests.servers import MariaDb


class _TlsMariaDb(MariaDb):
    """With the certificate of 127.0.0.1."""

    def prepare(self) -> None:
        super().prepare()
        certificates(self.folder)
        (self.folder / "server.key").chmod(0o644)  # the server may run as another user

    def command(self) -> list[str]:
        files = {"cert": "server.crt", "key": "server.key"}
        return [*super().command(), *(f"--ssl-{option}={self.folder / name}" for option, name in files.items())]

    def ask(self, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last statement, over a connection without TLS."""
        with pymysql.connect(host="127.0.0.1", port=self.port, user="root", ssl_disabled=True) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def tls_connections(self) -> int:
        """How many clients have connected with TLS so far."""
        [(_, count)] = self.ask("SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'")
        return int(count)

    def disconnect_all(self) -> None:
        """Close every connection of a store."""
        open_ones = self.ask("SELECT id FROM information_schema.processlist WHERE user = 'root' AND db IS NOT NULL")
        self.ask(*(f"KILL {number}" for (number,) in open_ones))


@pytest.fixture(scope="module")
def server() -> Iterator[_TlsMariaDb]:
    yield from served(_TlsMariaDb)


async def test_a_url_without_parameters_uses_the_tls_that_the_server_offers(server: _TlsMariaDb) -> None:
    url, original = server.new_database(), an_original()
    before = server.tls_connections()
    async with SqlMetadata(url) as store:
        await store.add(original)
        assert await store.get("cat") == original
    assert server.tls_connections() >= before + 2  # one that writes, and one that reads


async def test_tls_can_be_off(server: _TlsMariaDb) -> None:
    url = server.new_database()
    before = server.tls_connections()
    async with SqlMetadata(f"{url}?ssl_disabled=true") as store:
        await store.add(an_original())
    assert server.tls_connections() == before


async def test_a_new_connection_reads_the_authorities_again(server: _TlsMariaDb, tmp_path: Path) -> None:
    authorities = tmp_path / "authorities.pem"
    shutil.copy(server.folder / "server.crt", authorities)
    original = an_original()
    async with SqlMetadata(f"{server.new_database()}?ssl_ca={authorities}&timeout=60") as store:
        await store.add(original)
        shutil.copy(server.folder / "stranger.crt", authorities)
        server.disconnect_all()
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await store.get("cat")
        shutil.copy(server.folder / "server.crt", authorities)
        assert await store.get("cat") == original
