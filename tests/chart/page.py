"""docs/how-to/kubernetes.md, and the blocks of it."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "how-to" / "kubernetes.md").read_text()


def blocks(language: str) -> list[str]:
    """What stands in fences of this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def values_files() -> list[dict[str, Any]]:
    """Each a whole values.yaml."""
    return [yaml.safe_load(block) for block in blocks("yaml")]


def policies() -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page allows the role of the pods, and that of the job."""
    pods, job = [json.loads(block) for block in blocks("json") if "Principal" not in block]
    return pods, job
