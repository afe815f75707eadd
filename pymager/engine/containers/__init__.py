"""Reads the containers of picture formats, without decoding: is a file whole, does it hold a picture and no more?

Pillow takes some files that were cut short for whole (a JPEG without its end, a GIF without its second half), and
reserves memory or spends time on some headers before anyone can ask for the size. So the container is walked first.
"""

import struct
from importlib import import_module

from pymager.engine.containers.container import OPAQUE, Container, Data, Walker
from pymager.engine.jobs import PictureLimits
from pymager.formats import SIGNATURES


def walk(data: Data, limits: PictureLimits, *, whole: bool = True) -> Container:
    """What the file's container tells; of a format that is not known here, only the decoder can tell.

    Unless `whole`, a file may be left half read where decoding it is safe: then it counts as complete, and not as
    bare. Raises `Undecodable` for what is over a limit.
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
