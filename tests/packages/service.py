"""The packaged service on a Debian of its own: installed, asked, and looked at."""

import io
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.packages.debian import Debian
from tests.servers import Minio

URL = "http://127.0.0.1:8000"
AS_SERVICE = ("systemd-run", "--pipe", "--wait", "--uid=pymager", "-pEnvironmentFile=-/etc/default/pymager")
_TIMEOUT_SECONDS = 60.0


def install(debian: Debian, package: Path) -> str:
    """What apt says; nothing has to be fetched, and a file that was changed stays."""
    target = debian.path(f"/srv/{package.name}")
    target.write_bytes(package.read_bytes())
    keep = ("-o", "Dpkg::Options::=--force-confold")
    said = debian.run("apt-get", "install", "--yes", "--no-install-recommends", *keep, f"/srv/{package.name}")
    target.unlink()
    return said


def until(debian: Debian, condition: Callable[[], bool], what: str) -> None:
    """Wait for it."""
    end = time.monotonic() + _TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"waited for {what}: {journal(debian)}"
        time.sleep(0.05)


def ready(debian: Debian) -> bool:
    """Whether the service says so."""
    return debian.tried("curl", "-sSf", f"{URL}/readyz").returncode == 0


def journal(debian: Debian) -> str:
    """What the service has said."""
    return debian.run("journalctl", "--no-pager", "--unit=pymager")


def password(debian: Debian) -> str:
    """The first user's."""
    return debian.path("/etc/pymager/first-password").read_text().strip()


def upload(debian: Debian, name: str) -> str:
    """Upload the machine's photograph under this name as the first user, and give the answer."""
    form = ("-u", f"admin:{password(debian)}", "-F", "file=@/srv/cat.jpg")
    return debian.run("curl", "-sSf", *form, f"{URL}/original/{name}")


def picture(debian: Debian, path: str) -> Image.Image:
    """What comes back, decoded to its last pixel."""
    debian.run("curl", "-sSf", "-o", "/srv/answer", f"{URL}{path}")
    picture = Image.open(io.BytesIO(debian.path("/srv/answer").read_bytes()))
    picture.load()
    return picture


def main(debian: Debian) -> int:
    """The id of the service's main process."""
    return int(debian.run("systemctl", "show", "--property=MainPID", "--value", "pymager"))


def mode(debian: Debian, path: str) -> str:
    """Mode, owner and group of a file."""
    return debian.run("stat", "--format=%a %U %G", path).strip()


def reinstall(debian: Debian, package: Path) -> None:
    """The same again, by dpkg alone."""
    debian.path("/srv/again.deb").write_bytes(package.read_bytes())
    debian.run("dpkg", "--install", "/srv/again.deb")


class Bucket(Minio):
    """A MinIO that only the machine reaches."""

    def __init__(self, debian: Debian) -> None:
        super().__init__()
        self.debian = debian

    def command(self) -> list[str]:
        return [*self.debian.entering("--net"), *super().command()]

    def answers(self) -> bool:
        return self.debian.tried("curl", "-sf", f"{self.endpoint}/minio/health/ready").returncode == 0
