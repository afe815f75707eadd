"""The command line: options, help texts, exit codes, and all that is printed.

Exit codes: 0 success, 1 something was found or has failed, 2 wrong usage or configuration.
"""

from pymager.cli import bulk
from pymager.cli.service import program

__all__ = ["bulk", "program"]
