"""Loads only those of Pillow's plugins that are needed: the start of a worker takes as long as its imports."""

from functools import cache
from importlib import import_module

from PIL import Image, ImageFile

from pymager import formats
from pymager.errors import ConfigurationError

_REFUSED_DECODERS = frozenset({"EPS", "WMF", "PDF", "MPEG", "IPTC"})
"""Decoders that are never used. EPS and WMF need another program to draw them, PDF and MPEG are not pictures,
and IPTC opens whatever is embedded in it. Stubs, which pass the file to a registered program, are left out too."""


@cache
def load_decoders(names: tuple[str, ...]) -> tuple[str, ...]:
    """Load the plugins of decoders, and return Pillow's names of the decoders in the order in which to try them.

    TGA is last: it has no magic number and recognizes many files of other formats. Decoders of extras that are not
    installed are left out. Raises `ConfigurationError` for a name that Pillow does not have.
    """
    if names == ("*",):
        Image.init()
        for row in formats.FORMATS.values():
            if row.extra is not None:
                all(map(_load, row.decoders))
        names = tuple(Image.OPEN)
    found = [name for name in names if _load(name) and _is_raster(name)]
    return tuple(sorted(found, key=lambda name: name == "TGA"))


def load_encoder(format: str) -> None:
    """Load the plugins of an output format, by its name in `pymager.formats`."""
    if formats.output_of(format).encoder not in Image.SAVE:
        for module in formats.FORMATS[format].decoders.values():
            _register(module)


def _load(name: str) -> bool:
    """Load a decoder by Pillow's name. False if it is of an extra that is not installed."""
    row = formats.BY_DECODER.get(name)
    if row is not None:
        if not row.is_installed:
            return False
        _register(row.decoders[name])
    elif name not in Image.OPEN:
        Image.init()
    if name not in Image.OPEN and name != "MPO":
        raise ConfigurationError(f"unknown decoder '{name}'; known decoders: {', '.join(sorted(Image.OPEN))}")
    return name in Image.OPEN


def _register(module: str) -> None:
    """Import a module that registers decoders and encoders: those of pymager have a function for it."""
    register = getattr(import_module(module), "register", None)
    if register is not None:
        register()


def _is_raster(name: str) -> bool:
    factory = Image.OPEN[name][0]
    stub = isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile)
    return name not in _REFUSED_DECODERS and not stub
