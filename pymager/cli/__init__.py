"""The command line. Exit codes: 0 done, 1 something was found or failed, 2 wrong usage or configuration."""

from pymager.cli import bulk
from pymager.cli.service import program

__all__ = ["bulk", "program"]
