"""What a server process imports: a decoder in it could be attacked outside of the sandbox."""

import subprocess
import sys

_IMPORT_EVERYTHING_BUT_THE_ENGINE = """
import sys
from importlib import import_module
from pathlib import Path

import pymager

root = Path(pymager.__file__).parent
for path in root.rglob("*.py"):
    parts = path.relative_to(root.parent).with_suffix("").parts
    if parts[1] != "engine" and parts[-1] != "__main__":
        import_module(".".join(parts).removesuffix(".__init__"))
for name in ("pymager.web.server", "pymager.composition", "pymager.operations.housekeeping"):
    assert name in sys.modules, name
print(*sorted(name for name in sys.modules if name.startswith("pymager.engine.")))
print(*sorted({"PIL", "cykooz_resizer", "pi_heif"} & sys.modules.keys()))
"""


def test_a_server_process_loads_no_decoder() -> None:
    command = [sys.executable, "-c", _IMPORT_EVERYTHING_BUT_THE_ENGINE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    engine, decoders = done.stdout.splitlines()
    assert engine.split() == [f"pymager.engine.{name}" for name in ("jobs", "limits", "protocol", "recipe")]
    assert decoders == ""
