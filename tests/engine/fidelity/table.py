"""Every kind of file, by name."""

from tests.engine.fidelity import (
    heic_kinds,
    jpeg_kinds,
    jxl_kinds,
    other_kinds,
    png_kinds,
    svg_kinds,
    tiff_kinds,
    web_kinds,
)
from tests.engine.fidelity.kind import Kind

MODULES = (jpeg_kinds, png_kinds, web_kinds, heic_kinds, tiff_kinds, jxl_kinds, svg_kinds, other_kinds)

KINDS: dict[str, Kind] = {kind.name: kind for module in MODULES for kind in module.KINDS}
