"""Writes docs/settings.md from the code: `python -m pymager.settings.reference docs/settings.md`."""

import sys
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pymager.settings.model import Settings
from pymager.settings.sources import PREFIX

_HEAD = """# Settings

Each setting is read from the environment, under the name given here, or from a TOML file that `PYMAGER_CONFIG` or
`--config` names, under the same name in lower case and without `PYMAGER_`. The environment goes before the file, and
an option of the command line before both. A setting that is unknown or can't be right stops the start and is named.
`pymager config` shows what is in force and where it comes from.

Sizes are in bytes and may be written as `100MB` or `64MiB`; times are in seconds; lists have commas or spaces
between. This page is made from the code by `make docs`.

| variable | default | meaning |
|---|---|---|
"""


def settings_page() -> str:
    """The page in Markdown."""
    return _HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{PREFIX}{name.upper()}` | {default_of(field)} | {field.description} |\n"


def default_of(field: FieldInfo) -> str:
    """The default of a setting in Markdown."""
    if field.default is PydanticUndefined:
        return "empty" if field.default_factory is dict else "computed"
    if isinstance(field.default, tuple):
        return f"`{','.join(field.default)}`" if field.default else "empty"
    return f"`{field.default}`" if field.default not in (None, "") else "empty"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(settings_page(), "utf-8")
