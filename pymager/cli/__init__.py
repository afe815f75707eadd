"""The command line: `program`, with a module for each group of commands."""

from pymager.cli import bulk_commands, server_commands, store_commands
from pymager.cli.group import program

__all__ = ["bulk_commands", "program", "server_commands", "store_commands"]
