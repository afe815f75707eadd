"""The command line: options, help texts, exit codes, and all that is printed.

Each module has one group of commands; `program` is the whole.
"""

from pymager.cli import bulk_commands, server_commands, store_commands
from pymager.cli.group import program

__all__ = ["bulk_commands", "program", "server_commands", "store_commands"]
