<<<<<<< HEAD
"""The command line: options, help texts, exit codes, and all that is printed.

Each module has one group of commands; `program` is the whole.
=======
"""The command line: options, help texts, exit codes, and everything that is printed.

Exit codes: 0 success, 1 the command failed or found a problem, 2 wrong usage or configuration.
>>>>>>> ops
"""

from pymager.cli import bulk_commands, server_commands, store_commands
from pymager.cli.group import program

__all__ = ["bulk_commands", "program", "server_commands", "store_commands"]
