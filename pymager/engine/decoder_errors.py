"""Translates what decoders raise into errors that say what is wrong with the picture."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from pymager import formats
from pymager.engine.limits import PictureLimits
from pymager.errors import NotAPicture, PictureError, Undecodable


@contextmanager
def translating_errors(limits: PictureLimits) -> Iterator[None]:
    """Turn every exception of a decoder into `NotAPicture` or `Undecodable`, except `MemoryError`.

    Decoders raise almost anything: OSError, ValueError, RuntimeError, TypeError, SyntaxError, NotImplementedError,
    KeyError, struct.error and more have been seen. Pillow's own limit on pixels is set to ours: it catches pictures
    that are larger than their header says. Pillow warns above its limit and raises above twice its limit.
    """
    Image.MAX_IMAGE_PIXELS = (limits.pixels + 1) // 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (PictureError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise Undecodable(
            f"the picture has more than {limits.pixels} pixels; at most {limits.pixels} are accepted"
        ) from error
    except UnidentifiedImageError as error:
        raise unknown_format(limits) from error
    except Exception as error:
        raise NotAPicture(
            "the picture is damaged or incomplete and cannot be decoded; send the complete file of a valid picture"
        ) from error


def unknown_format(limits: PictureLimits) -> NotAPicture:
    """No accepted decoder recognizes the bytes."""
    if "*" in limits.decoders:
        return NotAPicture("the body is not a picture in a format that pymager can read; send a picture")
    names = [formats.BY_DECODER[name].name if name in formats.BY_DECODER else name.lower() for name in limits.decoders]
    return NotAPicture(
        f"the body is not a picture of an accepted format; accepted formats: {', '.join(dict.fromkeys(names))}"
    )


def incomplete() -> NotAPicture:
    """The container announces more bytes than the file has."""
    return NotAPicture("the picture is incomplete: its file ends too early; send the complete file")
