"""Chooses the picture of an icon: the largest, and of several with one size the deepest. Applies its mask.

Pillow takes the shallowest, and ignores the mask of a 32-bit bitmap whose alpha channel is empty (Microsoft, "Icons",
1995; Windows and browsers use the mask then).
"""

from PIL import IcoImagePlugin, Image
from PIL.ImageFile import ImageFile

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def decode(picture: ImageFile) -> Image.Image:
    """The picture of an open icon."""
    icon: IcoImagePlugin.IcoFile = picture.ico  # type: ignore[attr-defined]
    best = max(range(len(icon.entry)), key=lambda index: (icon.entry[index].square, icon.entry[index].color_depth))
    frame = icon.frame(best)
    frame.load()
    if frame.mode == "RGBA" and icon.entry[best].bpp == 32 and frame.getchannel("A").getextrema() == (0, 0):
        return _with_mask(icon, best, frame)
    return frame


def _with_mask(icon: IcoImagePlugin.IcoFile, index: int, frame: Image.Image) -> Image.Image:
    """A 32-bit bitmap with its AND mask as alpha: one bit per pixel, bottom row first, rows padded to 4 bytes."""
    entry = icon.entry[index]
    icon.buf.seek(entry.offset)
    if icon.buf.read(8) == _PNG_SIGNATURE:
        return frame
    width, height = frame.size
    row_bytes = (width + 31) // 32 * 4
    icon.buf.seek(entry.offset + entry.size - row_bytes * height)
    mask = Image.frombytes("1", frame.size, icon.buf.read(row_bytes * height), "raw", ("1;I", row_bytes, -1))
    opaque = frame.copy()
    opaque.putalpha(mask.convert("L"))
    return opaque
