"""The page about commands, made of what `--help` prints."""

import click
from click.testing import CliRunner

from pymager.cli import program

_WIDTH = 100  # columns
_HEAD = """# Commands

Reference, for people who run pymager: what `--help` prints, for each command. This page is generated: `make docs`.

`make run` installs the program as `.venv/bin/pymager`. Every [setting](settings.md) can be set in the environment or in
a file for each command.

"""


def commands_page() -> str:
    """The page in Markdown."""
    parts = [_HEAD, "## pymager\n\n", _help([])]
    for name, command in sorted(program.commands.items()):
        if not command.hidden:
            parts += [f"\n## pymager {name}\n\n", _help([name])]
    return "".join(parts)


def _help(words: list[str]) -> str:
    done = CliRunner().invoke(
        program, [*words, "--help"], prog_name="pymager", terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    if done.exit_code != 0:
        raise click.ClickException(f"--help of {words} failed: {done.output}")
    return f"```text\n{done.output.rstrip()}\n```\n"
