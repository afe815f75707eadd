"""Runs the shell blocks of a page one after the other, as a reader does in a terminal.

A block runs in bash, in the folder and with the variables that the block before it left. `pymager` is the program of
this checkout. `make run` and `pymager serve` run in the background until the page starts another one, or ends.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.docs.blocks import ROOT
from tests.servers.process import free_port

_BLOCK_SECONDS = 300
_PORTS_ON_THE_PAGES = (8000, 8080)
_PRELUDE = """
cd "$(cat "$SESSION/folder")"
if [ -e "$SESSION/variables" ]; then source "$SESSION/variables"; fi
make() {
    if [ "$*" = run ]; then pymager serve; else echo "make $*: only make run is known here" >&2; return 2; fi
}
pymager() {
    if [ "${1:-}" != serve ]; then command pymager "$@"; return; fi
    if [ -e "$SESSION/server" ]; then kill "$(cat "$SESSION/server")"; fi
    PYMAGER_PORT=$SESSION_PORT "$SESSION/bin/pymager" "$@" > "$SESSION/log" 2>&1 &
    echo $! > "$SESSION/server"
    until curl -sf -o /dev/null "http://127.0.0.1:$SESSION_PORT/readyz"; do
        kill -0 "$(cat "$SESSION/server")"
        sleep 0.1
    done
    cat "$SESSION/log"
}
set -a
"""
_EPILOGUE = """
pwd > "$SESSION/folder"
export -p > "$SESSION/variables"
"""


class Session:
    """A terminal in `home`; `changes` are texts of the page that are replaced by texts of this machine."""

    def __init__(self, home: Path, state: Path, changes: Mapping[str, str]) -> None:
        self._state = state
        ports = {str(port): str(free_port()) for port in _PORTS_ON_THE_PAGES}
        self._ports = {f"127.0.0.1:{port}": f"127.0.0.1:{free}" for port, free in ports.items()}
        self._changes = {".venv/bin/pymager": "pymager", **changes, **self._ports}
        if os.geteuid() == 0:  # nginx as root gives its files to a user who may not enter the folder
            self._changes["worker_processes 1;"] = "worker_processes 1; user root;"
        (state / "folder").write_text(str(home))
        (state / "bin").mkdir()
        program = state / "bin" / "pymager"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pymager "$@"\n')
        program.chmod(0o755)
        self._home = home
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYMAGER_")},
            "PATH": f"{state / 'bin'}:{os.environ['PATH']}:/usr/sbin",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'backends'}",
            "SESSION": str(state),
            "SESSION_PORT": ports["8000"],
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._state / "server", *self._home.rglob("nginx.pid")):
            with suppress(OSError, ValueError):
                os.kill(int(file.read_text()), signal.SIGTERM)

    def run(self, text: str) -> str:
        """What a block printed on standard output, with the page's ports. Raises `AssertionError` if it failed."""
        for old, new in self._changes.items():
            text = text.replace(old, new)
        script = self._state / "block.sh"
        script.write_text(_PRELUDE + text.replace("PASSWORD", self._password()) + _EPILOGUE)
        printed, complained = self._state / "stdout", self._state / "stderr"
        with printed.open("w") as stdout, complained.open("w") as stderr:  # no pipes: servers keep them open
            done = subprocess.run(
                ["bash", "-euo", "pipefail", script],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                timeout=_BLOCK_SECONDS,
                check=False,
            )
        assert done.returncode == 0, f"{text}\n{printed.read_text()}\n{complained.read_text()}"
        output = printed.read_text()
        for old, new in self._ports.items():
            output = output.replace(new, old)
        return output

    def _password(self) -> str:
        """The one that the server has shown, if there is one."""
        log = self._state / "log"
        shown = re.search(r"with the password '([^']+)'", log.read_text()) if log.exists() else None
        return shown[1] if shown else "PASSWORD"
