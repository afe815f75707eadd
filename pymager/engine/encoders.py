"""Runs Pillow's encoders, and tells their failures from those of decoders."""

from io import BytesIO
from typing import Any

from PIL import Image

from pymager.engine.jobs import EncoderFailed
from pymager.errors import PymagerError


def saved(picture: Image.Image, encoder: str, **options: Any) -> bytes:
    """The picture's bytes; `encoder` is Pillow's name of a format, and `options` are those of `Image.save`.

    Raises `EncoderFailed` and `MemoryError`, and what decoders raise: an encoder of animations asks for one frame after
    the other.
    """
    out = BytesIO()
    try:
        picture.save(out, encoder, **options)
    except (MemoryError, PymagerError):
        raise
    except Exception as error:
        raise EncoderFailed from error
    return out.getvalue()
