"""toxiproxy: slow, cut and black connections in front of any other server (https://github.com/Shopify/toxiproxy)."""

import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from tests.servers.cache import go_installed
from tests.servers.process import Server, free_port
from tests.servers.s3 import answered

_PACKAGE = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0"


@dataclass(frozen=True)
class Proxy:
    """A port that leads to another's; `port` is where to connect."""

    api: str
    name: str
    port: int

    def add(self, type: str, stream: str = "downstream", toxicity: float = 1.0, **attributes: object) -> str:
        """Add a toxic (`latency`, `timeout`, `limit_data`, `reset_peer`, ...) and return its name."""
        name = f"{type}-{secrets.token_hex(4)}"
        toxic = {"name": name, "type": type, "stream": stream, "toxicity": toxicity, "attributes": attributes}
        self._request("POST", "/toxics", toxic)
        return name

    def remove(self, name: str) -> None:
        """Take a toxic away."""
        self._request("DELETE", f"/toxics/{name}")

    def cut(self) -> None:
        """Close all connections and refuse new ones."""
        self._request("POST", "", {"enabled": False})

    def mend(self) -> None:
        self._request("POST", "", {"enabled": True})

    def delete(self) -> None:
        self._request("DELETE", "")

    def _request(self, method: str, path: str, body: Any = None) -> None:
        request(method, f"{self.api}/proxies/{self.name}{path}", body)


class Toxiproxy(Server):
    """One toxiproxy, for any number of proxies."""

    @classmethod
    def install(cls) -> None:
        go_installed("toxiproxy-2.5.0", _PACKAGE)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        binary = go_installed("toxiproxy-2.5.0", _PACKAGE) / "server"
        return [str(binary), "-host", "127.0.0.1", "-port", str(self.port)]

    def answers(self) -> bool:
        return answered(f"{self.api}/version")

    def proxy(self, upstream_port: int) -> Proxy:
        """A new way to a port of 127.0.0.1."""
        name, port = secrets.token_hex(6), free_port()
        way = {"name": name, "listen": f"127.0.0.1:{port}", "upstream": f"127.0.0.1:{upstream_port}", "enabled": True}
        request("POST", f"{self.api}/proxies", way)
        return Proxy(self.api, name, port)


def request(method: str, url: str, body: Any = None) -> None:
    """Send a request to toxiproxy's API. Raises `HTTPError`."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, {"Content-Type": "application/json"}, method=method), timeout=10) as answer:
        answer.read()
