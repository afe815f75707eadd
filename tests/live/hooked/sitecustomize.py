"""Python imports this at its start where this folder is on PYTHONPATH: it ends the process at a failpoint.

FAILPOINT_KILL names a file that may appear at any time and says `{point} {pass}`: from then on the process counts its
passes of that point, and at the given one kills itself with SIGKILL, having written the point's name into
FAILPOINT_KILLED and removed the file; a third word, as SIGSTOP, is another signal. FAILPOINT_MUTANT names one of the
module `mutants`. FAILPOINT_COUNT names a file that gets the name of every point passed, one a line. The program
itself is started as everybody starts it; its workers don't get these variables.
"""

import os
import signal
import threading
from pathlib import Path


class Killer:
    """Kills this process at the point and the pass that the file says."""

    def __init__(self, order: Path, killed: Path) -> None:
        self._order = order
        self._killed = killed
        self._passes = 0
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        with self._lock:
            try:
                point, nth, *how = self._order.read_text().split()
            except FileNotFoundError:
                return
            if name != point:
                return
            self._passes += 1
            if self._passes >= int(nth):
                self._killed.write_text(name)
                self._order.unlink()
                os.kill(os.getpid(), signal.Signals[how[0]] if how else signal.SIGKILL)


def count(name: str) -> None:
    """Write the point's name as a line of its own: an append of so few bytes is whole."""
    descriptor = os.open(os.environ["FAILPOINT_COUNT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{name}\n".encode())
    finally:
        os.close(descriptor)


if "FAILPOINT_KILL" in os.environ:
    from pymager import failpoints

    failpoints.hook = Killer(Path(os.environ["FAILPOINT_KILL"]), Path(os.environ["FAILPOINT_KILLED"]))
elif "FAILPOINT_COUNT" in os.environ:
    from pymager import failpoints

    failpoints.hook = count

if "FAILPOINT_MUTANT" in os.environ:
    import mutants

    getattr(mutants, os.environ["FAILPOINT_MUTANT"])()
