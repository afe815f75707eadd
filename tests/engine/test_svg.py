"""SVG: its size, its sharpness, its fonts; and nothing outside of the file is read, whatever it contains."""

import base64
import ctypes
import gzip
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pymager.engine.inspect import inspect
from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.render import render
from pymager.engine.svg import fonts, size, tree
from pymager.engine.svg.tree import Element
from pymager.errors import NotAPicture, PictureError, Undecodable
from pymager.formats import Encoding
from pymager.variants.variant import Variant
from pymager.workers.limits import WorkerLimits
from pymager.workers.pool import WorkerPool
from tests.engine import handmade
from tests.engine.rendering import ALL, as_rgba, format_and_size, inspected, opened, rendered
from tests.pictures import encoded

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
SECRET = "root:x:0:0"


def svg(content: str = "", root: str = 'width="40" height="30"', before: str = "") -> bytes:
    return f"{before}<svg {NAMESPACES} {root}>{content}</svg>".encode()


SIZES = {
    'width="40" height="30"': (40, 30),
    'width="40px" height="1in"': (40, 96),
    'width="2.54cm" height="25.4mm"': (96, 96),
    'width="3pt" height="2pc"': (4, 32),
    'width="10.4" height="10.5"': (10, 11),
    'width="0.1" height="1e1"': (1, 10),
    'viewBox="0 0 24 12"': (24, 12),
    'viewBox="-5,-5,24,12" width="48"': (48, 24),
    'viewBox="0 0 24 12" height="48"': (96, 48),
    'viewBox="0 0 24 12" width="100%" height="50%"': (24, 12),
    'width="100%"': (300, 150),
    'width="60"': (60, 150),
    'height="auto"': (300, 150),
    "": (300, 150),
}


@pytest.mark.parametrize("root", SIZES)
def test_the_size_follows_from_the_root(root: str) -> None:
    assert format_and_size(svg(root=root)) == ("svg", *SIZES[root])


BAD_SIZES = [
    *('width="0"', 'width="-5" height="5"', 'width="NaN"', 'width="inf"', 'width="1e400"', 'height="12 apples"'),
    *('viewBox="0 0 0 5"', 'viewBox="0 0 NaN 5"', 'viewBox="0 0 5"', 'viewBox="0 0 -5 5"', 'viewBox="0 0 1e400 5"'),
]


@pytest.mark.parametrize("root", BAD_SIZES)
def test_a_size_that_is_none_is_named(root: str) -> None:
    with pytest.raises(NotAPicture, match=r"the SVG's (width|height|viewBox) is '"):
        inspected(svg(root=root))


@pytest.mark.parametrize("root", ['width="1e9" height="1e9"', 'viewBox="0 0 1e5 1e5"', 'width="1e-9" height="1e300"'])
def test_pixels_are_counted_before_anything_is_drawn(root: str) -> None:
    with pytest.raises(Undecodable, match="at most 100000000"):
        inspected(svg(root=root))


def test_an_svg_is_drawn_in_the_size_of_its_variant() -> None:
    """A line of a hundredth of the width is ten pixels wide in a variant of a thousand: with sharp edges."""
    line = '<rect x="50" width="1" height="100" fill="#000"/>'
    picture = as_rgba(svg(line, 'viewBox="0 0 100 100"'), 1000, 1000)
    alpha = np.asarray(picture)[500, :, 3]
    assert set(alpha.tolist()) == {0, 255}
    assert np.flatnonzero(alpha).tolist() == list(range(500, 510))


def test_only_the_part_that_is_needed_is_drawn() -> None:
    """The middle hundredth of a picture of 10000x1, for which a whole one would have 16 billion pixels."""
    halves = '<rect width="5000" height="1" fill="red"/><rect x="5000" width="5000" height="1" fill="blue"/>'
    picture = as_rgba(svg(halves, 'width="10000" height="1"'), 1_280, 1_280)
    assert [picture.getpixel((x, 640)) for x in (10, 630, 650, 1_270)] == [
        *[(255, 0, 0, 255)] * 2,
        *[(0, 0, 255, 255)] * 2,
    ]


OPTIONS: dict[str, dict[str, object]] = {
    "inside": {"fit": "inside", "enlarge": True},
    "contain": {"fit": "contain"},
    "fill": {"fit": "fill"},
    "gravity": {"gravity": "northwest"},
    "crop": {"crop": "25p,25p,50p,50p"},
    "turned": {"rotate": 90, "flip": "h"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_svg_is_sharp_with_every_option_of_geometry(name: str) -> None:
    """A checkerboard of whole pixels in every variant has only its two colors, except where two squares share one."""
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="{"#000" if (x + y) % 2 else "#fff"}"/>'
        for x in range(8)
        for y in range(8)
    )
    body = rendered(svg(squares, 'viewBox="0 0 8 8"'), 1024, 512, **OPTIONS[name])  # type: ignore[arg-type]
    values = np.asarray(opened(body).convert("RGBA"))
    shades = values[:, :, 0][values[:, :, 3] == 255]
    assert np.isin(shades, (0, 255)).mean() > 0.99
    assert 0.4 < (shades == 0).mean() < 0.6


def test_a_side_that_follows_and_the_own_size_of_an_svg() -> None:
    data = svg(root='width="40" height="30"')
    assert opened(rendered(data, 20, 0)).size == (20, 15)
    assert opened(rendered(data, 0, 300)).size == (40, 30)  # it counts as enlarging, as for other originals
    assert opened(rendered(data, 0, 300, enlarge=True)).size == (400, 300)


def test_transparency_is_kept_and_the_background_is_visible_through_it() -> None:
    data = svg('<rect width="40" height="15" fill="red" fill-opacity="0.5"/>')
    picture = as_rgba(data, 40, 30)
    assert picture.getpixel((20, 25)) == (0, 0, 0, 0)
    assert picture.getpixel((20, 5)) == (255, 0, 0, 128)
    behind = as_rgba(data, 40, 30, "bmp", background=(0, 0, 255))
    assert behind.getpixel((20, 25)) == (0, 0, 255, 255)


@pytest.mark.parametrize(
    "family", ["", 'font-family="No Such Font"', 'font-family="monospace"', 'font-family="a,serif"']
)
@pytest.mark.parametrize("installed", [True, False])
def test_text_is_drawn_with_and_without_fonts_of_the_system(
    monkeypatch: pytest.MonkeyPatch, family: str, installed: bool
) -> None:
    fonts.options.cache_clear()
    if not installed:
        monkeypatch.setattr(fonts, "_FOLDERS", ())
    try:
        data = svg(f'<text y="25" font-size="30" {family}>MM</text>')
        assert np.asarray(as_rgba(data, 40, 30))[:, :, 3].sum() > 20_000
        foreign = svg(f'<text y="25" font-size="30" {family}>\u732b\u05d0</text>')
        assert inspected(foreign).width == 40
    finally:
        fonts.options.cache_clear()


def test_another_kind_of_document_is_not_an_svg() -> None:
    for data in (
        b"<!doctype html><html><body>" + svg() + b"</body></html>",
        b'<html xmlns="http://www.w3.org/1999/xhtml">' + svg() + b"</html>",
        b'<?xml version="1.0"?><rss><svg xmlns="http://www.w3.org/2000/svg"/></rss>',
        b"<p>" + svg() + b"</p>",
        b" ",
        b"<",
    ):
        with pytest.raises(NotAPicture, match="not a picture"):
            inspected(data)


def test_a_file_that_begins_like_an_svg_can_be_of_another_format() -> None:
    """A TGA can begin with any byte: it is the length of its id."""
    for length in (ord("<"), ord(" "), ord("\r")):
        data = encoded(Image.new("RGB", (20, 10), (9, 8, 7)), "TGA", id_section=b"x" * length)
        assert data[0] == length
        assert format_and_size(data) == ("tga", 20, 10)


def test_a_compressed_svg_is_refused_with_a_sentence() -> None:
    with pytest.raises(NotAPicture, match="compressed with gzip"):
        inspected(gzip.compress(svg()))


def test_an_svg_is_refused_where_it_is_not_accepted() -> None:
    with pytest.raises(NotAPicture, match="accepted formats: png"):
        inspected(svg(), PictureLimits(("PNG",)))


def test_text_and_styles_keep_their_characters() -> None:
    root = tree.parse(svg("<style>a&gt;b{}</style><text>1 &lt; 2 &amp; 3</text><g> \n </g><title>no</title>"))
    assert root is not None
    assert [(e.name, e.children) for e in root.elements() if isinstance(e, Element) and e is not root] == [
        ("g", []),
        ("text", ["1 < 2 & 3"]),
        ("style", ["a>b{}"]),
    ]


def test_size_of_an_element_without_a_namespace_is_not_asked() -> None:
    assert size.of(Element("svg", {})) == (300, 150)


# What leads outside of the file


@contextmanager
def unopened(path: Path) -> Iterator[None]:
    """Fails if the file is opened meanwhile (inotify(7), IN_OPEN)."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(watch, bytes(path), 0x20) >= 0
    try:
        yield
        with pytest.raises(BlockingIOError):
            os.read(watch, 4_096)
    finally:
        os.close(watch)


def outside(url: str) -> dict[str, bytes]:
    """Every way to refer to something that is not in the file."""
    full = 'width="40" height="30"'
    return {
        "image": svg(f'<image {full} href="{url}"/>'),
        "xlink": svg(f'<image {full} xlink:href="{url}"/>'),
        "feImage": svg(f'<filter id="f"><feImage href="{url}"/></filter><rect {full} filter="url(#f)"/>'),
        "use": svg(f'<use href="{url}#a"/>'),
        "fill": svg(f'<rect {full} fill="url({url}#a)"/>'),
        "mask": svg(f'<rect {full} style="mask:url({url}#a);filter:url({url}#b)"/>'),
        "gradient": svg(f'<linearGradient id="g" href="{url}#a"/><rect {full} fill="url(#g)"/>'),
        "text path": svg(f'<text><textPath href="{url}#a">text</textPath></text>'),
        "import": svg(f'<style>@import url("{url}");</style><rect {full}/>'),
        "font": svg(f'<style>@font-face{{font-family:F;src:url({url})}}</style><text font-family="F">text</text>'),
        "style sheet": svg(before=f'<?xml-stylesheet href="{url}" type="text/css"?>'),
        "link": svg(f'<link xmlns="http://www.w3.org/1999/xhtml" rel="stylesheet" href="{url}"/>'),
        "script": svg(f'<script href="{url}"/>'),
        "javascript": svg(f"<a href=\"javascript:fetch('{url}')\"><rect {full} onclick=\"fetch('{url}')\"/></a>"),
        "base": svg(f'<image {full} xml:base="{url}" href="x.png"/>'),
        "entity": svg("<text>&x;</text>", before=f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{url}">]>'),
        "parameter": svg(before=f'<!DOCTYPE svg [<!ENTITY % x SYSTEM "{url}"> %x;]>'),
        "doctype": svg(before=f'<!DOCTYPE svg SYSTEM "{url}">'),
        "nested": svg(_nested(svg(f'<image {full} href="{url}"/>'))),
        "include": svg(f'<include xmlns="http://www.w3.org/2001/XInclude" href="{url}" parse="text"/>'),
        "cursor": svg(f'<cursor href="{url}"/><tref href="{url}"/><font-face-uri href="{url}"/>'),
    }


def _nested(data: bytes) -> str:
    encoded_data = base64.b64encode(data).decode()
    return f'<image width="40" height="30" href="data:image/svg+xml;base64,{encoded_data}"/>'


WAYS = sorted(outside(""))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scheme", ["{}", "file://{}"])
def test_no_file_is_read(tmp_path: Path, way: str, scheme: str) -> None:
    canary = tmp_path / "canary.png"
    canary.write_bytes(encoded(Image.new("RGB", (40, 30), (0, 255, 0)), "PNG"))
    with unopened(canary):
        try:
            data = rendered(outside(scheme.format(canary))[way], 40, 30)
        except PictureError:
            return
        assert (0, 255, 0) not in {color[:3] for color in opened(data).convert("RGBA").get_flattened_data()}


@pytest.mark.parametrize("way", WAYS)
def test_no_server_is_asked(way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/canary.png"
        for render_or_inspect in (inspected, lambda data: rendered(data, 40, 30)):
            with suppress(PictureError):
                render_or_inspect(outside(url)[way])
        with pytest.raises(BlockingIOError):
            server.accept()


def test_the_canary_would_be_found(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("x")
    with pytest.raises(pytest.fail.Exception), unopened(canary):
        canary.read_text()


# Hostile files


_USE = '<use href="#a{}"/>'
_FILLED = '<rect width="9" height="9" fill="url(#p{})"/>'


def _uses(levels: int) -> str:
    """Each group uses the one before ten times."""
    groups = "".join(f'<g id="a{n + 1}">{_USE.format(n) * 10}</g>' for n in range(levels))
    return f'<g id="a0"><rect width="1" height="1"/></g>{groups}'


def _patterns(levels: int) -> str:
    """Each pattern is filled by the one before ten times."""
    patterns = "".join(
        f'<pattern id="p{n + 1}" width="1" height="1">{_FILLED.format(n) * 10}</pattern>' for n in range(levels)
    )
    return patterns + _FILLED.format(levels)


def _entities(levels: int) -> bytes:
    declared = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(levels))
    return svg(f"<text>&e{levels};</text>", before=f'<!DOCTYPE svg [<!ENTITY e0 "lol">{declared}]>')


def _huge_png() -> str:
    head = handmade.PNG + handmade.header(60_000, 60_000, 8, handmade.RGBA)
    data = head + handmade.chunk(b"IDAT", zlib.compress(bytes(1_000))) + handmade.chunk(b"IEND")
    return f'<image width="9" height="9" href="data:image/png;base64,{base64.b64encode(data).decode()}"/>'


def hostile() -> dict[str, bytes]:
    entity = f'<!DOCTYPE svg [<!ENTITY a "{"a" * 900}">]>'
    return {
        "uses": svg(_uses(12)),
        "patterns": svg(_patterns(12)),
        "entities in entities": _entities(12),
        "a long entity": svg("&a;", before=f'<!DOCTYPE svg [<!ENTITY a "{"a" * 100_000}">]>'),
        "many references to an entity": svg(f"<text>{'&a;' * 100_000}</text>", before=entity),
        "many references in an attribute": svg(f'<g id="{"&a;" * 100_000}"/>', before=entity),
        "many entities": svg(before="<!DOCTYPE svg [" + "".join(f'<!ENTITY a{n} "x">' for n in range(200)) + "]>"),
        "a cycle of uses": svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'),
        "depth": svg("<g>" * 100_000 + "</g>" * 100_000),
        "elements": svg("<g/>" * 200_000),
        "a long chain": svg("".join(f'<g id="c{n + 1}"><use href="#c{n}"/></g>' for n in range(2_000))),
        "a huge contained picture": svg(_huge_png()),
        "svg in svg in svg": svg(_nested(svg(_nested(svg())))),
        "many contained pictures": svg(_nested(svg()) * 1_200),
        "bytes": svg(f"<!--{' ' * (11 << 20)}-->"),
        "html": svg('<foreignObject><script xmlns="http://www.w3.org/1999/xhtml">1</script></foreignObject>'),
        "an unknown encoding": svg(before='<?xml version="1.0" encoding="klingon"?>'),
    }


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_svg_is_refused_without_drawing_it(name: str) -> None:
    with pytest.raises(PictureError):
        inspected(hostile()[name])
    with pytest.raises(PictureError):
        rendered(hostile()[name], 40, 30)


_FILTERED = '<rect filter="url(#f)" width="9" height="9"/>'
HARMLESS = {
    "a use of itself": svg('<g id="a"><use href="#a"/></g>'),
    "a cycle of masks": svg('<mask id="m"><rect mask="url(#m)" width="9" height="9"/></mask><rect mask="url(#m)"/>'),
    "a cycle of gradients": svg('<linearGradient id="g" href="#g"/><rect width="9" height="9" fill="url(#g)"/>'),
    "huge numbers": svg('<rect x="1e30" y="-1e30" width="1e38" height="1e38" transform="scale(1e30)"/>'),
    "no number": svg('<rect width="NaN" height="nan" rx="inf"/><circle r="-1"/><path d="M NaN 0 L 1e999 1"/>'),
    "a huge blur": svg(f'<filter id="f"><feGaussianBlur stdDeviation="1e9"/></filter>{_FILTERED}'),
    "a huge region": svg(f'<filter id="f" x="-1e9" y="-1e9" width="2e9" height="2e9"><feFlood/></filter>{_FILTERED}'),
    "a broken style": svg("<style>{{{;;;}}}@media{</style><rect style='fill:url(' width='9' height='9'/>"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_svg_is_drawn(name: str) -> None:
    assert format_and_size(HARMLESS[name]) == ("svg", 40, 30)
    assert as_rgba(HARMLESS[name], 80, 60)


def filters() -> dict[str, bytes]:
    """Pictures that take long to draw, or much memory: only a worker's limits end them."""
    turbulence = '<feTurbulence baseFrequency="0.9" numOctaves="100000000"/>'
    morphology = '<feMorphology operator="dilate" radius="4000"/>'
    kernel = f'<feConvolveMatrix order="300" kernelMatrix="{"1 " * 90_000}"/>'
    box = 'x="0" y="0" width="1" height="1"'
    rect = '<rect width="4000" height="4000" filter="url(#f)"/>'
    root = 'width="4000" height="4000"'
    layers = '<g opacity="0.5">' * 150 + '<rect width="4000" height="4000"/>' + "</g>" * 150
    return {
        "turbulence": svg(f'<filter id="f" {box}>{turbulence}</filter>{rect}', root),
        "morphology": svg(f'<filter id="f" {box}>{morphology * 20}</filter>{rect}', root),
        "convolution": svg(f'<filter id="f" {box}>{kernel}</filter>{rect}', root),
        "layers": svg(layers, root),
    }


@pytest.mark.parametrize("name", filters())
async def test_a_worker_ends_what_takes_too_long_to_draw(tmp_path: Path, name: str) -> None:
    """An upload and a render give an answer within the limits, a known error or a picture; then others are served."""
    path, plain = tmp_path / "hostile", tmp_path / "plain"
    path.write_bytes(filters()[name])
    plain.write_bytes(svg())
    limits = WorkerLimits(memory=512 << 20, cpu_seconds=1, wall_seconds=60, max_jobs=50)
    async with WorkerPool(1, 8, limits, ALL) as pool:
        with suppress(PictureError):
            await pool.inspect(path)
        with suppress(PictureError):
            async with pool.reserve() as worker:
                await worker.render(path, RenderJob(Variant(2_000, 2_000, "png"), Encoding()), tmp_path)
        assert (await pool.inspect(plain)).format == "svg"


def test_a_picture_is_the_same_in_a_file_and_from_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_bytes(svg('<rect width="20" height="15" fill="blue"/>'))
    found, _ = inspect(path, ALL, (255, 255, 255))
    assert (found.format, found.width, found.height) == ("svg", 40, 30)
    body = render(path, ALL, RenderJob(Variant(20, 15, "png"), Encoding()))
    assert body is not None
    assert struct.unpack(">II", body[16:24]) == (20, 15)
