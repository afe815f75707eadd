"""PgBouncer, before a PostgreSQL."""

import shutil

from tests.servers.cache import apt_installed
from tests.servers.postgres import Postgres
from tests.servers.process import Server


class PgBouncer(Server):
    """PgBouncer of the distribution, which lends connections for one transaction at a time."""

    user = "postgres"  # it refuses to be root

    @classmethod
    def install(cls) -> None:
        if shutil.which("pgbouncer") is None:
            apt_installed("pgbouncer")

    def __init__(self, upstream: Postgres, connections: int) -> None:
        self.install()
        super().__init__()
        self._upstream = upstream
        self._connections = connections

    def prepare(self) -> None:
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "auth_file": self.folder / "users",
            "pool_mode": "transaction",
            "default_pool_size": self._connections,
            "max_client_conn": 200,
        }
        databases = f"[databases]\n* = host=127.0.0.1 port={self._upstream.port} user=postgres\n"
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.folder / "ini").write_text(f"{databases}[pgbouncer]\n{lines}")
        (self.folder / "users").write_text('"postgres" ""\n')

    def command(self) -> list[str]:
        return [shutil.which("pgbouncer") or "/usr/sbin/pgbouncer", str(self.folder / "ini")]
