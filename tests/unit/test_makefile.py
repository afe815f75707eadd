"""The targets of the Makefile, as `make help` lists them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def help_page() -> dict[str, str]:
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(line.split(None, 1) for line in done.stdout.splitlines())


def test_every_target_is_listed_with_a_sentence() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert phony is not None
    targets = set(phony[1].replace("\\", " ").split())
    page = help_page()
    assert set(page) == targets
    assert all(what[0].isupper() and what.endswith(".") for what in page.values())


def test_every_target_that_makes_no_file_is_phony() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    assert set(re.findall(r"^([a-z-]+):(?!=)", text, re.MULTILINE)) == set(help_page())


def test_the_contributing_page_names_the_quick_loop() -> None:
    assert "make test-quick" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
