"""Loads the modules that jobs need: a worker process that is confined cannot load any.

The template loads the usual ones. The others are loaded for all workers together, when a job needs the first of them:
numpy alone takes a hundred milliseconds.
"""

from collections.abc import Sequence
from importlib import import_module

from PIL import Image

from pymager import formats
from pymager.engine import plugins, webp
from pymager.engine.import_block import Files

_USUAL = ("PIL.ImageCms", "fast_blurhash", "fast_thumbhash")
_OTHERS = (
    "kornia_rs.io",
    "numpy",
    "numpy.ma",
    "PIL.ImageFont",
    *(f"pymager.engine.{name}" for name in ("copyright", "filters", "ico", "png16", "png_writer", "smart", "tiff")),
    *(f"pymager.engine.{name}" for name in ("metadata.writers", "trim", "wide")),
)
_SVG = ("resvg_py", *(f"pymager.engine.svg.{name}" for name in ("markup", "raster", "references", "size", "tree")))
_HEIF = ("pi_heif", "pi_heif.as_plugin")
_ENCODINGS = ("ascii", "charmap", "cp1252", "idna", "iso8859_1", "latin_1", "utf_16", "utf_16_be", "utf_16_le")


def load_usual(decoders: tuple[str, ...]) -> None:
    """Load the decoders that the settings accept, and what most jobs need."""
    Image.preinit()
    for format in formats.FORMATS.values():
        _ = format.is_installed  # remembered: messages about refused formats ask for it, and find_spec reads folders
    if "WEBP" in plugins.load_decoders(decoders):
        webp.library()
    _load(_USUAL)


def load_all(decoders: tuple[str, ...]) -> Files:
    """Load everything that a job can need, and return what these modules read later."""
    load_usual(decoders)
    accepted = plugins.load_decoders(decoders)
    for format in formats.FORMATS.values():
        if format.output is not None and format.is_installed:
            plugins.load_encoder(format.name)
    _load((*_OTHERS, *(f"encodings.{name}" for name in _ENCODINGS)))
    if "HEIF" in accepted:
        _load(_HEIF)
    if formats.FORMATS["jxl"].is_installed:
        from pymager.engine import jxl

        jxl.codec()
    if "SVG" not in accepted:
        return Files()
    _load(_SVG)
    from pymager.engine.svg import fonts

    fonts.options()
    return Files((fonts.own_font(),), fonts.FOLDERS)


def _load(modules: Sequence[str]) -> None:
    for module in modules:
        import_module(module)
