"""MariaDB, on a folder of its own."""

import os
import secrets
import shutil
import subprocess

import pymysql

from tests.servers.cache import apt_installed
from tests.servers.process import Server


class MariaDb(Server):
    """MariaDB of the distribution; root needs no password."""

    user = "mysql"

    @classmethod
    def install(cls) -> None:
        if shutil.which("mariadbd") is None:
            apt_installed("mariadb-server")

    def __init__(self) -> None:
        self.install()  # its user comes with the package
        super().__init__()

    def prepare(self) -> None:
        data, temporary = self.folder / "data", self.folder / "temporary"
        temporary.mkdir()
        if os.geteuid() == 0:
            shutil.chown(temporary, self.user)
        program = ["mariadb-install-db", "--no-defaults", f"--user={self.user}"]
        program += [f"--datadir={data}", f"--tmpdir={temporary}"]
        with (self.folder / "log").open("wb") as log:
            done = subprocess.run(
                [*program, "--auth-root-authentication-method=normal", "--skip-test-db"],
                check=False,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                **self.identity(),
            )
        assert done.returncode == 0, f"mariadb-install-db failed: {self.log()}"

    def command(self) -> list[str]:
        options = {
            "datadir": self.folder / "data",
            "tmpdir": self.folder / "temporary",  # of its own: a server that starts removes the tables of others in it
            "bind-address": "127.0.0.1",
            "port": self.port,
            "socket": self.folder / "socket",
            "pid-file": self.folder / "pid",
            "max-connections": 200,
        }
        return ["mariadbd", "--no-defaults", *(f"--{name}={value}" for name, value in options.items())]

    def answers(self) -> bool:
        try:
            pymysql.connect(host="127.0.0.1", port=self.port, user="root", connect_timeout=2).close()
        except pymysql.err.OperationalError:
            return False
        return True

    def address(self, database: str, port: int | None = None) -> str:
        return f"mysql://root@127.0.0.1:{port or self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty one."""
        name = f"d{secrets.token_hex(6)}"
        connection = pymysql.connect(host="127.0.0.1", port=self.port, user="root")
        try:
            connection.cursor().execute(f"CREATE DATABASE `{name}`")
        finally:
            connection.close()
        return self.address(name)
