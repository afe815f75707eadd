"""A Debian 12 of its own with systemd, made of packages alone and booted in namespaces; it needs root."""

import hashlib
import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.servers.cache import apt_installed, cached, run
from tests.servers.process import Missing, Server

_INCLUDED = "adduser,ca-certificates,curl,dbus,mandoc,python3,systemd"
_BOOT = Path(__file__).with_name("boot")
_SECONDS = 120
_RUNS = ("running", "degraded")


class Debian(Server):
    """The machine; `root` is its file system as it is seen from outside."""

    ends_with = signal.SIGKILL

    def __init__(self) -> None:
        super().__init__()
        self.root = self.folder / "root"
        self._groups = Path(tempfile.mkdtemp(prefix="pymager-", dir=_control_groups()))

    @classmethod
    def install(cls) -> None:
        """Make what it is started from. Raises `Missing`."""
        _base()
        _control_groups()

    def prepare(self) -> None:
        self.root.mkdir(mode=0o755)
        self.folder.chmod(0o755)
        run("tar", "--extract", "--numeric-owner", f"--file={_base()}", f"--directory={self.root}")
        self.path("/etc/dpkg/dpkg.cfg.d/quick").write_text("force-unsafe-io\n")  # it is thrown away

    def command(self) -> list[str]:
        return [str(_BOOT), str(self.root), str(self._groups)]

    def answers(self) -> bool:
        return self._first() is not None and self.tried("systemctl", "is-system-running").stdout.strip() in _RUNS

    def run(self, *command: str, stdin: str = "") -> str:
        """What a command prints that succeeds there."""
        done = self.tried(*command, stdin=stdin)
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode} {done.stdout}{done.stderr}"
        return done.stdout

    def tried(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command that may fail there, run to its end as root."""
        return subprocess.run(
            [
                *self.entering("--all"),
                "env",
                "--ignore-environment",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "DEBIAN_FRONTEND=noninteractive",
                *command,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def entering(self, namespaces: str) -> list[str]:
        """What goes before a command of this machine that is to run in there."""
        return ["nsenter", f"--target={self._first()}", namespaces]

    def path(self, name: str) -> Path:
        """Where its file `name` is, seen from outside."""
        return self.root / name.removeprefix("/")

    def _first(self) -> int | None:
        """The id by which this machine knows its first process, once that is systemd."""
        with suppress(OSError, ValueError):
            first = int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text())
            if Path(f"/proc/{first}/exe").readlink().name == "systemd":
                return first
        return None

    def _clear(self) -> None:
        super()._clear()
        _remove(self._groups)


def _base() -> Path:
    """The archive of a fresh system."""
    if os.geteuid() != 0:
        raise Missing("a Debian of its own is booted as root")

    def make(folder: Path) -> None:
        apt_installed("mmdebstrap")
        run("mmdebstrap", "--variant=minbase", f"--include={_INCLUDED}", "bookworm", str(folder / "base.tar"))

    digest = hashlib.sha256(_INCLUDED.encode()).hexdigest()[:12]
    return cached(f"debian-bookworm-{digest}", make) / "base.tar"


def _control_groups() -> Path:
    """Where this machine's control groups are, of version 2, which systemd keeps its services in."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, folder, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(folder)
    raise Missing("a Debian of its own needs control groups of version 2 that may be written")


def _remove(groups: Path) -> None:
    """Remove a folder of control groups, which is empty once the last process in it is gone."""
    end = time.monotonic() + _SECONDS
    while groups.exists() and time.monotonic() < end:
        with suppress(OSError):
            for folder, _, _ in os.walk(groups, topdown=False):
                Path(folder).rmdir()
