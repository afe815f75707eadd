"""The work of the operator's commands: sweep, check, import, warm, copies to other stores.

Each module is the work of one command. It does not print or know the command line: callers pass callbacks and streams.
"""
