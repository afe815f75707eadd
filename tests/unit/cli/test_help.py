"""The help of the program: every command and option explains itself, and says what its exit codes mean."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from pymager.cli import program

COMMANDS = sorted(program.commands)


def test_the_program_lists_its_commands() -> None:
    shown = CliRunner().invoke(program, ["--help"]).output
    for name in COMMANDS:
        assert f"  {name} " in shown
    assert "Exit codes: 0 success; 1 " in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself_its_options_and_its_exit_codes(name: str) -> None:
    command = program.commands[name]
    done = CliRunner().invoke(program, [name, "--help"])
    assert done.exit_code == 0
    assert "Exit codes: 0 success; " in done.output
    summary = (command.help or "").partition("\n")[0]
    assert summary.endswith(".")
    assert summary in " ".join(CliRunner().invoke(program, ["--help"]).output.split())
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help
            assert option.help.partition("  [")[0].endswith("."), option.name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_of_a_command_is_not_cut_off_in_the_list(name: str) -> None:
    listed = CliRunner().invoke(program, ["--help"], terminal_width=80).output
    assert "..." not in listed.replace("COMMAND [ARGS]...", "")


def test_a_help_text_needs_neither_the_settings_nor_the_server() -> None:
    program = "import sys; import pymager.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    slow = {"pydantic", "structlog", "asyncio", "aiohttp", "pymager.composition", "pymager.settings.model"}
    assert slow & set(done.stdout.split()) == set()
