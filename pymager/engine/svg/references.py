"""What an SVG refers to: only itself, and pictures that it contains."""

import binascii
import re
import struct
from base64 import b64decode, b64encode
from urllib.parse import unquote_to_bytes

from pymager.engine.containers import gif, jpeg, png, webp
from pymager.engine.limits import PictureLimits, check_parts
from pymager.engine.svg import markup, tree
from pymager.engine.svg.tree import Element
from pymager.errors import NotAPicture, PictureError, Undecodable

_WITH_PICTURES = frozenset({"image", "feImage"})
_KINDS = (
    (0, b"\x89PNG\r\n\x1a\n", "png", png.walk),
    (0, b"\xff\xd8\xff", "jpeg", jpeg.walk),
    (0, b"GIF8", "gif", gif.walk),
    (8, b"WEBP", "webp", webp.walk),
)
_MAX_PICTURES = 1_000
_MAX_DRAWN_ELEMENTS = 200_000
_MAX_CHAIN = 300
_LOCAL = re.compile(r"url\(\s*['\"]?#([^)'\"\s]+)")


def restrict(root: Element, limits: PictureLimits, *, nested: bool = False) -> None:
    """Check everything that the SVG would draw from elsewhere, and remove all other references that lead outside.

    Raises `NotAPicture` for a picture or a part that is outside, or contained but of a kind that is not supported;
    `Undecodable` if a contained picture exceeds a limit, or if references draw too much.
    """
    pictures = 0
    for element in root.elements():
        href = element.attributes.get("href", "").strip()
        if not href or href.startswith("#"):
            continue
        if element.name == "use":
            raise NotAPicture(f"the SVG uses a part of another file ({_shown(href)}); put the part into the SVG")
        if element.name in _WITH_PICTURES:
            pictures += 1
            check_parts(pictures, _MAX_PICTURES, "pictures in it")
            element.attributes["href"] = _picture(_contained(href), limits, nested)
        else:
            del element.attributes["href"]
    _check_drawn_elements(root)


def _contained(url: str) -> bytes:
    """The content of a `data:` URL (RFC 2397). Raises `NotAPicture` for any other URL, or a broken one."""
    head, comma, content = url.partition(",")
    if not comma or head[:5].lower() != "data:":
        raise NotAPicture(f"the SVG shows a picture that is outside of it ({_shown(url)}); put it in as a data: URL")
    raw = unquote_to_bytes(content)
    if not head.lower().replace(" ", "").endswith(";base64"):
        return raw
    try:
        return b64decode(b"".join(raw.split()) + b"==")
    except binascii.Error as error:
        raise NotAPicture("the SVG has a data: URL that is not base64") from error


def _picture(data: bytes, limits: PictureLimits, nested: bool) -> str:
    """A contained picture as a URL: PNG, JPEG, GIF, WebP, or SVG that contains no SVG.

    Raises `NotAPicture` for anything else, `Undecodable` for one that exceeds a limit.
    """
    for offset, magic, name, walk in _KINDS:
        if data[offset : offset + len(magic)] == magic:
            try:
                walk(data, limits, True)
            except PictureError as error:
                raise type(error)(f"a picture in the SVG is refused: {error}") from error
            except (struct.error, IndexError) as error:
                raise NotAPicture("a picture in the SVG is damaged") from error
            return f"data:image/{name};base64,{b64encode(data).decode()}"
    root = None if nested else tree.parse(data)
    if root is None:
        raise NotAPicture("a picture in the SVG must be PNG, JPEG, GIF, WebP, or an SVG that contains no other SVG")
    restrict(root, limits, nested=True)
    return f"data:image/svg+xml;base64,{b64encode(markup.document(root).encode()).decode()}"


def _shown(url: str) -> str:
    return repr(url[:60] + ("..." if len(url) > 60 else ""))


def _check_drawn_elements(root: Element) -> None:
    """Count elements as often as references draw them: a few lines can draw billions. Cycles draw nothing."""
    by_id = {element.attributes["id"]: element for element in root.elements() if "id" in element.attributes}
    counts: dict[int, int] = {}
    busy: set[int] = set()

    def count(element: Element, chain: int) -> int:
        key = id(element)
        if key in counts or key in busy:
            return counts.get(key, 0)
        if chain > _MAX_CHAIN:
            raise Undecodable(f"the SVG has chains of more than {_MAX_CHAIN} references and elements")
        busy.add(key)
        total = 1
        for child in element.children:
            if isinstance(child, Element):
                total += count(child, chain + 1)
        for name in _references(element):
            if name in by_id:
                total += count(by_id[name], chain + 1)
        busy.discard(key)
        counts[key] = total
        if total > _MAX_DRAWN_ELEMENTS:
            raise Undecodable(f"the SVG draws more than {_MAX_DRAWN_ELEMENTS} elements by references to its parts")
        return total

    count(root, 0)


def _references(element: Element) -> list[str]:
    """The ids that an element refers to."""
    found = [name for value in element.attributes.values() if "url(" in value for name in _LOCAL.findall(value)]
    href = element.attributes.get("href", "").strip()
    return [*found, href[1:]] if href.startswith("#") else found
