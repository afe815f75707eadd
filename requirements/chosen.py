"""Prints what pymager needs with some of its extras, one requirement a line: `chosen.py pyproject.toml s3,sql`.

The image installs these from files that were checked against run.txt, so that an extra that was not chosen stays out.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

_OWN = re.compile(r"pymager\[([^\]]*)\]")


def requirements(project: dict[str, Any], extras: str) -> list[str]:
    """Those of the project and of its extras, named with commas between. Ends the program where one is unknown."""
    optional: dict[str, list[str]] = project["optional-dependencies"]
    found: list[str] = list(project["dependencies"])
    for extra in filter(None, (name.strip() for name in extras.split(","))):
        if extra not in optional:
            sys.exit(f"EXTRAS: there is no extra '{extra}'; there are: {', '.join(optional)}, with commas between")
        for requirement in optional[extra]:
            own = _OWN.fullmatch(requirement)
            found += requirements({**project, "dependencies": []}, own[1]) if own else [requirement]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    print(*requirements(tomllib.loads(Path(sys.argv[1]).read_text())["project"], sys.argv[2]), sep="\n")
