"""PostgreSQL, in a cluster of its own."""

import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from tests.servers.cache import apt_installed
from tests.servers.process import Missing, Server


class Postgres(Server):
    """PostgreSQL of the distribution; the user postgres needs no password."""

    ends_with = signal.SIGINT  # "fast": it does not wait for clients
    user = "postgres"

    @classmethod
    def install(cls) -> None:
        try:
            _programs()
        except Missing:
            apt_installed("postgresql")
            _programs()

    def prepare(self) -> None:
        self.install()
        initdb = [str(_programs() / "initdb"), "-D", str(self.folder / "data"), "-A", "trust", "-U", "postgres"]
        subprocess.run(
            [*initdb, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **self.identity(),
        )

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "autovacuum_naptime": "10s",
        }
        chosen = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(_programs() / "postgres"), "-D", str(self.folder / "data"), *chosen]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.address("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def pause(self) -> None:
        """The server and the processes that serve its clients."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        process = psutil.Process(self.pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def address(self, database: str, port: int | None = None) -> str:
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty one."""
        name = f"d{secrets.token_hex(6)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.address(name)


def _programs() -> Path:
    """The folder with `initdb` and `postgres`; Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not folders:
        raise Missing("PostgreSQL's initdb is not there")
    return folders[-1].parent
