"""The fonts for text in an SVG: those of the system, and one that is always there."""

import os
from functools import cache
from pathlib import Path
from typing import Any

_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_MAX_FILES = 20_000
_KNOWN = {
    "serif_family": ("Liberation Serif", "DejaVu Serif", "Noto Serif", "FreeSerif"),
    "sans_serif_family": ("Liberation Sans", "DejaVu Sans", "Noto Sans", "FreeSans"),
    "monospace_family": ("Liberation Mono", "DejaVu Sans Mono", "Noto Sans Mono", "FreeMono"),
}
"""Common families for CSS's generic ones, best first."""


@cache
def options() -> dict[str, Any]:
    """The options of resvg: files of fonts in addition to the system's, and a family for each of CSS's generic ones.

    Text in a family that is not installed, and for which there is no other one, is drawn in Aileron Regular. Pillow
    contains a part of it, for Latin scripts; its license is CC0.
    """
    from PIL import ImageFont  # only for pictures with text

    font = ImageFont.load_default(16)
    assert isinstance(font, ImageFont.FreeTypeFont)
    file = os.memfd_create("font")
    os.write(file, font.font_bytes)
    family = font.getname()[0] or ""
    installed = _installed()
    chosen = {
        option: next((name for name in names if name.replace(" ", "") in installed), family)
        for option, names in _KNOWN.items()
    }
    sans = chosen["sans_serif_family"]
    return {
        "font_files": [f"/proc/self/fd/{file}"],
        "font_family": sans,
        "cursive_family": sans,
        "fantasy_family": sans,
        **chosen,
    }


def _installed() -> set[str]:
    """The names of font files without a style: `DejaVuSans` for `DejaVuSans.ttf` and `DejaVuSans-Bold.ttf`."""
    names: set[str] = set()
    for folder in _FOLDERS:
        for _, _, files in os.walk(folder):
            names |= {Path(file).stem.partition("-")[0] for file in files}
            if len(names) > _MAX_FILES:
                return names
    return names
