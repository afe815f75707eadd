"""What a server process imports: a decoder in it could be attacked outside of the sandbox."""

import subprocess
import sys
from pathlib import Path

from tests.engine.checks import four_colors
from tests.pictures import encoded

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
    without_decoders = ("jobs", "limits", "protocol", "recipe", "slow_encodings")
    assert engine.split() == [f"pymager.engine.{name}" for name in without_decoders]
    assert decoders == ""


_RENDER_PLAIN_PICTURES = """
import sys
from pathlib import Path

from pymager.engine.inspect import inspect
from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.render import render
from pymager.formats import Encoding
from pymager.variants.variant import Variant

limits = PictureLimits(("JPEG", "MPO", "PNG"))
for path in map(Path, sys.argv[1:]):
    inspect(path, limits, (255, 255, 255))
    render(path, limits, RenderJob(Variant(20, 10, "webp"), Encoding()))
print("numpy" in sys.modules)
"""


def test_plain_pictures_do_not_load_numpy(tmp_path: Path) -> None:
    files = []
    for format in ("JPEG", "PNG"):
        files.append(tmp_path / format)
        files[-1].write_bytes(encoded(four_colors(), format))
    command = [sys.executable, "-c", _RENDER_PLAIN_PICTURES, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


_LOAD_WHAT_WORKERS_SHARE = """
import sys

from pymager.engine import template

template._load_handlers(("JPEG", "MPO", "PNG", "WEBP"))
print(*sys.modules)
"""


def test_a_worker_has_nothing_of_the_server() -> None:
    done = subprocess.run([sys.executable, "-c", _LOAD_WHAT_WORKERS_SHARE], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "PIL" in loaded
    assert loaded & {"asyncio", "aiohttp", "structlog", "pydantic", "click", "numpy", "sqlalchemy", "uvloop"} == set()
