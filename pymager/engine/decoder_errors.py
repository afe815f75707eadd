"""Translates what decoders raise into errors that say what is wrong with the picture."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from pymager import formats
from pymager.engine.containers.container import Data
from pymager.engine.jobs import EncoderFailed
from pymager.engine.limits import PictureLimits
from pymager.errors import NotAPicture, PictureError, Undecodable

_MIN_SIGNATURE_BYTES = 3
_GZIP = b"\x1f\x8b"


@contextmanager
def translating_errors(limits: PictureLimits, data: Data) -> Iterator[None]:
    """Turn every exception of a decoder into `NotAPicture` or `Undecodable`, except `MemoryError`.

    Passes on `EncoderFailed`: the mezzanine of an upload is encoded while the upload's file is open.

    Decoders raise almost anything: OSError, ValueError, RuntimeError, TypeError, SyntaxError, NotImplementedError,
    KeyError, struct.error and more have been seen. Pillow's own limit on pixels is set to ours: it catches pictures
    that are larger than their header says. Pillow warns above its limit and raises above twice its limit.
    """
    Image.MAX_IMAGE_PIXELS = (limits.pixels + 1) // 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (PictureError, MemoryError, EncoderFailed):
        raise
    except Image.DecompressionBombError as error:
        raise Undecodable(
            f"the picture has more than {limits.pixels} pixels, the limit (PYMAGER_MAX_PIXELS)"
        ) from error
    except UnidentifiedImageError as error:
        raise unknown_format(limits, data) from error
    except Exception as error:
        raise NotAPicture(
            "the picture is damaged or incomplete and cannot be decoded; send the complete file of a valid picture"
        ) from error


def unknown_format(limits: PictureLimits, data: Data) -> NotAPicture:
    """No accepted decoder recognizes the bytes."""
    if data[:2] == _GZIP:
        return NotAPicture("the file is compressed with gzip; send the picture itself, such as SVG instead of SVGZ")
    known = _format_by_signature(data, limits)
    if known is not None and known.extra is not None and not known.is_installed:
        return NotAPicture(
            f"the file begins like {known.name.upper()}, which needs pymager[{known.extra.name}] on the server; "
            "save the picture in another format"
        )
    if known is not None:
        return NotAPicture(
            f"the file begins like {known.name.upper()}, but is damaged or of a kind that is not supported; "
            "save the picture again, or in another format"
        )
    if "*" in limits.decoders:
        return NotAPicture("the body is not a picture in a format that pymager can read; send a picture")
    rows = [formats.BY_DECODER.get(name) for name in limits.decoders]
    names = [
        row.name if row is not None else name.lower()
        for name, row in zip(limits.decoders, rows, strict=True)
        if row is None or row.is_installed
    ]
    return NotAPicture(
        f"the body is not a picture of an accepted format; accepted formats: {', '.join(dict.fromkeys(names))}"
    )


def _format_by_signature(data: Data, limits: PictureLimits) -> formats.Format | None:
    """The accepted format whose signature the file has; None if there is none, or if the signature is short."""
    for format in formats.FORMATS.values():
        for signature in format.signatures:
            end = signature.offset + len(signature.magic)
            is_long = len(signature.magic) >= (_MIN_SIGNATURE_BYTES if format.is_installed else 2)
            known = is_long and data[signature.offset : end] == signature.magic
            if known and (limits.decoders == ("*",) or not format.decoders.keys().isdisjoint(limits.decoders)):
                return format
    return None


def incomplete() -> NotAPicture:
    """The container announces more bytes than the file has."""
    return NotAPicture("the picture is incomplete: its file ends too early; send the complete file")
