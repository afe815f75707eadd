"""The command line: options, help texts, exit codes, and everything that is printed.

Each module defines some of the commands; `program` has all of them.
"""

from pymager.cli import bulk_commands, server_commands, store_commands
from pymager.cli.group import program

__all__ = ["bulk_commands", "program", "server_commands", "store_commands"]
