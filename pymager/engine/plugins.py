"""Loads of Pillow's plugins what is needed, and nothing else: a worker's start takes as long as its imports."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import IO

from PIL import Image, ImageFile

from pymager.errors import ConfigurationError

_MODULES = {
    "AVIF": "AvifImagePlugin",
    "BMP": "BmpImagePlugin",
    "GIF": "GifImagePlugin",
    "ICO": "IcoImagePlugin",
    "JPEG": "JpegImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "MPO": "MpoImagePlugin",
    "PCX": "PcxImagePlugin",
    "PNG": "PngImagePlugin",
    "PPM": "PpmImagePlugin",
    "SGI": "SgiImagePlugin",
    "TGA": "TgaImagePlugin",
    "TIFF": "TiffImagePlugin",
    "WEBP": "WebPImagePlugin",
}

_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"))
"""The brands of ISO/IEC 23008-12 that mean HEVC, or may."""

_NEVER = frozenset({"EPS", "WMF", "PDF", "MPEG", "IPTC"})
"""What runs a program (EPS: Ghostscript), is drawn by one (WMF), is no picture, or opens whatever lies inside it
(IPTC); stubs, which hand the file to a program that someone registered, are left out besides."""


@cache
def decoders(names: tuple[str, ...]) -> tuple[str, ...]:
    """Pillow's names of the decoders to try, in the order to try them; their plugins are loaded.

    TGA is last: it has no magic number and takes many a file for its own. Raises `ConfigurationError` for a name
    that Pillow does not have. A HEIF decoder that is not installed is left out.
    """
    if names == ("*",):
        Image.init()
        _load("HEIF")
        names = tuple(Image.OPEN)
    found = [name for name in names if _load(name) and _is_raster(name)]
    return tuple(sorted(found, key=lambda name: name == "TGA"))


def load_encoder(name: str) -> None:
    """Load the plugin that writes this format."""
    if name not in Image.SAVE:
        import_module(f"PIL.{_MODULES[name]}")


def _load(name: str) -> bool:
    if name == "HEIF":
        return _load_heif()
    if name in _MODULES:
        import_module(f"PIL.{_MODULES[name]}")
    elif name not in Image.OPEN:
        Image.init()
    if name not in Image.OPEN and name != "MPO":
        raise ConfigurationError(f"there is no decoder '{name}'; there are {', '.join(sorted(Image.OPEN))}")
    return name in Image.OPEN


def _load_heif() -> bool:
    """Register the HEIF decoder, if it is installed; it is imported with the first such file."""
    if find_spec("pi_heif") is None:
        return False
    Image.register_open("HEIF", _open_heif, _is_heif)
    return True


def _is_heif(prefix: bytes) -> bool:
    return prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIF_BRANDS


def _open_heif(file: IO[bytes], filename: str | bytes) -> ImageFile.ImageFile:
    from pi_heif import options
    from pi_heif.as_plugin import HeifImageFile

    options.THUMBNAILS, options.DECODE_THREADS = False, 1
    picture: ImageFile.ImageFile = HeifImageFile(file, filename)
    return picture


def _is_raster(name: str) -> bool:
    factory = Image.OPEN[name][0]
    stub = isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile)
    return name not in _NEVER and not stub
