"""A template of workers whose jobs do what their file says: crash, hang, send malformed answers, or succeed.

They are the real workers with other jobs: the sandbox, the messages and the limits are those of the service.
"""

import ctypes
import json
import os
import resource
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from resource import getrlimit
from typing import Any

from pymager.engine import template, worker
from pymager.engine.jobs import EncoderFailed, Header, Inspection, Mezzanine, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.original import open_source
from pymager.errors import MezzanineDamaged, NotAPicture, Undecodable
from pymager.ports import Description

LIMITS = ("AS", "CORE", "FSIZE", "NOFILE")
KEPT: list[bytearray] = []
HEIGHT = 4_000  # of a picture: large enough for a mezzanine, and within the limit on pixels of the service
LEAST_HEIGHT = 10_000  # of the picture "fine", whose height says which process has inspected it
worker._IDLE_SECONDS = 0.5  # so that tests need not wait for seconds
GET_DEATH_SIGNAL, GET_DUMPABLE, GET_NO_NEW_PRIVILEGES = 2, 3, 39  # prctl(2)


def path_of(source: int) -> Path:
    """The path of an open file, which is not a folder: these workers are not confined."""
    with open_source(source):
        pass
    return Path(f"/proc/self/fd/{source}").readlink()


def misbehave(path: Path) -> None:
    match path.read_text().split():
        case ["segfault"]:
            ctypes.string_at(0)
        case ["abort"]:
            os.abort()
        case ["loop"]:
            while True:
                pass
        case ["hang"]:
            time.sleep(1_000)
        case ["hog"]:
            bytearray(8 << 30)
        case ["keep", megabytes]:
            KEPT.append(bytearray(int(megabytes) << 20))
        case ["free", megabytes]:
            del [bytearray(1 << 20) for _ in range(int(megabytes))][:]
        case ["need", megabytes]:
            bytearray(int(megabytes) << 20)
        case ["need-quietly", megabytes]:
            try:
                bytearray(int(megabytes) << 20)
            except MemoryError as error:
                raise NotAPicture("this is damaged") from error
        case ["encode", megabytes]:
            try:
                bytearray(int(megabytes) << 20)
            except MemoryError:
                raise EncoderFailed from OSError("broken data stream when writing image file")
        case ["exit"]:
            sys.exit(3)
        case ["vanish"]:
            os._exit(0)
        case ["killed", times]:
            killed(path, int(times))
        case ["wait"]:
            path.with_suffix(".started").touch()
            while not path.with_suffix(".go").exists():
                time.sleep(0.002)
        case ["write", *numbers]:
            os.write(channel(), bytes(int(number) for number in numbers))
            time.sleep(1_000)
        case ["spin", seconds]:
            end = time.process_time() + float(seconds)
            while time.process_time() < end:
                pass
        case ["hang-up"]:
            socket.socket(fileno=channel()).shutdown(socket.SHUT_RDWR)
            time.sleep(1_000)
        case ["noise"]:
            for _ in range(256):  # more than a pipe holds
                os.write(2, b"libsomething: warning\n" * 40)
        case ["unlink"]:
            path.unlink()
        case ["bug"]:
            raise KeyError("a decoder's bug")
        case ["no-picture"]:
            raise NotAPicture("this is a poem")
        case ["too-much"]:
            raise Undecodable("this has too many pixels")


def channel() -> int:
    """This worker's connection, which is its only socket."""
    files = [file for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    (socket,) = [int(file.name) for file in files if str(file.readlink()).startswith("socket:")]
    return socket


def killed(path: Path, times: int) -> None:
    """Kill this process in the first `times` attempts, as the kernel does when memory runs out."""
    with path.with_suffix(".attempts").open("a") as attempts:
        attempts.write("x")
    if path.with_suffix(".attempts").stat().st_size <= times:
        os.kill(os.getpid(), 9)


def report() -> dict[str, Any]:
    """The limits and resources of this process."""
    prctl = ctypes.CDLL(None).prctl
    signal = ctypes.c_int()
    prctl(GET_DEATH_SIGNAL, ctypes.byref(signal))
    files = list(Path("/proc/self/fd").iterdir())  # one of them is this listing, closed by the next line
    return {
        "environment": dict(os.environ),
        "files": {file.name: str(file.readlink()) for file in files if file.is_symlink()},
        "limits": {name: getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in LIMITS},
        "death signal": signal.value,
        "dumpable": prctl(GET_DUMPABLE),
        "no new privileges": prctl(GET_NO_NEW_PRIVILEGES, 0, 0, 0, 0),
        "oom score": int(Path("/proc/self/oom_score_adj").read_text()),
        "nice": os.nice(0),
        "group": os.getpgrp() == os.getpid(),
    }


def read_header(source: int, limits: PictureLimits) -> Header:
    return Header("png", 640, 480)


def inspect(
    source: int, limits: PictureLimits, background: tuple[int, int, int], mezzanine: Mezzanine | None
) -> tuple[Inspection, bytes | None]:
    path = path_of(source)
    with suppress(BlockingIOError):  # nobody reads the noise
        misbehave(path)
    dominant = "#{:02x}{:02x}{:02x}".format(*background)
    description = Description(1, False, dominant, "AAAA", "L" * 28)
    made = None if mezzanine is None else make_mezzanine(source, limits, mezzanine)
    height = LEAST_HEIGHT + os.getpid() if path.read_text() == "fine" else HEIGHT
    return Inspection("jpeg", limits.pixels, height, description), made


def make_mezzanine(source: int, limits: PictureLimits, mezzanine: Mezzanine) -> bytes | None:
    path = path_of(source)
    misbehave(path)
    if path.read_text().strip() == "too-large-for-a-mezzanine":
        raise Undecodable("this needs too much memory")
    return None if path.read_text().strip() == "small" else f"mezzanine of {mezzanine.side}".encode()


def from_mezzanine(path: Path, job: RenderJob) -> bytes:
    if not path.read_text().startswith("mezzanine"):
        raise MezzanineDamaged("this is no mezzanine")
    return f"{job.variant.width}x{job.variant.height} of a mezzanine of {job.upright}".encode()


def render(source: int, limits: PictureLimits, job: RenderJob) -> bytes | None:
    path = path_of(source)
    misbehave(path)
    if job.upright is not None:
        return from_mezzanine(path, job)
    match os.pread(source, 10_000, 0).decode().split():
        case ["big"]:
            return b"\xff" * (5 << 20)
        case ["largest"]:
            return bytes(range(256)) * (4 << 12)
        case ["original"]:
            return None
        case ["report"]:
            return json.dumps(report()).encode()
    return f"{os.getpid()} {job.variant.width}x{job.variant.height} {job.encoding.background}".encode()


if __name__ == "__main__":
    template.main(lambda decoders: worker.JobHandlers(read_header, inspect, render, make_mezzanine))
