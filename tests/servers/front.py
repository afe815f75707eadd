"""Front servers with the files of examples/, in the foreground; only addresses and folders are put in."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.cache import apt_installed
from tests.servers.process import Server

_EXAMPLES = Path(__file__).parents[2] / "examples"
_MODULES = Path("/usr/lib/apache2/modules")
_APACHE = "mpm_event authz_core proxy proxy_http cache cache_disk headers alias setenvif reqtimeout"
_POLICY = Path("/usr/sbin/policy-rc.d")


class FrontServer(Server):
    """A server of the distribution before an origin on 127.0.0.1."""

    package: str
    program: str
    example: str

    @classmethod
    def install(cls) -> None:
        if not Path(_found(cls.program)).exists():
            with nothing_started():
                apt_installed(cls.package)

    def __init__(self, origin: int) -> None:
        super().__init__()
        self._origin = origin

    def put_in(self, example: str, changes: dict[str, str]) -> Path:
        """The example with each of these texts, which stands there once, replaced."""
        text = (_EXAMPLES / example).read_text()
        for old, new in changes.items():
            assert text.count(old) == 1, f"{old!r} in {example}"
            text = text.replace(old, new)
        path = self.folder / Path(example).name
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

    def files(self) -> list[Path]:
        """What stands in the http block."""
        return [self.put_in(self.example, self.changes())]

    def prepare(self) -> None:
        includes = "".join(f"  include {path};\n" for path in self.files())
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"  {kind}_temp_path {self.folder / kind};\n" for kind in kinds)
        (self.folder / "main.conf").write_text(
            f"daemon off;\npid {self.folder / 'pid'};\nerror_log stderr;\nworker_processes 1;\n"
            + ("user root;\n" if _is_root() else "")
            + f"events {{}}\nhttp {{\n  access_log off;\n{folders}{includes}}}\n"
        )

    def command(self) -> list[str]:
        return [_found("nginx"), "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "main.conf")]


class ClosedNginx(Nginx):
    """nginx that serves only a CDN, over TLS; `gate` is the example that identifies the CDN."""

    example = "cdn/origin.conf"

    def __init__(self, origin: int, certificates: Path, gate: str, changes: dict[str, str]) -> None:
        super().__init__(origin)
        self._certificates = certificates
        self._gate, self._gate_changes = gate, changes

    def changes(self) -> dict[str, str]:
        return {
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{self._origin};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "/etc/nginx/origin.pem": str(self._certificates / "origin.pem"),
            "/etc/nginx/origin.key": str(self._certificates / "origin.key"),
        }

    def files(self) -> list[Path]:
        return [*super().files(), self.put_in(self._gate, self._gate_changes)]


class Varnish(FrontServer):
    """Varnish, which compiles its configuration: gcc comes with it."""

    package, program, example = "varnish", "varnishd", "varnish/pymager.vcl"

    def changes(self) -> dict[str, str]:
        return {'.port = "8000";': f'.port = "{self._origin}";'}

    def prepare(self) -> None:
        self.put_in(self.example, self.changes())

    def command(self) -> list[str]:
        vcl = str(self.folder / "pymager.vcl")
        address = f"127.0.0.1:{self.port}"
        return [
            *(_found("varnishd"), "-F", "-j", "none", "-n", str(self.folder / "work"), "-a", address),
            *("-T", "none", "-s", "malloc,64m", "-f", vcl),
        ]


class PurgedVarnish(Varnish):
    """Varnish that a purger can make forget pictures: by its vmod xkey, or by bans."""

    def __init__(self, origin: int, method: str) -> None:
        super().__init__(origin)
        self._example = f"varnish/purge-{method}.vcl"

    @classmethod
    def install(cls) -> None:
        super().install()
        if not any(Path("/usr/lib").glob("*/varnish/vmods/libvmod_xkey.so")):
            apt_installed("varnish-modules")

    def prepare(self) -> None:
        super().prepare()
        self.put_in(self._example, {"/etc/varnish/pymager.vcl": str(self.folder / "pymager.vcl")}).rename(
            self.folder / "purge.vcl"
        )

    def command(self) -> list[str]:
        *words, _ = super().command()
        return [*words, str(self.folder / "purge.vcl")]


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
        modules = "".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so\n" for name in _APACHE.split())
        example = self.put_in(self.example, self.changes())
        user = "User www-data\nGroup www-data\n" if _is_root() else ""
        (self.folder / "main.conf").write_text(
            f"ServerRoot {self.folder}\nServerName localhost\nPidFile {self.folder / 'pid'}\nErrorLog /dev/stderr\n"
            f"Mutex file:{self.folder} default\n{modules}{user}Listen 127.0.0.1:{self.port}\nInclude {example}\n"
        )

    def command(self) -> list[str]:
        return [_found("apache2"), "-D", "FOREGROUND", "-f", str(self.folder / "main.conf")]


FRONTS: tuple[type[FrontServer], ...] = (Nginx, Varnish, Apache)


def install() -> None:
    """All of them. Raises `Missing`."""
    for kind in (*FRONTS, PurgedVarnish):
        kind.install()


@contextmanager
def nothing_started() -> Iterator[None]:
    """Debian's packages start their services, on the ordinary ports, unless policy-rc.d says no by exit code 101."""
    if os.geteuid() != 0 or _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    try:
        _POLICY.chmod(0o755)
        yield
    finally:
        with suppress(FileNotFoundError):
            _POLICY.unlink()


def _found(program: str) -> str:
    return shutil.which(program) or f"/usr/sbin/{program}"


def _is_root() -> bool:
    return os.geteuid() == 0
