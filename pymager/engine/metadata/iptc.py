"""The copyright in IPTC-IIM (IPTC-NAA Information Interchange Model 4.2, chapters 1, 5 and 6)."""

from pymager.engine.metadata.fields import Copyright, decoded

_MARKER = 0x1C
_BY_LINE, _CREDIT, _COPYRIGHT_NOTICE = (2, 80), (2, 110), (2, 116)
_MAX_DATASETS = 10_000
_EXTENDED = 0x8000  # a length in more than two bytes, which no text here needs


def read(data: bytes | None) -> Copyright:
    """The datasets `By-line`, `Credit` and `Copyright Notice`. What is broken is left out."""
    found: dict[tuple[int, int], list[str]] = {}
    position = 0
    data = data or b""
    for _ in range(_MAX_DATASETS):
        if position + 5 > len(data) or data[position] != _MARKER:
            break
        key = data[position + 1], data[position + 2]
        length = int.from_bytes(data[position + 3 : position + 5])
        if length & _EXTENDED or position + 5 + length > len(data):
            break
        if key in (_BY_LINE, _CREDIT, _COPYRIGHT_NOTICE):
            found.setdefault(key, []).append(decoded(data[position + 5 : position + 5 + length]))
        position += 5 + length
    return Copyright.of(
        found.get(_BY_LINE, ()), "; ".join(found.get(_COPYRIGHT_NOTICE, ())), "; ".join(found.get(_CREDIT, ()))
    )
