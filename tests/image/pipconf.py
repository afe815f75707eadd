"""How pip reaches its index on this machine, as the files that the build of the image takes for secrets."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

_KEPT = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"  # where the Dockerfile puts the secret `ca`


def secrets(folder: Path) -> list[str]:
    """The options for the build, none where pip needs nothing; `folder` gets what they name."""
    options = []
    settings = {name: value for name in _KEPT if (value := _setting(name))}
    certificates = _setting("cert")
    if certificates:
        settings["cert"] = _BUNDLE
        options.append(f"--secret id=ca,src={certificates}")
    if settings:
        file = configparser.RawConfigParser()
        file["global"] = settings
        path = folder / "pip.conf"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            file.write(opened)
        options.append(f"--secret id=pip.conf,src={path}")
    return options


def _setting(name: str) -> str:
    """What pip takes: the environment's, or that of its files."""
    if value := os.environ.get(f"PIP_{name.upper().replace('-', '_')}"):
        return value
    command = [sys.executable, "-m", "pip", "config", "get", f"global.{name}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
