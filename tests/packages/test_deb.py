"""The Debian package, from its installation to its purge, on a Debian 12 that systemd has booted. `make deb-test`."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymager import __version__
from pymager.formats import OUTPUTS
from pymager.sandbox import confinement
from pymager.settings.model import Settings
from tests.conftest import served
from tests.packages.debian import Debian
from tests.packages.service import (
    AS_SERVICE,
    URL,
    Bucket,
    install,
    journal,
    main,
    mode,
    password,
    picture,
    ready,
    reinstall,
    until,
    upload,
)
from tests.pictures import jpeg
from tests.servers import Minio

pytestmark = pytest.mark.live

_ROOT = Path(__file__).parents[2]
_LATER = "99.0"
# Quick to write; `make deb` has dpkg-deb's own choice.
_QUICK = {"DPKG_DEB_COMPRESSOR_TYPE": "gzip", "DPKG_DEB_COMPRESSOR_LEVEL": "1"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this checkout."""
    folder = tmp_path_factory.mktemp("deb")
    _run(sys.executable, _ROOT / "packaging" / "debian" / "build.py", folder)
    (found,) = folder.glob(f"pymager_{__version__}_*.deb")
    return found


@pytest.fixture(scope="module")
def later(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a later version, whose file of variables has a line more."""
    root = tmp_path_factory.mktemp("later") / "root"
    _run("dpkg-deb", "--raw-extract", package, root)
    control = root / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {_LATER}", control.read_text()))
    with (root / "etc" / "default" / "pymager").open("a") as file:
        file.write("# of a later version\n")
    target = root.with_name(f"pymager_{_LATER}.deb")
    _run("dpkg-deb", "--root-owner-group", "--build", root, target)
    return target


def _run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], env=os.environ | _QUICK, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def machine() -> Iterator[Debian]:
    yield from served(Debian)


@pytest.fixture(scope="module")
def debian(machine: Debian, package: Path) -> Debian:
    """The machine, with the package installed by apt, and one original uploaded."""
    install(machine, package)
    until(machine, lambda: ready(machine), "the service")
    machine.path("/srv/cat.jpg").write_bytes(jpeg(640, 480))
    assert '"id":"cat"' in upload(machine, "cat")
    return machine


def test_the_service_runs_as_its_own_user_without_privileges(debian: Debian) -> None:
    status = debian.run("cat", f"/proc/{main(debian)}/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines())
    user = debian.run("id", "--user", "pymager").strip()
    assert set(facts["Uid"].split()) == {user} != {"0"}
    assert {int(facts[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    assert debian.run("systemctl", "is-enabled", "pymager").strip() == "enabled"


def test_the_sandbox_is_the_same_as_outside_of_systemd(debian: Debian) -> None:
    line = f'"in_force":"{confinement.chosen("auto")}"'
    until(debian, lambda: line in journal(debian), "the line about the sandbox")


def test_it_can_write_to_its_own_folders_alone(debian: Debian) -> None:
    outside = r"\( -path /proc -o -path /sys -o -path /dev -o -path '/var/lib/pymager/*' \) -prune"
    find = f"find / {outside} -o \\( -type d -o -type f \\) -writable -print 2>/dev/null || true"
    inside = ("nsenter", f"--target={main(debian)}", "--mount")
    user = ("setpriv", "--reuid=pymager", "--regid=pymager", "--clear-groups")
    found = {path for path in debian.run(*inside, *user, "sh", "-c", find).split() if not path.startswith("/tmp/")}
    assert found == {"/var/lib/pymager", "/tmp", "/var/tmp"}


def test_derived_pictures_of_every_format_are_made_behind_its_walls(debian: Debian) -> None:
    for extension in OUTPUTS.keys() - {"jxl"}:  # its codec is under the GPL, and not in the package
        assert picture(debian, f"/derived/cat-100x100.{extension}").size == (100, 100)


def test_its_workers_are_the_first_to_go_and_yield_to_the_server(debian: Debian) -> None:
    pids = debian.run("cat", "/sys/fs/cgroup/system.slice/pymager.service/cgroup.procs").split()
    workers = [pid for pid in pids if pid != str(main(debian))]
    assert workers
    for worker in workers:
        assert debian.run("cat", f"/proc/{worker}/oom_score_adj").strip() == "1000"
        assert debian.run("cat", f"/proc/{worker}/stat").rpartition(") ")[2].split()[16] == "5"


def test_secrets_are_for_the_service_or_for_root_alone_and_not_in_the_journal(debian: Debian) -> None:
    assert mode(debian, "/etc/pymager/first-password") == "600 root root"
    assert mode(debian, "/etc/pymager/pymager.toml") == "640 root pymager"
    assert mode(debian, "/etc/default/pymager") == "640 root pymager"
    assert mode(debian, "/var/lib/pymager") == "750 pymager pymager"
    assert len(password(debian)) >= 16
    assert password(debian) not in journal(debian)


def test_the_unit_is_what_systemd_understands_and_finds_safe(debian: Debian) -> None:
    example = debian.path("/etc/systemd/system/example.service")
    example.write_text((_ROOT / "examples" / "systemd" / "pymager.service").read_text())
    debian.run("mkdir", "--parents", "/opt/pymager/bin")
    debian.run("ln", "--symbolic", "/usr/bin/pymager", "/opt/pymager/bin/pymager")
    for unit in ("pymager.service", "example.service"):
        done = debian.tried("systemd-analyze", "verify", "--man=no", unit)
        assert (done.returncode, done.stderr) == (0, "")
    example.unlink()
    said = debian.run("systemd-analyze", "security", "--no-pager", "--threshold=20", "pymager.service")
    print(said.splitlines()[-1])  # no more than 2.0 of 10


def test_every_shared_library_is_inside_or_of_a_package_that_it_depends_on(debian: Debian) -> None:
    found = debian.run("sh", "-c", "find /usr/lib/pymager -name '*.so' -type f -exec ldd {} +")
    assert "not found" not in found
    outside = {path for path in re.findall(r"=> (/\S+)", found) if not path.startswith("/usr/lib/pymager")}
    owners = {debian.run("dpkg", "--search", f"*/{Path(path).name}").partition(":")[0] for path in outside}
    depends = debian.run("dpkg-query", "--show", "--showformat=${Depends}", "pymager")
    assert owners <= {part.split()[0] for part in depends.split(", ")}
    assert "libc6" in owners


def test_every_backend_is_inside(debian: Debian) -> None:
    modules = "aiodynamo, alembic, boto3, obstore, opentelemetry.sdk, pi_heif, psycopg, pymysql, sqlalchemy, uvloop"
    debian.run("/usr/lib/pymager/bin/python3", "-I", "-c", f"import {modules}")
    assert debian.run("pymager", "--version").split()[-1] == __version__


def test_the_manual_pages_are_well_formed_and_name_every_command_and_setting(debian: Debian) -> None:
    pages = {}
    for section, name in ((1, "pymager.1"), (5, "pymager.toml.5")):
        pages[section] = debian.run("zcat", f"/usr/share/man/man{section}/{name}.gz")
        debian.run("mandoc", "-T", "lint", "-W", "warning", stdin=pages[section])
    assert all(f"\\fB{name}\\fR (" in pages[5] for name in Settings.model_fields)
    commands = re.findall(r"(?m)^  ([a-z-]+)  ", debian.run("pymager", "--help").partition("Commands:")[2])
    assert len(commands) > 8
    assert all(f'.SS "{name.replace("-", chr(92) + "-")}' in pages[1] for name in commands)


def test_a_command_works_on_the_services_data_as_the_manual_says(debian: Debian) -> None:
    page = debian.run("zcat", "/usr/share/man/man1/pymager.1.gz")
    (line,) = re.findall(r"(?ms)^(systemd\\-run.*?)$\n\.EE", page)
    said = debian.run("sh", "-c", line.replace(r"\e", "\\").replace(r"\-", "-"))
    assert "1 original checked, 0 lost or damaged" in said


def test_a_wrong_setting_is_told_in_the_journal_and_not_tried_again(debian: Debian) -> None:
    path = debian.path("/etc/default/pymager")
    before = path.read_text()
    path.write_text("PYMAGER_PORT=http\n")
    debian.tried("systemctl", "restart", "pymager")
    until(debian, lambda: debian.tried("systemctl", "is-failed", "pymager").returncode == 0, "its end")
    assert debian.run("systemctl", "show", "--property=NRestarts", "--value", "pymager").strip() == "0"
    until(debian, lambda: "PYMAGER_PORT: must be a whole number from 0 to 65535" in journal(debian), "the reason")
    path.write_text(before)
    debian.run("systemctl", "start", "pymager")
    until(debian, lambda: ready(debian), "the service")


def test_a_bucket_is_served_from_behind_its_walls(debian: Debian, minio: Minio) -> None:
    path = debian.path("/etc/default/pymager")
    before = path.read_text()
    keys = [f"{name}={os.environ[name]}\n" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    users = f"PYMAGER_USERS={debian.path('/var/lib/pymager/first-user').read_text()}"
    with Bucket(debian) as bucket:
        path.write_text("".join([*keys, users, f"PYMAGER_BLOBS={bucket.url('pictures')}\nPYMAGER_PROCESSES=2\n"]))
        debian.run(*AS_SERVICE, "pymager", "--config", "/etc/pymager/pymager.toml", "init")
        debian.run("systemctl", "restart", "pymager")
        until(debian, lambda: ready(debian), "the service over the bucket")
        assert '"id":"bird"' in upload(debian, "bird")
        assert picture(debian, "/derived/bird-100x100.jpg").size == (100, 100)
        debian.run("curl", "-sSf", "-X", "DELETE", "-u", f"admin:{password(debian)}", f"{URL}/original/bird")
        path.write_text(before)
        debian.run("systemctl", "restart", "pymager")
        until(debian, lambda: ready(debian), "the service over its folder")


def test_an_upgrade_keeps_the_data_and_what_was_changed(debian: Debian, later: Path) -> None:
    settings = debian.path("/etc/pymager/pymager.toml")
    settings.write_text(settings.read_text().replace('"100x100"', '"100x100", "64x48"'))
    before, secret = main(debian), password(debian)
    install(debian, later)
    until(debian, lambda: ready(debian), "the later version")
    assert debian.run("dpkg-query", "--show", "--showformat=${Version}", "pymager") == _LATER
    assert main(debian) != before
    assert '"64x48"' in settings.read_text()
    assert picture(debian, "/derived/cat-64x48.webp").size == (64, 48)
    assert debian.path("/etc/default/pymager").read_text().endswith("# of a later version\n")
    assert mode(debian, "/etc/default/pymager") == mode(debian, "/etc/pymager/pymager.toml") == "640 root pymager"
    assert password(debian) == secret
    assert '"id":"dog"' in upload(debian, "dog")


def test_a_service_that_was_disabled_is_not_started_by_an_upgrade(debian: Debian, later: Path) -> None:
    debian.run("systemctl", "disable", "--now", "pymager")
    reinstall(debian, later)
    assert debian.tried("systemctl", "is-active", "pymager").stdout.strip() == "inactive"
    assert debian.tried("systemctl", "is-enabled", "pymager").stdout.strip() == "disabled"


def test_a_removal_leaves_the_settings_and_the_data(debian: Debian) -> None:
    debian.run("apt-get", "remove", "--yes", "pymager")
    assert '"64x48"' in debian.path("/etc/pymager/pymager.toml").read_text()
    assert debian.path("/etc/pymager/first-password").exists()
    assert debian.path("/var/lib/pymager/catalog.db").exists()
    for path in ("/usr/lib/pymager", "/usr/bin/pymager", "/lib/systemd/system/pymager.service"):
        assert not os.path.lexists(debian.path(path)), path


def test_a_purge_leaves_the_originals_and_nothing_else(debian: Debian) -> None:
    said = debian.tried("apt-get", "purge", "--yes", "pymager")
    assert said.returncode == 0
    assert "kept /var/lib/pymager with the originals" in said.stdout + said.stderr
    for path in ("/etc/pymager", "/etc/default/pymager", "/usr/lib/pymager", "/usr/bin/pymager"):
        assert not os.path.lexists(debian.path(path)), path
    assert debian.run("find", "/etc/systemd", "/lib/systemd", "-name", "*pymager*") == ""
    originals = debian.run("find", "/var/lib/pymager/blobs/original", "-type", "f").split()
    assert len(originals) == 2
    assert jpeg(640, 480) in [debian.path(path).read_bytes() for path in originals]
    assert mode(debian, originals[0]) == "600 pymager pymager"


def test_installed_again_it_serves_what_was_left(debian: Debian, package: Path) -> None:
    install(debian, package)
    until(debian, lambda: ready(debian), "the service")
    assert picture(debian, "/derived/dog-100x100.jpg").size == (100, 100)
    assert not debian.path("/etc/pymager/first-password").exists()  # the first user is the one that was left


def test_a_purge_of_what_was_never_used_leaves_nothing(debian: Debian) -> None:
    debian.run("systemctl", "stop", "pymager")
    debian.run("find", "/var/lib/pymager", "-mindepth", "1", "-delete")
    said = debian.tried("apt-get", "purge", "--yes", "pymager")
    assert said.returncode == 0
    assert not debian.path("/var/lib/pymager").exists()
    assert debian.tried("id", "pymager").returncode != 0
