"""Wrong usage of the command line, and what the error advises."""

import pytest
from click.testing import CliRunner

from pymager.cli import program


@pytest.mark.parametrize("arguments", [["serve", "--config", "a.toml"], ["check", "--config=a.toml"]])
def test_the_configuration_file_is_named_before_the_command(arguments: list[str]) -> None:
    done = CliRunner().invoke(program, arguments)
    assert done.exit_code == 2
    assert f"Error: --config must be before the command: pymager --config FILE {arguments[0]}" in done.output


def test_an_option_that_does_not_exist_is_named() -> None:
    done = CliRunner().invoke(program, ["serve", "--prot", "1"])
    assert done.exit_code == 2
    assert "No such option" in done.output
    assert "--port" in done.output
