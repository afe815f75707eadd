"""The machine, in words."""

import os
import platform
from pathlib import Path


def in_words() -> str:
    """Its class, what it runs, and how busy it is."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores ({_model()}), Linux {platform.release().split('-')[0]}, Python {platform.python_version()}, "
        f"load of the machine before the run {os.getloadavg()[0]:.1f}"
    )


def _model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
