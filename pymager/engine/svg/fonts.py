"""The fonts for text in an SVG: those of the system, and one that is always there."""

import fcntl
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

FOLDERS = (
    *(Path("/usr/share/fonts"), Path("/usr/local/share/fonts")),
    *(Path("/etc/fonts"), Path("/usr/share/fontconfig")),  # which folders have fonts
)
"""What resvg reads for each picture with text."""

_FOLDERS = FOLDERS[:2]
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
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
    font = _aileron()
    family = font.getname()[0] or ""
    installed = _installed()
    chosen = {
        option: next((name for name in names if name.replace(" ", "") in installed), family)
        for option, names in _KNOWN.items()
    }
    sans = chosen["sans_serif_family"]
    return {
        "font_files": [f"/proc/self/fd/{own_font()}"],
        "font_family": sans,
        "cursive_family": sans,
        "fantasy_family": sans,
        **chosen,
    }


@cache
def own_font() -> int:
    """The font that is always there, as an open file in memory."""
    file = os.memfd_create("font", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(file, _aileron().font_bytes)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)  # worker processes share it
    return file


@cache
def _aileron() -> "FreeTypeFont":
    from PIL import ImageFont  # only for pictures with text

    font = ImageFont.load_default(16)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def can_be_read() -> bool:
    """Whether this process can read fonts, which are files."""
    try:
        os.close(os.open(f"/proc/self/fd/{own_font()}", os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return False
    return True


def _installed() -> set[str]:
    """The names of font files without a style: `DejaVuSans` for `DejaVuSans.ttf` and `DejaVuSans-Bold.ttf`."""
    names: set[str] = set()
    for folder in _FOLDERS:
        for _, _, files in os.walk(folder):
            names |= {Path(file).stem.partition("-")[0] for file in files}
            if len(names) > _MAX_FILES:
                return names
    return names
