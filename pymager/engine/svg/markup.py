"""Writes a tree as SVG, in UTF-8 without a DOCTYPE."""

from xml.sax.saxutils import escape, quoteattr

from pymager.engine.svg.tree import Element

_NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'


def document(root: Element) -> str:
    """A document of its own."""
    return fragment(root, f" {_NAMESPACE}")


def fragment(element: Element, extra: str = "") -> str:
    """An element and what is in it; `extra` is added to its tag."""
    parts: list[str] = []
    _write(element, parts, extra)
    return "".join(parts)


def _write(element: Element, parts: list[str], extra: str = "") -> None:
    attributes = "".join([f" {name}={quoteattr(value)}" for name, value in element.attributes.items()])
    parts.append(f"<{element.name}{extra}{attributes}>")
    for child in element.children:
        if isinstance(child, str):
            parts.append(escape(child))
        else:
            _write(child, parts)
    parts.append(f"</{element.name}>")


def window(fragment: str, box: tuple[float, float, float, float], size: tuple[int, int]) -> str:
    """A document of so many pixels that shows a box (left, top, width, height) of a fragment.

    The style keeps rules for the original's root from applying to this root too.
    """
    numbers = " ".join([repr(float(number)) for number in box])
    return (
        f'<svg {_NAMESPACE} width="{size[0]}" height="{size[1]}" viewBox="{numbers}" preserveAspectRatio="none" '
        'style="opacity:1;filter:none;mask:none;clip-path:none;transform:none;display:inline;mix-blend-mode:normal;'
        f'isolation:auto">{fragment}</svg>'
    )
