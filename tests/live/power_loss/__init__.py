"""What a power failure leaves: a program whose file operations are recorded, and the disks that could remain.

`recorder.c` records, `disk` replays, `load` makes uploads and knows what was acknowledged at each moment of the record.
"""

import shutil
from hashlib import sha256
from pathlib import Path

from tests.servers.cache import apt_installed, cached, run

_SOURCE = Path(__file__).with_name("recorder.c")


def recorder() -> Path:
    """The library for LD_PRELOAD, built once for this source. Raises `Missing` without a C compiler."""
    digest = sha256(_SOURCE.read_bytes()).hexdigest()[:16]

    def make(folder: Path) -> None:
        if shutil.which("cc") is None:
            apt_installed("gcc", "libc6-dev")
        run("cc", "-shared", "-fPIC", "-O1", "-o", str(folder / "recorder.so"), str(_SOURCE), "-ldl", "-pthread")

    return cached(f"power-loss-{digest}", make) / "recorder.so"
