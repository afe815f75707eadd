"""Kinds of SVG: the patches as rectangles, described in many ways."""

import base64
from functools import partial

from tests.engine.fidelity import patches
from tests.engine.fidelity.kind import Kind
from tests.pictures import encoded

_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_SIDE = patches.SIDE
_COLORS = [f"#{bytes(color).hex()}" for color in patches.COLORS.reshape(-1, 3).tolist()]
_PLACES = [(_SIDE * (index % 3), _SIDE * (index // 3)) for index in range(9)]
_RECTANGLES = "".join(
    f'<rect x="{x}" y="{y}" width="{_SIDE}" height="{_SIDE}" fill="{color}"/>'
    for (x, y), color in zip(_PLACES, _COLORS, strict=True)
)
_PERCENT = "".join(
    f'<rect x="{x / 0.48}%" y="{y / 0.48}%" width="33.34%" height="33.34%" fill="{color}"/>'
    for (x, y), color in zip(_PLACES, _COLORS, strict=True)
)
_FULL = 'width="48" height="48"'
_BOX = 'viewBox="0 0 48 48"'
_PNG = base64.b64encode(encoded(patches.picture(), "PNG")).decode()
_JPEG = base64.b64encode(encoded(patches.picture(), "JPEG", quality=100, subsampling=0)).decode()
_WEBP = base64.b64encode(encoded(patches.picture(), "WEBP", lossless=True)).decode()


def svg(content: str = _RECTANGLES, size: str = f"{_FULL} {_BOX}", before: str = "", encoding: str = "utf-8") -> bytes:
    return f"{before}<svg {_NAMESPACES} {size}>{content}</svg>".encode(encoding)


def _image(kind: str, data: str) -> str:
    return f'<image width="48" height="48" xlink:href="data:image/{kind};base64,{data}"/>'


_NESTED = base64.b64encode(svg()).decode()
_STYLE = "<style>" + "".join(f".c{n}{{fill:{color}}}" for n, color in enumerate(_COLORS)) + "</style>"
_CLASSES = "".join(f'<rect class="c{n}" x="{x}" y="{y}" width="16" height="16"/>' for n, (x, y) in enumerate(_PLACES))
_USES = '<defs><rect id="r" width="16" height="16"/></defs>' + "".join(
    f'<use href="#r" x="{x}" y="{y}" fill="{color}"/>' for (x, y), color in zip(_PLACES, _COLORS, strict=True)
)
_SCRIPT = "<script>document.documentElement.remove()</script>"
_ANIMATED = _RECTANGLES.replace("/>", '><animate attributeName="x" begin="9s" to="99" dur="1s"/></rect>')
_ENTITY = '<!DOCTYPE svg [<!ENTITY blue "#3c50c8">]>'

KINDS = [
    Kind("plain.svg", svg),
    Kind("only-a-size.svg", partial(svg, size=_FULL)),
    Kind("percentages.svg", partial(svg, _PERCENT)),
    Kind("percentages-without-box.svg", partial(svg, _PERCENT, _FULL)),
    Kind("larger.svg", partial(svg, size=f'width="96" height="96" {_BOX}')),
    Kind("millimeters.svg", partial(svg, size=f'width="25.4mm" height="25.4mm" {_BOX}')),
    Kind("points.svg", partial(svg, size=f'width="36pt" height="3pc" {_BOX}')),
    Kind("stretched.svg", partial(svg, size=f'width="96" height="48" {_BOX} preserveAspectRatio="none"')),
    Kind("letterbox.svg", partial(svg, size=f'width="96" height="48" {_BOX}')),
    Kind("at-the-left.svg", partial(svg, size=f'width="144" height="48" {_BOX} preserveAspectRatio="xMinYMid"')),
    Kind("slice.svg", partial(svg, size=f'width="96" height="48" {_BOX} preserveAspectRatio="xMidYMid slice"')),
    Kind(
        "moved-box.svg",
        partial(svg, f'<g transform="translate(100 50)">{_RECTANGLES}</g>', _FULL + ' viewBox="100 50 48 48"'),
    ),
    Kind("style-sheet.svg", partial(svg, _STYLE + _CLASSES)),
    Kind("root-rule.svg", partial(svg, "<style>svg{opacity:.5}</style>" + _RECTANGLES), tolerance=3),
    Kind("uses.svg", partial(svg, _USES)),
    Kind("opacity.svg", partial(svg, f'<g opacity="0.5">{_RECTANGLES}</g>'), tolerance=3),
    Kind("script.svg", partial(svg, _RECTANGLES + _SCRIPT)),
    Kind("event.svg", partial(svg, _RECTANGLES, f'{_FULL} {_BOX} onload="document.documentElement.remove()"')),
    Kind("animation.svg", partial(svg, _ANIMATED)),
    Kind("entity.svg", partial(svg, _RECTANGLES.replace("#3c50c8", "&blue;"), before=_ENTITY)),
    Kind("declared.svg", partial(svg, before='<?xml version="1.0" encoding="UTF-8"?>\n<!-- a comment -->\n')),
    Kind("byte-order-mark.svg", partial(svg, encoding="utf-8-sig")),
    Kind("utf-16.svg", partial(svg, before='<?xml version="1.0" encoding="UTF-16"?>', encoding="utf-16")),
    Kind("white-space.svg", partial(svg, before="\r\n\t ")),
    Kind("png.svg", partial(svg, _image("png", _PNG))),
    Kind("jpeg.svg", partial(svg, _image("jpeg", _JPEG)), tolerance=4),
    Kind("webp.svg", partial(svg, _image("webp", _WEBP))),
    Kind("wrong-type.svg", partial(svg, _image("jpeg", _PNG))),
    Kind("svg-in-svg.svg", partial(svg, _image("svg+xml", _NESTED))),
    Kind("outside.svg", partial(svg, '<image href="http://127.0.0.1:9/a.png"/>'), refused="outside of it"),
    Kind("part-of-another-file.svg", partial(svg, '<use href="a.svg#b"/>'), refused="another file"),
    Kind("avif.svg", partial(svg, _image("avif", "AAAA")), refused="must be PNG"),
    Kind("foreign.svg", partial(svg, "<foreignObject/>"), refused="foreignObject"),
    Kind("no-namespace.svg", lambda: b'<svg width="48" height="48"/>', refused="namespace"),
    Kind("cut.svg", lambda: svg()[:-20], refused="not well-formed"),
]
