"""Tells the failures of an encoder from those of a decoder."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymager.engine.jobs import EncoderFailed
from pymager.errors import PymagerError


@contextmanager
def translating_encoder_errors() -> Iterator[None]:
    """Turn what an encoder raises into `EncoderFailed`.

    Passes on `MemoryError`, and what decoders raise: an encoder of animations asks for one frame after the other.
    """
    try:
        yield
    except (MemoryError, PymagerError):
        raise
    except Exception as error:
        raise EncoderFailed from error
