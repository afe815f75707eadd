"""memcached of the distribution."""

import os
import shutil
import socket

from tests.servers.cache import apt_installed
from tests.servers.front import nothing_started
from tests.servers.process import Server


class Memcached(Server):
    """memcached; `options` come after the usual ones and override them."""

    @classmethod
    def install(cls) -> None:
        if shutil.which("memcached") is None:
            with nothing_started():
                apt_installed("memcached")

    def __init__(self, *options: str) -> None:
        super().__init__()
        self._options = options

    def command(self) -> list[str]:
        user = ("-u", "root") if os.geteuid() == 0 else ()
        return ["memcached", "-l", "127.0.0.1", "-p", str(self.port), "-m", "64", "-t", "1", *user, *self._options]

    @property
    def url(self) -> str:
        return f"memcached://127.0.0.1:{self.port}"

    def ask(self, command: bytes, end: bytes) -> bytes:
        """The response to a command, up to `end`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(command)
            response = b""
            while not response.endswith(end):
                data = connection.recv(1 << 20)
                assert data, response
                response += data
        return response

    def stats(self) -> dict[str, int]:
        """Its counters, such as `get_hits` and `curr_items`."""
        lines = [line.split() for line in self.ask(b"stats\r\n", b"END\r\n").decode().splitlines()]
        return {words[1]: int(words[2]) for words in lines if len(words) == 3 and words[2].isdigit()}

    def keys(self) -> list[str]:
        """The keys of all values."""
        dump = self.ask(b"lru_crawler metadump all\r\n", b"END\r\n").decode()
        return [line.split()[0].removeprefix("key=") for line in dump.splitlines() if line.startswith("key=")]

    def value(self, key: str) -> bytes:
        """The value of a key that there is."""
        head, _, rest = self.ask(f"get {key}\r\n".encode(), b"\r\nEND\r\n").partition(b"\r\n")
        assert head.startswith(b"VALUE ")
        return rest.removesuffix(b"\r\nEND\r\n")

    def overwrite(self, key: str, value: bytes) -> None:
        """Write a value past everybody."""
        assert self.ask(b"set %b 0 0 %d\r\n%b\r\n" % (key.encode(), len(value), value), b"\r\n") == b"STORED\r\n"
