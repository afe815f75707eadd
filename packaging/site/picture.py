"""Draws docs/assets/variants.svg: `python packaging/site/picture.py docs/assets/variants.svg`.

One landscape is the original, and every variant shows it through a frame of its own: the same shapes, cropped and
filtered. The panel has its own background, so the picture suits light and dark pages.
"""

import math
import sys
from pathlib import Path
from typing import NamedTuple

WIDTH, HEIGHT = 1200, 640
ORIGINAL = (400, 300)  # the landscape's own coordinates
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"


class Variant(NamedTuple):
    """A frame on the panel: where, how large, which part of the original, its URL, and what the URL asks for."""

    x: float
    y: float
    width: float
    height: float
    part: str
    url: str
    what: str
    look: str = ""
    radius: float = 10


VARIANTS = (
    Variant(640, 56, 240, 180, "0 0 400 300", "/derived/lake-800x600.webp", "the whole picture, as WebP"),
    Variant(912, 56, 232, 110, "0 70 400 190", "/derived/lake-1600x760.avif", "a banner, cropped to fit"),
    Variant(912, 222, 104, 104, "185 37 150 150", "/derived/lake@thumb.jpg", "a preset of yours, twice"),
    Variant(640, 292, 240, 130, "0 60 400 217", "/derived/lake-600x.jpg?gray=true", "without color", "gray"),
    Variant(912, 382, 104, 156, "172 30 177 266", "/derived/lake-400x600.jpg", "a part of it, for phones"),
    Variant(640, 478, 240, 90, "0 100 400 150", "/derived/lake-320x.jpg?blur=8", "blurred, as a background", "blur"),
    Variant(1040, 222, 104, 104, "185 37 150 150", "", "", "", 52),
)


def ridge(base: float, height: float, phase: float, step: int = 8) -> str:
    """The outline of a range of mountains, down to the bottom of the landscape."""
    points = []
    for x in range(-step, ORIGINAL[0] + step * 2, step):
        wave = math.sin(x / 61 + phase) + 0.5 * math.sin(x / 23 + 2.1 * phase) + 0.22 * math.sin(x / 9.3 + 3.7 * phase)
        points.append(f"{x},{base - height * (wave + 1.7) / 3.4:.1f}")
    return f"M-10,320 L{' L'.join(points)} L420,320 Z"


def fir(x: float, y: float, size: float) -> str:
    """A fir tree whose foot is at x, y."""
    tiers = []
    for tier in range(3):
        top, half = y - size * (1 - 0.24 * tier), size * (0.13 + 0.07 * tier)
        low = top + size * 0.5
        tiers.append(f"M{x:.1f},{top:.1f} L{x + half:.1f},{low:.1f} L{x - half:.1f},{low:.1f} Z")
    return " ".join(tiers)


def landscape() -> str:
    """The original: evening mountains over a lake."""
    firs = [fir(14 + 23 * n, 262 + 7 * math.sin(n * 2.3), 46 + 14 * math.sin(n * 1.7)) for n in range(5)]
    firs += [fir(306 + 21 * n, 266 + 6 * math.sin(n * 1.9), 50 + 16 * math.cos(n * 1.3)) for n in range(5)]
    glints = "".join(
        f'<rect x="{260 - w / 2 + dx:.0f}" y="{y}" width="{w}" height="2" rx="1" opacity=".{o}"/>'
        for y, w, dx, o in ((215, 62, 0, 85), (223, 44, 5, 70), (231, 54, -4, 55), (240, 30, 3, 45), (250, 40, 0, 30))
    )
    return f"""<symbol id="lake" viewBox="0 0 400 300">
<rect width="400" height="300" fill="url(#sky)"/>
<circle cx="260" cy="112" r="64" fill="#ffe9b0" opacity=".35"/>
<circle cx="260" cy="112" r="30" fill="#fff3cf"/>
<path d="M36,70 q26,-20 52,0 q22,-8 34,10 h-104 q4,-14 18,-10z" fill="#fff" opacity=".28"/>
<path d="M300,44 q20,-16 40,0 q18,-6 28,8 h-84 q4,-10 16,-8z" fill="#fff" opacity=".22"/>
<path d="{ridge(190, 96, 0.6)}" fill="#8a6fae"/>
<path d="{ridge(204, 70, 2.2)}" fill="#5d5596"/>
<path d="{ridge(212, 42, 4.4)}" fill="#37427a"/>
<rect y="206" width="400" height="94" fill="url(#water)"/>
<g fill="#fff0c2">{glints}</g>
<path d="M-5,300 V262 Q60,246 128,268 T240,286 T410,258 V300Z" fill="#16243f"/>
<path d="{" ".join(firs)}" fill="#101a30"/>
</symbol>"""


def frame(variant: Variant, number: int) -> str:
    """A variant on the panel, with its URL below."""
    x, y, width, height = variant.x, variant.y, variant.width, variant.height
    look = f' filter="url(#{variant.look})"' if variant.look else ""
    left, top, part_width, part_height = map(float, variant.part.split())
    scale = max(width / part_width, height / part_height)
    picture = (
        f'<clipPath id="c{number}"><rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{variant.radius}"/>'
        f'</clipPath><g clip-path="url(#c{number})"><use href="#lake" x="{x - left * scale:.1f}" '
        f'y="{y - top * scale:.1f}" width="{400 * scale:.1f}" height="{300 * scale:.1f}"{look}/></g>'
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{variant.radius}" class="edge"/>'
    )
    texts = (
        f'<text x="{x}" y="{y + height + 21}" class="url">{variant.url}</text>'
        f'<text x="{x}" y="{y + height + 38}" class="what">{variant.what}</text>'
        if variant.url
        else ""
    )
    return picture + texts


def flows() -> str:
    """Curves from the original to the first column of variants."""
    ends = [variant.y + variant.height / 2 for variant in VARIANTS if variant.x == 640]
    return "".join(f'<path d="M478,305 C550,305 550,{end} 628,{end}"/>' for end in ends)


def picture() -> str:
    """The whole SVG."""
    frames = "\n".join(frame(variant, number) for number, variant in enumerate(VARIANTS))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" \
aria-labelledby="title">
<title id="title">An original, and variants of it in other sizes, crops and formats, each with its URL</title>
<defs>
<linearGradient id="panel" x1="0" y1="0" x2="1" y2="1"><stop stop-color="#1b2547"/><stop offset="1" \
stop-color="#0d1326"/></linearGradient>
<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop stop-color="#3c4f9a"/><stop offset=".34" \
stop-color="#b06fae"/><stop offset=".62" stop-color="#ff9e7a"/><stop offset=".8" stop-color="#ffd08a"/></linearGradient>
<linearGradient id="water" x1="0" y1="0" x2="0" y2="1"><stop stop-color="#e39a86"/><stop offset=".45" \
stop-color="#7a6aa8"/><stop offset="1" stop-color="#2b3766"/></linearGradient>
<linearGradient id="flow" gradientUnits="userSpaceOnUse" x1="470" y1="0" x2="640" y2="0"><stop stop-color="#ffb57a"/>\
<stop offset="1" stop-color="#8ea2ff"/></linearGradient>
<filter id="gray"><feColorMatrix type="saturate" values="0"/></filter>
<filter id="blur"><feGaussianBlur stdDeviation="6"/></filter>
<filter id="shadow" x="-20%" y="-20%" width="140%" height="150%"><feDropShadow dx="0" dy="10" stdDeviation="14" \
flood-color="#000" flood-opacity=".45"/></filter>
{landscape()}
</defs>
<style>
.edge {{ fill: none; stroke: #fff; stroke-opacity: .22 }}
text {{ font-family: {_FONT} }}
.url {{ fill: #dfe6ff; font-size: 13px }}
.what {{ fill: #93a0cc; font-size: 12px; font-family: system-ui, sans-serif }}
.head {{ fill: #fff; font-size: 17px; font-weight: 600 }}
.flow path {{ fill: none; stroke: url(#flow); stroke-width: 2.5; stroke-linecap: round; stroke-dasharray: 1 8 }}
</style>
<rect width="{WIDTH}" height="{HEIGHT}" rx="22" fill="url(#panel)"/>
<g class="flow">{flows()}</g>
<g filter="url(#shadow)"><clipPath id="o"><rect x="56" y="150" width="414" height="310" rx="14"/></clipPath>
<g clip-path="url(#o)"><use href="#lake" x="56" y="150" width="414" height="310.5"/></g></g>
<rect x="56" y="150" width="414" height="310" rx="14" class="edge"/>
<text x="56" y="128" class="head">POST /original/lake</text>
<text x="56" y="488" class="url">4000 x 3000, 6.7 MB</text>
<text x="56" y="508" class="what">uploaded once; it stays as it is</text>
{frames}
</svg>
"""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(), "utf-8")
