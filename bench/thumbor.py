"""thumbor, to compare with: its own virtual environment outside the checkout, its configuration, its URLs."""

import base64
import hashlib
import hmac
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from bench.cache import installed

LOCK = Path(__file__).with_name("requirements-thumbor.txt")
BUILD_TOOL = "setuptools"


def install() -> Path:
    """The Python of an environment with exactly what the lock file says; made on the first call, then kept."""
    return installed("thumbor", LOCK.read_bytes() + sys.version.encode(), _install_into) / "bin" / "python"


def version(python: Path) -> str:
    """thumbor's version and that of its Pillow, in words."""
    code = "import PIL, thumbor; print(f'thumbor {thumbor.__version__} with Pillow {PIL.__version__}')"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def configuration(folder: Path, key: str) -> str:
    """A thumbor.conf: signed URLs only and results kept in files, as its documentation says for production.

    What it renders is compared, so its quality stands here too; all else is left at thumbor's own defaults.
    """
    settings = {
        "SECURITY_KEY": key,
        "ALLOW_UNSAFE_URL": False,
        "LOADER": "thumbor.loaders.file_loader",
        "FILE_LOADER_ROOT_PATH": str(folder / "originals"),
        "STORAGE": "thumbor.storages.no_storage",  # the originals are in files already: a second copy only costs
        "RESULT_STORAGE": "thumbor.result_storages.file_storage",
        "RESULT_STORAGE_FILE_STORAGE_ROOT_PATH": str(folder / "results"),
        "RESULT_STORAGE_EXPIRATION_SECONDS": 0,
        "QUALITY": 80,
        "UPLOAD_ENABLED": True,
        "UPLOAD_PHOTO_STORAGE": "thumbor.storages.file_storage",
        "FILE_STORAGE_ROOT_PATH": str(folder / "uploads"),
    }
    return "".join(f"{name} = {value!r}\n" for name, value in settings.items())


def signed(key: str, path: str) -> str:
    """thumbor's signed URL of a path: HMAC-SHA1 in URL-safe base64 before it."""
    digest = hmac.new(key.encode(), path.encode(), hashlib.sha1).digest()
    return f"/{base64.urlsafe_b64encode(digest).decode()}/{path}"


def _install_into(folder: Path) -> None:
    venv.create(folder, with_pip=True)
    pip: list[str | Path] = [
        folder / "bin" / "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as first:
        first.write(_locked(BUILD_TOOL))  # one dependency has no wheel, and a build of its own would be unpinned
        first.flush()
        subprocess.run([*pip, "-r", first.name], check=True)
    try:
        subprocess.run([*pip, "--no-build-isolation", "-r", LOCK], check=True)
    except subprocess.CalledProcessError:
        missing = [tool for tool in ("gcc",) if shutil.which(tool) is None]
        hint = f"; where there is no wheel for this machine it needs {', '.join(missing)}" if missing else ""
        sys.exit(f"thumbor could not be installed{hint}")


def _locked(name: str) -> str:
    """The lines of the lock file for one package."""
    lines = LOCK.read_text().splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next((i for i in range(start + 1, len(lines)) if not lines[i].startswith(" ")), len(lines))
    return "".join(lines[start:end])
