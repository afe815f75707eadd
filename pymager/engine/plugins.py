"""Loads only those plugins of Pillow that are needed: a worker process starts as fast as its imports."""

from functools import cache
from importlib import import_module

from PIL import Image, ImageFile

from pymager import formats
from pymager.errors import ConfigurationError

_NEVER = frozenset({"EPS", "WMF", "PDF", "MPEG", "IPTC"})
"""Formats that run a program (EPS: Ghostscript), are drawn by one (WMF), are not pictures, or open any format inside
them (IPTC). Stubs, which pass the file to a registered program, are excluded too."""


@cache
def decoders(names: tuple[str, ...]) -> tuple[str, ...]:
    """Load the decoders, and return Pillow's names of them in the order in which to try them.

    TGA is last: it has no magic number and accepts many other files. Raises `ConfigurationError` for a name that Pillow
    does not know. An optional decoder that is not installed is left out.
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
