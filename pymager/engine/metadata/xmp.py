"""The copyright in XMP (ISO 16684-1): Dublin Core, the rights schema, and Photoshop's credit."""

from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from pymager.engine.metadata.fields import NO_COPYRIGHT, Copyright

_DC = "http://purl.org/dc/elements/1.1/"
_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"
_DEFAULT_LANGUAGE = "x-default"
_TERMS = ("Marked", "Owner", "UsageTerms", "WebStatement")
_CREATOR, _NOTICE, _CREDIT = f"{_DC} creator", f"{_DC} rights", f"{_PHOTOSHOP} Credit"
_PROPERTIES = frozenset({_CREATOR, _NOTICE, _CREDIT, *(f"{_RIGHTS} {name}" for name in _TERMS)})
_LIST_ITEM = f"{_RDF} li"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_PADDING = b"\0 \t\r\n"  # that programs leave around a packet
_MAX_BYTES = 1 << 20
_MAX_VALUES = 100
_MAX_CHARACTERS = 100_000


class _Refused(Exception):
    """The packet has a DOCTYPE, which XMP never has, or too much of something."""


class _Reader:
    """Collects the values of properties: elements with text or a list, or attributes of a description."""

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}
        self._property = ""
        self._item = ""
        self._text: list[str] = []
        self._is_default = False
        self._count = 0

    def read(self, data: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.Parse(data, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        for attribute in _PROPERTIES & attributes.keys():
            self._add(attribute, attributes[attribute])
        if name in _PROPERTIES and not self._property:
            self._property, self._item, self._text = name, name, []
        elif name == _LIST_ITEM and self._property:
            self._item, self._text = name, []
            self._is_default = attributes.get(_LANGUAGE) == _DEFAULT_LANGUAGE

    def _end(self, name: str) -> None:
        if self._property and name == self._item:
            self._add(self._property, "".join(self._text))
            self._item = ""
        if name == self._property:
            self._property = ""

    def _characters(self, text: str) -> None:
        if self._item:
            self._text.append(text)
            self._count += len(text)
            if self._count > _MAX_CHARACTERS:
                raise _Refused

    def _add(self, name: str, text: str) -> None:
        values = self.values.setdefault(name, [])
        if not text.strip():
            return
        if len(values) >= _MAX_VALUES:
            raise _Refused
        if self._is_default and name != _CREATOR:
            values.insert(0, text)
        else:
            values.append(text)
        self._is_default = False


def read(data: bytes | None) -> Copyright:
    """The fields in a packet. Of texts in several languages, the default one. A broken packet has none."""
    if not data or len(data) > _MAX_BYTES:
        return NO_COPYRIGHT
    reader = _Reader()
    try:
        reader.read(data if data[:2] in _UTF_16 else data.strip(_PADDING))
    except (expat.ExpatError, _Refused, LookupError, ValueError):
        return NO_COPYRIGHT
    values = reader.values

    def first(name: str) -> str:
        return next(iter(values.get(name, ())), "")

    terms = [(name, first(f"{_RIGHTS} {name}")) for name in _TERMS]
    return Copyright.of(values.get(_CREATOR, ()), first(_NOTICE), first(_CREDIT), terms)


def written(copyright: Copyright) -> bytes:
    """A packet that holds nothing else."""
    parts = []
    if copyright.creators:
        items = "".join(f"<rdf:li>{escape(name)}</rdf:li>" for name in copyright.creators)
        parts.append(f"<dc:creator><rdf:Seq>{items}</rdf:Seq></dc:creator>")
    if copyright.rights:
        parts.append(f"<dc:rights>{_in_default_language(copyright.rights)}</dc:rights>")
    if copyright.credit:
        parts.append(f"<photoshop:Credit>{escape(copyright.credit)}</photoshop:Credit>")
    for name, text in copyright.terms:
        value = _in_default_language(text) if name == "UsageTerms" else escape(text)
        if name == "Owner":
            value = f"<rdf:Bag><rdf:li>{escape(text)}</rdf:li></rdf:Bag>"
        parts.append(f"<xmpRights:{name}>{value}</xmpRights:{name}>")
    namespaces = {"dc": _DC, "xmpRights": _RIGHTS, "photoshop": _PHOTOSHOP}
    declared = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in namespaces.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about=""{declared}>{"".join(parts)}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _in_default_language(text: str) -> str:
    return f'<rdf:Alt><rdf:li xml:lang="{_DEFAULT_LANGUAGE}">{escape(text)}</rdf:li></rdf:Alt>'


def _refuse(*declaration: object) -> None:
    raise _Refused
