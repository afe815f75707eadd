"""What the client is told when a decoder fails."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from pymager import formats
from pymager.engine.jobs import PictureLimits
from pymager.errors import NotAPicture, PictureError, Undecodable


@contextmanager
def translated(limits: PictureLimits) -> Iterator[None]:
    """Translate every exception of a decoder to `NotAPicture` or `Undecodable`.

    Decoders raise almost everything: OSError, ValueError, RuntimeError, TypeError, SyntaxError, NotImplementedError,
    KeyError and struct.error were all seen. Pillow's own limit on pixels is set to ours, because it catches pictures
    that turn out larger than their header says. Pillow warns above its limit and raises above twice its limit.
    """
    Image.MAX_IMAGE_PIXELS = (limits.pixels + 1) // 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except PictureError:
        raise
    except MemoryError as error:
        raise out_of_memory() from error
    except Image.DecompressionBombError as error:
        raise Undecodable(f"the picture has more pixels than the {limits.pixels} that are accepted") from error
    except UnidentifiedImageError as error:
        raise unknown_format(limits) from error
    except Exception as error:
        raise NotAPicture("the picture is damaged or incomplete and cannot be decoded; send the whole file") from error


def unknown_format(limits: PictureLimits) -> NotAPicture:
    """The error for bytes that no accepted format has."""
    if "*" in limits.decoders:
        return NotAPicture("the body is not a picture in any known format")
    known = [formats.BY_DECODER[name].name if name in formats.BY_DECODER else name.lower() for name in limits.decoders]
    return NotAPicture(
        f"the body is not a picture of an accepted format; accepted formats: {', '.join(dict.fromkeys(known))}"
    )


def incomplete() -> NotAPicture:
    """The error for a container that says that there is more than there is."""
    return NotAPicture("the picture is incomplete: its file ends too early; send the whole file")


def out_of_memory() -> Undecodable:
    """The error when the decoder, or a step after it, runs out of memory."""
    return Undecodable("the picture needs more memory than a picture may use; send a smaller one")
