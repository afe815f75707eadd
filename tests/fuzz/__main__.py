"""Fuzz targets for long: `make fuzz SECONDS=3600 TARGETS=walk`, or `python -m tests.fuzz walk --seconds 3600`.

Where atheris is installed, it chooses the inputs by the code that they reach; otherwise, and with `--plain`, they are
mutations of the seeds. An input that fails is written to a file, and repeated with `--input FILE`.
"""

import argparse
import multiprocessing
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz import driver
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all of them by default: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="do without atheris")
    parser.add_argument("--input", type=Path, help="run this input only")
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"), help="where inputs that fail are kept")
    given = parser.parse_args()
    guided = not given.plain and given.input is None and find_spec("atheris") is not None
    names = given.targets or list(TARGETS)
    if given.input is not None:
        for name in names:
            TARGETS[name].run(given.input.read_bytes())
        return 0
    failed = [
        name for name in names if not _run_apart(guided, name, given.seconds, given.seed, given.findings.absolute())
    ]
    print(f"failed: {', '.join(failed)}" if failed else "nothing was found", flush=True)
    return 1 if failed else 0


def _run_apart(guided: bool, name: str, seconds: float, seed: int, findings: Path) -> bool:
    """Run a target in a process of its own: atheris ends the one it runs in."""
    findings.mkdir(parents=True, exist_ok=True)
    print(f"{name}: {seconds:g} s {'with atheris' if guided else 'of mutations'}, seed {seed}", flush=True)
    process = multiprocessing.get_context("spawn").Process(
        target=driver.guided if guided else driver.plain, args=(name, seconds, seed, findings)
    )
    process.start()
    process.join()
    return process.exitcode == 0


if __name__ == "__main__":
    sys.exit(main())
