"""SVG: the text is read here, and what leads outside of it is removed. resvg draws what is left."""

from math import floor

from pymager import formats
from pymager.engine.containers.container import NOT_WALKED, Container, Data, Vector
from pymager.engine.limits import PictureLimits, check_pixels
from pymager.errors import Undecodable

_DECODER = "SVG"


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Read an SVG completely. Another kind of file is not walked."""
    accepted = _DECODER in limits.decoders or "*" in limits.decoders
    if not accepted or not formats.BY_DECODER[_DECODER].is_installed:
        return NOT_WALKED
    from pymager.engine.svg import markup, references, size, tree

    text = data[: tree.MAX_BYTES + 1]
    root = tree.parse(text[: tree.MAX_BYTES])
    if root is None:
        return NOT_WALKED
    if len(text) > tree.MAX_BYTES:
        raise Undecodable(f"the SVG has more than {tree.MAX_BYTES} bytes")
    extent = size.of(root)
    pixels = (max(1, floor(extent[0] + 0.5)), max(1, floor(extent[1] + 0.5)))
    check_pixels(pixels, limits)
    references.restrict(root, limits)
    root.attributes |= {"x": "0", "y": "0", "width": repr(extent[0]), "height": repr(extent[1])}
    return Container(vector=Vector(pixels, extent, markup.fragment(root)))
