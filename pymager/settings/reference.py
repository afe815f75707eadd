"""Generates docs/reference/settings.md: `python -m pymager.settings.reference docs/reference/settings.md`."""

import sys
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pymager.settings.model import Settings
from pymager.settings.sources import PREFIX

_HEAD = """# Settings

For operators: every setting of pymager, with its default.

A setting is read from an environment variable with the name below, or from a TOML file that `PYMAGER_CONFIG` or
`--config` names. In the file, names are in lower case and without `PYMAGER_`. The environment overrides the file, and
options of the command line override both. pymager does not start with an unknown setting or a wrong value; the error
names it. `pymager config` shows the current values and their sources.

Numbers of bytes can be written as `100MB` or `64MiB`. Times are in seconds. Separate the items of a list with
commas or spaces; those of `PYMAGER_PURGERS` only with spaces, and those of `PYMAGER_OPTIONS` only with commas. This
page is generated: `make docs`.

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
