"""What the benchmark installs: kept in a cache outside the checkout, under a name that tells its versions."""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path


def installed(name: str, versions: bytes, make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills on the first call with these `versions`; later calls find it there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pymager" / "bench"
    folder = cache / f"{name}-{hashlib.sha256(versions).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        print(f"installing {name} into {folder} ...", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        (folder / "complete").touch()
    return folder
