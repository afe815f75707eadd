"""Walks the containers of picture formats without decoding: for safety, and for what decoders do not say.

For some headers Pillow reserves memory or spends time before the size can be checked. So the container is walked before
Pillow opens the file. The walk also finds what a file says about colors and cropping, and whether it holds only a
picture. Whether all pixels are there is decided by the decoder.
"""

import struct
from importlib import import_module

from pymager.engine.containers.container import NOT_WALKED, Container, Data, Walker
from pymager.engine.limits import PictureLimits
from pymager.formats import SIGNATURES


def walk(data: Data, limits: PictureLimits, *, full_walk: bool = True) -> Container:
    """Walk the container whose signature the file has; `NOT_WALKED` if it has none, or if its structure is broken.

    Without `full_walk`, a walker can stop where decoding the rest is safe: the file then does not count as
    picture-only. Encodings that take long to decode are refused only by a full walk, that is at an upload. Raises
    `Undecodable` if the file exceeds a limit, `NotAPicture` if its kind is not supported.
    """
    for offset, magic, walker in _WALKERS:
        if data[offset : offset + len(magic)] == magic:
            try:
                return walker(data, limits, full_walk)
            except (struct.error, IndexError, OverflowError):  # the last for an offset that no address can hold
                return NOT_WALKED
    return NOT_WALKED


def load_walker(name: str) -> Walker:
    """The walker that a signature names: `module`, or `module.function`."""
    module, _, function = name.partition(".")
    walker: Walker = getattr(import_module(f"{__name__}.{module}"), function or "walk")
    return walker


_WALKERS = tuple((signature.offset, signature.magic, load_walker(signature.walker)) for signature in SIGNATURES)
