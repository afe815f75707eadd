"""Who asks: the address of the connection, or the one that a trusted proxy has written down."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

_SITE = 64  # bits of an IPv6 address: who has one has them all (RFC 6177)
# RFC 7239 section 4: a pair whose value is a token or a quoted string.
_FOR = re.compile(r"""(?:^|;)\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)\s*(?=;|$)""", re.IGNORECASE)
_LONGEST = 512  # characters of what one proxy notes
_MARK = re.compile(r'"\\|[",]')  # read from the right: a quoted quotation mark, one that is not, a comma
_PORT = re.compile(r"\[([^\]]*)\](?::\w+)?|([0-9.]+)(?::\w+)?|(.*)", re.DOTALL)

Address = IPv4Address | IPv6Address


class Clients:
    """Tells clients apart. `trusted` are networks of proxies, which write the client's address into `header`.

    Each proxy adds on the right the address from which it was asked, so what a client made up stands further left:
    from the right, the first address that is not a trusted proxy's is the client's.
    """

    def __init__(self, trusted: Sequence[str], header: str) -> None:
        self._trusted = [ip_network(network) for network in trusted]
        self._header = header
        self._is_trusted = lru_cache(maxsize=4_096)(self._looked_up)

    def address(self, request: web.BaseRequest) -> str:
        """The client's address; empty where the connection has none."""
        peer = request.remote or ""
        if not self._trusted or not self._is_trusted(peer):
            return peer
        lines = request.headers.getall(self._header, ())
        for name in _named(",".join(lines), self._header):
            address = _parsed(name)
            if address is None:  # "unknown", or a made up name: so far the way is known, and no further
                break
            peer = str(address)
            if not self._is_trusted(peer):
                break
        return peer

    def _looked_up(self, text: str) -> bool:
        address = _parsed(text)
        return address is not None and any(address in network for network in self._trusted)


def group_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or all addresses of an IPv6 site."""
    parsed = _parsed(address) if ":" in address else None
    return str(ip_network((parsed, _SITE), strict=False)) if isinstance(parsed, IPv6Address) else address


def _named(value: str, header: str) -> Iterator[str]:
    """The proxies' notes, from the right, of `X-Forwarded-For` or of `Forwarded` (RFC 7239 section 5.2)."""
    if header != "forwarded":
        yield from (name.strip() for name in reversed(value.split(","))) if value else ()
        return
    for element in _elements(value):
        match = _FOR.search(element.strip()) if len(element) <= _LONGEST else None
        yield match[1].strip('"') if match else ""


def _elements(value: str) -> Iterator[str]:
    """The elements of a list (RFC 9110 section 5.6.1), from the right: what stands left of them does not change them.

    A client that leaves a quotation open would hide what the proxies add, were the list read from the left.
    """
    if not value:
        return
    end, quoted = len(value), False
    for match in _MARK.finditer(value[::-1]):
        if match[0] == '"':
            quoted = not quoted
        elif match[0] == "," and not quoted:
            at = len(value) - match.end()
            yield value[at + 1 : end]
            end = at
    yield value[:end]


@lru_cache(maxsize=4_096)
def _parsed(text: str) -> Address | None:
    """An address, with or without a port; one of IPv4 inside IPv6 as what it is."""
    if len(text) > 64:
        return None
    match = _PORT.fullmatch(text)
    assert match is not None
    try:
        address = ip_address(next(filter(None, match.groups()), ""))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
