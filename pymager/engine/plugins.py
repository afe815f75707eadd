"""Loads of Pillow's plugins what is needed, and nothing else: a worker's start takes as long as its imports."""

from functools import cache
from importlib import import_module

from PIL import Image, ImageFile

from pymager import formats
from pymager.errors import ConfigurationError

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


def load_encoder(format: str) -> None:
    """Load the plugins of an output format, by its name in `pymager.formats`."""
    if formats.output_of(format).encoder not in Image.SAVE:
        for module in formats.FORMATS[format].decoders.values():
            import_module(module)


def _load(name: str) -> bool:
    """Load a decoder by Pillow's name; False if it is optional and not installed."""
    known = formats.BY_DECODER.get(name)
    if known is not None:
        register = getattr(import_module(known.decoders[name]), "register", None)
        if register is not None and not register():
            return False
    elif name not in Image.OPEN:
        Image.init()
    if name not in Image.OPEN and name != "MPO":
        raise ConfigurationError(f"unknown decoder '{name}'; known: {', '.join(sorted(Image.OPEN))}")
    return name in Image.OPEN


def _is_raster(name: str) -> bool:
    factory = Image.OPEN[name][0]
    stub = isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile)
    return name not in _NEVER and not stub
