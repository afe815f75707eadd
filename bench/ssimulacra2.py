"""SSIMULACRA2, from a package in a virtual environment of its own outside the checkout."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

LOCK = Path(__file__).with_name("requirements-ssimulacra2.txt")
_LOOP = """
import contextlib, io, sys
from ssimulacra2 import compute_ssimulacra2
def read():
    return io.BytesIO(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))
while True:
    try:
        one, other = read(), read()
    except ValueError:
        break
    with contextlib.redirect_stdout(sys.stderr):
        score = float(compute_ssimulacra2(one, other))
    print(score, flush=True)
"""


class Ssimulacra2:
    """A process that scores pictures: 100 for equal ones, 90 for no visible difference, 70 for high quality.

    Use as a context manager.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [_install(), "-c", _LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def score(self, picture: Image.Image, reference: Image.Image) -> float:
        """The score of a picture of the reference's size. Ignores transparency."""
        assert self._process.stdin is not None and self._process.stdout is not None
        for data in (_png(reference), _png(picture)):
            self._process.stdin.write(f"{len(data)}\n".encode() + data)
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()


def _install() -> Path:
    """The Python of an environment with exactly what the lock file says; made on the first call, then kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pymager" / "bench"
    mark = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache / f"ssimulacra2-{mark}"
    if not (folder / "complete").exists():
        print(f"installing ssimulacra2 into {folder} ...", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = (folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
        subprocess.run([*pip, "-r", LOCK], check=True)
        (folder / "complete").touch()
    return folder / "bin" / "python"
