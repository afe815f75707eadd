"""Walks the containers of picture formats without decoding them: is a file complete, is there more than the picture?

Pillow accepts some incomplete files (a JPEG without its end, a GIF without its second half), and allocates memory or
spends time on some headers before the size can be checked. So the container is walked first.
"""

import struct
from importlib import import_module

from pymager.engine.containers.container import OPAQUE, Container, Data, Walker
from pymager.engine.jobs import PictureLimits
from pymager.formats import SIGNATURES


def walk(data: Data, limits: PictureLimits, *, whole: bool = True) -> Container:
    """What the container shows of a file. A format without a walker is left to its decoder.

    Without `whole`, the walk can stop as soon as decoding is safe: then the file counts as complete, and not as bare.
    Raises `Undecodable` for what exceeds a limit.
    """
    for offset, magic, walker in _WALKERS:
        if data[offset : offset + len(magic)] == magic:
            try:
                return walker(data, limits, whole)
            except (struct.error, IndexError):
                return Container(complete=False)
    return OPAQUE


def _walker(name: str) -> Walker:
    """The walker that a signature names: `module`, or `module.function`."""
    module, _, function = name.partition(".")
    found: Walker = getattr(import_module(f"{__name__}.{module}"), function or "walk")
    return found


_WALKERS = tuple((signature.offset, signature.magic, _walker(signature.walker)) for signature in SIGNATURES)
