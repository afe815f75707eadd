"""Reads an SVG into a tree, without its scripts, animations and external references (SVG 2, section 2.7.1: the secure
static mode, in which browsers show a picture in `img`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias
from xml.parsers import expat

from pymager.engine.limits import check_parts
from pymager.errors import NotAPicture, Undecodable

MAX_BYTES = 10 << 20
MAX_ELEMENTS = 100_000
_MAX_DEPTH = 200
_MAX_ENTITIES = 100
_MAX_ENTITY_CHARACTERS = 1_000
_MAX_CHARACTERS = 2 * MAX_BYTES  # of text and attributes, after entities are replaced
_SVG = "http://www.w3.org/2000/svg"
_PREFIXES = {
    "http://www.w3.org/1999/xlink href": "href",
    "http://www.w3.org/XML/1998/namespace space": "xml:space",
    "http://www.w3.org/XML/1998/namespace lang": "xml:lang",
}
_LEFT_OUT = frozenset(
    [
        "script",
        "handler",
        "animate",
        "animateColor",
        "animateMotion",
        "animateTransform",
        "set",
        "discard",
        "mpath",
        "metadata",
        "title",
        "desc",
        "audio",
        "video",
        "iframe",
        "canvas",
        "unknown",
    ]
)
_WITH_TEXT = frozenset(["text", "tspan", "tref", "textPath", "altGlyph", "style"])

Child: TypeAlias = "Element | str"


@dataclass(slots=True)
class Element:
    """An element in SVG's namespace: its name and its attributes without a namespace."""

    name: str
    attributes: dict[str, str]
    children: list[Child] = field(default_factory=list)

    def elements(self) -> Iterator["Element"]:
        """This element and all below it."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += [child for child in element.children if isinstance(child, Element)]


def parse(data: bytes) -> Element | None:
    """The root of an SVG; None if the data is another kind of file.

    Nothing outside of the data is read. Raises `NotAPicture` for an SVG that is not well-formed or has HTML in it,
    and `Undecodable` if it is too large.
    """
    builder = _Builder()
    try:
        builder.read(data)
    except expat.ExpatError as error:
        if builder.root is None:
            return None
        raise NotAPicture(
            f"the SVG is not well-formed XML: {expat.errors.messages[error.code]}, line {error.lineno}"
        ) from error
    except (LookupError, ValueError):  # an encoding that Python does not know
        return None
    return builder.root


class _Builder:
    """Handles the events of the parser."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._depth = 0
        self._left_out_at = 0
        self._elements = 0
        self._entities = 0
        self._characters = 0

    def read(self, data: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        parser.Parse(data, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count(sum(map(len, attributes)) + sum(map(len, attributes.values())))
        if self._depth > _MAX_DEPTH:
            raise Undecodable(f"the SVG has more than {_MAX_DEPTH} levels of elements; save it without nested groups")
        if self._left_out_at:
            return
        namespace, _, local = name.rpartition(" ")
        if self.root is None:
            _check_root(namespace, local)
        if namespace != _SVG or local in _LEFT_OUT or (local == "foreignObject" and self._is_in_switch()):
            self._left_out_at = self._depth
            return
        if local == "foreignObject":
            raise NotAPicture("SVG with HTML in it (foreignObject) is not supported; save its text as SVG text")
        self._elements += 1
        check_parts(self._elements, MAX_ELEMENTS, "elements")
        element = Element(local, _plain(attributes))
        if self._open:
            self._open[-1].children.append(element)
        self.root = self.root or element
        self._open.append(element)

    def _end(self, name: str) -> None:
        if self._left_out_at == self._depth:
            self._left_out_at = 0
        elif not self._left_out_at:
            self._open.pop()
        self._depth -= 1

    def _text(self, text: str) -> None:
        self._count(len(text))
        if not self._left_out_at and self._open and self._open[-1].name in _WITH_TEXT:
            self._open[-1].children.append(text)

    def _entity(self, name: str, is_parameter: bool, value: str | None, *where: str | None) -> None:
        """Old editors declare namespaces as entities. One that refers to another can grow without limit."""
        self._entities += 1
        check_parts(self._entities, _MAX_ENTITIES, "entities")
        if value is not None and (len(value) > _MAX_ENTITY_CHARACTERS or "&" in value):
            raise Undecodable("the SVG has entities that refer to others, or are long; save it without a DOCTYPE")

    def _count(self, characters: int) -> None:
        self._characters += characters
        if self._characters > _MAX_CHARACTERS:
            raise Undecodable(f"the SVG has more than {_MAX_CHARACTERS} characters after its entities are replaced")

    def _is_in_switch(self) -> bool:
        """Whether the picture has an alternative for programs that do not know the element."""
        return bool(self._open) and self._open[-1].name == "switch"


def _check_root(namespace: str, name: str) -> None:
    """Raises `expat.ExpatError` for another kind of document, which is then not taken for an SVG."""
    if name == "svg" and not namespace:
        raise NotAPicture('the SVG lacks its namespace; the element svg needs xmlns="http://www.w3.org/2000/svg"')
    if (namespace, name) != (_SVG, "svg"):
        raise expat.ExpatError("another kind of document")


def _plain(attributes: dict[str, str]) -> dict[str, str]:
    """Attributes without a namespace. What an event would run is left out."""
    plain = {}
    for name, value in attributes.items():
        if " " not in name:
            if not name.startswith("on"):
                plain[name] = value
        elif name in _PREFIXES:
            plain.setdefault(_PREFIXES[name], value)
    if "href" in attributes:  # SVG 2, section 16.1.6: it precedes xlink:href
        plain["href"] = attributes["href"]
    return plain
