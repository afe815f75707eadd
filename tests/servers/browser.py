"""Chromium, as Debian packages it."""

from pathlib import Path

from tests.servers.cache import apt_installed

PROGRAM = Path("/usr/bin/chromium")


def install() -> None:
    """Install it if it is not there. Raises `Missing`."""
    if not PROGRAM.exists():
        apt_installed("chromium", "fonts-dejavu-core")
