"""A real `pymager serve --dev` in a process of its own."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
PROGRAM = os.environ.get("PYMAGER_PROGRAM", str(CHECKOUT / ".venv" / "bin" / "pymager"))
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
USERNAME, PASSWORD = "test", "test"
TOKEN = "a-token-of-the-tests"
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[str]:
    """The URL of a server with these settings, named as in the environment, without the prefix."""
    log = folder / "server.log"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYMAGER_")}
    environ |= {
        "PYMAGER_PORT": "0",
        "PYMAGER_WORKERS": "1",
        "PYMAGER_SPOOL": str(folder),
        "PYMAGER_SIGNING_KEYS": KEY,
        **{f"PYMAGER_{name.upper()}": value for name, value in settings.items()},
    }
    with log.open("wb") as output:
        process = subprocess.Popen([PROGRAM, "serve", "--dev"], stdout=output, stderr=output, env=environ, cwd=folder)
    try:
        yield _url(process, log)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if found := re.search(r"^pymager serves on (\S+)$", log.read_text("utf-8"), re.MULTILINE):
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text('utf-8')}")
