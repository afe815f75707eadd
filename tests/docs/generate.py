"""Generates pages of the reference from the program: `python -m tests.docs.generate`."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs.commands import commands_page
from tests.docs.errors import errors_page
from tests.docs.rest import rest_page

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": commands_page,
    "errors.md": errors_page,
    "rest-api.md": rest_page,
}
"""The generated pages. `pymager.settings.reference` makes that of the settings."""


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
