"""The work of the operator's commands: sweep, check, import, warm, copies to other stores.

A module or package for each command, and what the commands share. None of them prints or knows the command line:
callers pass callbacks and streams. `housekeeping` runs in the server.
"""
