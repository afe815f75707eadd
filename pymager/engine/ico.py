"""Chooses the picture of an icon: the largest, and of several with one size the deepest. Applies its mask.

Pillow takes the shallowest, and ignores the mask of a 32-bit bitmap whose alpha channel is empty (Microsoft, "Icons",
1995; Windows and browsers use the mask then).
"""

from PIL import IcoImagePlugin, Image
from PIL.ImageFile import ImageFile


def frame(picture: ImageFile) -> Image.Image:
    """The picture of an open icon that is shown; a PNG is not decoded yet."""
    return _icon(picture).frame(_best(picture))


def with_mask(picture: ImageFile, frame: Image.Image) -> Image.Image:
    """The decoded frame; with the mask as alpha if it is a 32-bit bitmap whose alpha channel is empty."""
    frame.load()
    best = _best(picture)
    bits = _icon(picture).entry[best].bpp
    if frame.format != "PNG" and frame.mode == "RGBA" and bits == 32 and frame.getchannel("A").getextrema() == (0, 0):
        return _masked(_icon(picture), best, frame)
    return frame


def _icon(picture: ImageFile) -> IcoImagePlugin.IcoFile:
    icon: IcoImagePlugin.IcoFile = picture.ico  # type: ignore[attr-defined]
    return icon


def _best(picture: ImageFile) -> int:
    """The number of the largest entry, of several the deepest."""
    entries = _icon(picture).entry
    return max(range(len(entries)), key=lambda index: (entries[index].square, entries[index].color_depth))


def _masked(icon: IcoImagePlugin.IcoFile, index: int, frame: Image.Image) -> Image.Image:
    """A 32-bit bitmap with its AND mask as alpha: one bit per pixel, bottom row first, rows padded to 4 bytes."""
    entry = icon.entry[index]
    width, height = frame.size
    row_bytes = (width + 31) // 32 * 4
    icon.buf.seek(entry.offset)
    header_bytes = int.from_bytes(icon.buf.read(4), "little")
    icon.buf.seek(entry.offset + header_bytes + 4 * width * height)
    bits = icon.buf.read(row_bytes * height)
    if len(bits) < row_bytes * height:
        return frame
    mask = Image.frombytes("1", frame.size, bits, "raw", ("1;I", row_bytes, -1))
    opaque = frame.copy()
    opaque.putalpha(mask.convert("L"))
    return opaque
