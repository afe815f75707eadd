"""Builds the Debian package from the checkout: `python packaging/debian/build.py dist`.

It needs dpkg-deb, Python 3.11 with pip, and no root. The dependencies are the wheels that requirements/run.txt locks.
"""

import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from email.utils import formatdate
from importlib.metadata import Distribution, distributions
from pathlib import Path

import manpages

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
PYTHON = "3.11"  # of Debian 12
GLIBC = 36  # of Debian 12: 2.36
HOME = "usr/lib/pymager"
SITE = f"{HOME}/lib/python{PYTHON}/site-packages"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CONFFILES = ("/etc/default/pymager", "/etc/pymager/pymager.toml")
_PRE = re.compile(r"\.?(a|b|rc|dev)(?=\d)")
_SCRIPT = """#!/usr/lib/pymager/bin/python3 -I
import sys

from pymager.__main__ import main

sys.exit(main())
"""


def main(target: Path) -> None:
    """Write the package into the folder `target`."""
    if ".".join(platform.python_version_tuple()[:2]) != PYTHON:
        sys.exit(f"make deb needs Python {PYTHON}, which Debian 12 has; this is {platform.python_version()}")
    if shutil.which("dpkg-deb") is None:
        sys.exit("make deb needs dpkg-deb, which is in Debian's package dpkg")
    if platform.machine() not in ARCHITECTURES:
        sys.exit(f"make deb builds for {' and '.join(ARCHITECTURES)}, not for {platform.machine()}")
    os.environ.setdefault("SOURCE_DATE_EPOCH", _committed())
    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        _install_programs(root)
        _install_files(root)
        _install_documentation(root, version)
        _write_control(root, version)
        package = target / f"pymager_{debian_version(version)}_{ARCHITECTURES[platform.machine()]}.deb"
        target.mkdir(parents=True, exist_ok=True)
        _run("dpkg-deb", "--root-owner-group", "--build", root, package)


def debian_version(version: str) -> str:
    """The version as Debian sorts it: 0.2.0rc1 is before 0.2.0, so it is 0.2.0~rc1."""
    return _PRE.sub(r"~\1", version)


def _install_programs(root: Path) -> None:
    """A virtual environment on Debian's interpreter, written by hand: its paths are not those of this machine."""
    site = root / SITE
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    pip += ["--no-warn-script-location", "--target", str(site)]
    _run(*pip, "--require-hashes", *_for_debian(), "-r", CHECKOUT / "requirements" / "run.txt")
    shutil.rmtree(site / "bin")  # programs that name this machine's interpreter
    _run(*pip, "--no-index", "--no-deps", "--no-build-isolation", CHECKOUT)
    shutil.rmtree(site / "bin")
    for address in site.glob("pymager-*.dist-info/direct_url.json"):  # names this machine's folder
        address.unlink()
    home = root / HOME
    _write(home / "pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n")
    _write(home / "bin" / "pymager", _SCRIPT, 0o755)
    (home / "bin" / "python3").symlink_to(f"../../../bin/python{PYTHON}")
    (root / "usr" / "bin").mkdir()
    (root / "usr" / "bin" / "pymager").symlink_to("../lib/pymager/bin/pymager")


def _for_debian() -> list[str]:
    """pip's options for wheels that Debian 12 can load, whatever this machine has."""
    tags = [f"manylinux_2_{minor}" for minor in range(GLIBC, 4, -1)] + ["manylinux2014", "manylinux2010", "manylinux1"]
    platforms = [option for tag in tags for option in ("--platform", f"{tag}_{platform.machine()}")]
    return ["--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON, *platforms]


def _install_files(root: Path) -> None:
    for source, target, mode in (
        ("pymager.service", "lib/systemd/system/pymager.service", 0o644),
        ("pymager.toml", "etc/pymager/pymager.toml", 0o640),
        ("pymager.default", "etc/default/pymager", 0o640),
    ):
        _write(root / target, (HERE / source).read_text(), mode)


def _install_documentation(root: Path, version: str) -> None:
    pages, folder = root / "usr/share/man", root / "usr/share/doc/pymager"
    made = int(os.environ["SOURCE_DATE_EPOCH"])
    day = time.strftime("%Y-%m-%d", time.gmtime(made))
    _write_compressed(pages / "man1" / "pymager.1.gz", manpages.program_page(version, day))
    _write_compressed(pages / "man5" / "pymager.toml.5.gz", manpages.settings_page(version, day))
    entry = f"pymager ({debian_version(version)}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n"
    _write_compressed(folder / "changelog.gz", f"{entry} -- {_maintainer()}  {formatdate(made)}\n")
    _write_compressed(folder / "CHANGELOG.md.gz", (CHECKOUT / "CHANGELOG.md").read_text())
    _write(folder / "copyright", _licenses(root / SITE))
    for page in sorted((CHECKOUT / "docs").rglob("*.md")):
        _write(folder / page.relative_to(CHECKOUT), page.read_text())


def _licenses(site: Path) -> str:
    rows = [
        f"  {found.name} {found.version}: {_license(found)}"
        for found in sorted(distributions(path=[str(site)]), key=lambda found: found.name.lower())
        if found.name != "pymager"
    ]
    return (
        "pymager is under the Apache License 2.0, /usr/share/common-licenses/Apache-2.0.\n\n"
        "The package contains these Python packages. The text of each license is in a .dist-info folder below\n"
        f"/{SITE}:\n\n" + "\n".join(rows) + "\n"
    )


def _license(found: Distribution) -> str:
    told = found.metadata.json
    said = str(told.get("license_expression") or told.get("license") or "")
    if said and "\n" not in said:
        return said
    named = [line.rpartition(" :: ")[2] for line in told.get("classifier", []) if line.startswith("License :: ")]
    return ", ".join(named) or "see its .dist-info folder"


def _write_control(root: Path, version: str) -> None:
    control = root / "DEBIAN"
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    values = {
        "VERSION": debian_version(version),
        "ARCHITECTURE": ARCHITECTURES[platform.machine()],
        "MAINTAINER": _maintainer(),
        "SIZE": str(sum(-(-path.stat().st_size // 1024) for path in files)),
    }
    _write(control / "control", re.sub(r"@(\w+)@", lambda match: values[match[1]], (HERE / "control.in").read_text()))
    _write(control / "conffiles", "".join(f"{path}\n" for path in CONFFILES))
    sums = [f"{_md5(path)}  {name}\n" for path in files if f"/{(name := path.relative_to(root))}" not in CONFFILES]
    _write(control / "md5sums", "".join(sums))
    for script in ("postinst", "prerm", "postrm"):
        _write(control / script, (HERE / script).read_text(), 0o755)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _maintainer() -> str:
    """The maintainer, as in deb-control(5). Debian's own tools use the same environment variables."""
    name, address = os.environ.get("DEBFULLNAME", "pymager"), os.environ.get("DEBEMAIL", "root@localhost")
    return f"{name} <{address}>"


def _committed() -> str:
    """The time of the checkout's commit, so that a package is reproducible; without git, the current time."""
    command = [shutil.which("git") or "/bin/false", "log", "-1", "--format=%ct"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or str(int(time.time()))


def _write_compressed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)


def _run(*command: str | Path) -> None:
    if subprocess.run([*map(str, command)], check=False).returncode != 0:
        sys.exit(f"make deb: this command failed: {command[0]} {' '.join(map(str, command[1:4]))} ...")


if __name__ == "__main__":
    os.umask(0o022)
    main(Path(sys.argv[1]).absolute())
