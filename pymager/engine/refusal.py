"""What the client is told of a picture that is refused."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from pymager import formats
from pymager.engine.jobs import PictureLimits
from pymager.errors import NotAPicture, PictureError, Undecodable


@contextmanager
def decoding(limits: PictureLimits) -> Iterator[None]:
    """The decoder's edge: inside it every exception becomes `NotAPicture` or `Undecodable`.

    Decoders raise nearly everything: OSError, ValueError, RuntimeError, TypeError, SyntaxError, NotImplementedError,
    KeyError, struct.error and more were all seen. Pillow's own bound on pixels is set to ours: it catches pictures
    that turn out larger than their header said. It warns from its bound on and raises from twice its bound on.
    """
    Image.MAX_IMAGE_PIXELS = (limits.pixels + 1) // 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except PictureError:
        raise
    except MemoryError as error:
        raise too_big_to_decode() from error
    except Image.DecompressionBombError as error:
        raise Undecodable(f"the picture has more pixels than the {limits.pixels} that are accepted") from error
    except UnidentifiedImageError as error:
        raise unknown(limits) from error
    except Exception as error:
        raise NotAPicture("the picture is damaged or cut short and can't be decoded; send the whole file") from error


def unknown(limits: PictureLimits) -> NotAPicture:
    """No accepted format has such bytes."""
    if "*" in limits.decoders:
        return NotAPicture("the body is not a picture in any format that is known here")
    known = [formats.BY_DECODER[name].name if name in formats.BY_DECODER else name.lower() for name in limits.decoders]
    return NotAPicture(
        f"the body is not a picture of an accepted format; accepted are {', '.join(dict.fromkeys(known))}"
    )


def cut_short() -> NotAPicture:
    """The container says that there is more than there is."""
    return NotAPicture("the picture is cut short: its file ends too early; send the whole file")


def too_big_to_decode() -> Undecodable:
    """The decoder, or what follows it, ran out of memory."""
    return Undecodable("the picture takes more memory than one picture may have; send a smaller one")


def check_pixels(size: tuple[int, ...], limits: PictureLimits) -> None:
    """Raises `Undecodable` for a width and height of more pixels than are accepted."""
    width, height = size
    if width * height > limits.pixels:
        raise Undecodable(
            f"the picture has {width}x{height} = {width * height} pixels; at most {limits.pixels} are accepted"
        )


def check_frames(frames: int, limits: PictureLimits) -> None:
    """Raises `Undecodable` for more frames than are accepted."""
    if frames > limits.frames:
        raise Undecodable(f"the picture has more than {limits.frames} frames; at most {limits.frames} are accepted")


def check_parts(parts: int, most: int) -> None:
    """Raises `Undecodable` for a file of absurdly many parts: each costs time before any pixel is decoded."""
    if parts > most:
        raise Undecodable(
            f"the picture's file has more than {most} parts beside its pixels; write it anew without them"
        )
