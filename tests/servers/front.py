"""Front servers with the files of examples/, in the foreground; only addresses and folders are put in."""

import os
import shutil
from pathlib import Path

from tests.servers.cache import apt_installed
from tests.servers.process import Server

_EXAMPLES = Path(__file__).parents[2] / "examples"
_MODULES = Path("/usr/lib/apache2/modules")
_APACHE = (
    *(
        "mpm_event",
        "authz_core",
        "proxy",
        "proxy_http",
        "cache",
        "cache_disk",
        "headers",
        "alias",
        "reqtimeout",
    ),
)


class FrontServer(Server):
    """A server of the distribution before an origin on 127.0.0.1."""

    package: str
    program: str
    example: str

    @classmethod
    def install(cls) -> None:
        if shutil.which(cls.program) is None:
            apt_installed(cls.package)

    def __init__(self, origin: int) -> None:
        super().__init__()
        self._origin = origin

    def put_in(self) -> Path:
        """The example with each of these texts, which stands there once, replaced."""
        text = (_EXAMPLES / self.example).read_text()
        for old, new in self.changes().items():
            assert text.count(old) == 1, f"{old!r} in {self.example}"
            text = text.replace(old, new)
        path = self.folder / Path(self.example).name
        path.write_text(text)
        return path

    def changes(self) -> dict[str, str]:
        """What is one's own in the example."""
        raise NotImplementedError


class Nginx(FrontServer):
    """nginx."""

    package, program, example = "nginx-light", "nginx", "nginx/pymager.conf"

    def changes(self) -> dict[str, str]:
        return {
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{self._origin};",
            "listen 80;": f"listen 127.0.0.1:{self.port};",
            "/var/cache/nginx/pymager": str(self.folder / "cache"),
        }

    def prepare(self) -> None:
        example = self.put_in()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"  {kind}_temp_path {self.folder / kind};\n" for kind in kinds)
        (self.folder / "main.conf").write_text(
            f"daemon off;\npid {self.folder / 'pid'};\nerror_log stderr;\nworker_processes 1;\n"
            + ("user root;\n" if _is_root() else "")
            + f"events {{}}\nhttp {{\n  access_log off;\n{folders}  include {example};\n}}\n"
        )

    def command(self) -> list[str]:
        return [_found("nginx"), "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "main.conf")]


class Varnish(FrontServer):
    """Varnish, which compiles its configuration: gcc comes with it."""

    package, program, example = "varnish", "varnishd", "varnish/pymager.vcl"

    def changes(self) -> dict[str, str]:
        return {'.port = "8000";': f'.port = "{self._origin}";'}

    def prepare(self) -> None:
        self.put_in()

    def command(self) -> list[str]:
        vcl = str(self.folder / "pymager.vcl")
        address = f"127.0.0.1:{self.port}"
        return [
            *(_found("varnishd"), "-F", "-j", "none", "-n", str(self.folder / "work"), "-a", address),
            *("-T", "none", "-s", "malloc,64m", "-f", vcl),
        ]


class Apache(FrontServer):
    """Apache with mod_proxy and mod_cache_disk."""

    package, program, example = "apache2", "apache2", "apache/pymager.conf"

    def changes(self) -> dict[str, str]:
        return {
            "Define origin http://127.0.0.1:8000": f"Define origin http://127.0.0.1:{self._origin}",
            "<VirtualHost *:80>": f"<VirtualHost 127.0.0.1:{self.port}>",
            "/var/cache/apache2/mod_cache_disk": str(self.folder / "cache"),
        }

    def prepare(self) -> None:
        (self.folder / "cache").mkdir()
        if _is_root():
            self.folder.chmod(0o755)
            shutil.chown(self.folder / "cache", "www-data")
        modules = "".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so\n" for name in _APACHE)
        user = "User www-data\nGroup www-data\n" if _is_root() else ""
        (self.folder / "main.conf").write_text(
            f"ServerRoot {self.folder}\nServerName localhost\nPidFile {self.folder / 'pid'}\nErrorLog /dev/stderr\n"
            f"Mutex file:{self.folder} default\n{modules}{user}Listen 127.0.0.1:{self.port}\nInclude {self.put_in()}\n"
        )

    def command(self) -> list[str]:
        return [_found("apache2"), "-D", "FOREGROUND", "-f", str(self.folder / "main.conf")]


FRONTS: tuple[type[FrontServer], ...] = (Nginx, Varnish, Apache)


def install() -> None:
    """All of them. Raises `Missing`."""
    for kind in FRONTS:
        kind.install()


def _found(program: str) -> str:
    return shutil.which(program) or f"/usr/sbin/{program}"


def _is_root() -> bool:
    return os.geteuid() == 0
