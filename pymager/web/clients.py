"""The address of a request's client: that of the connection, or the one that a trusted proxy reports."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

from pymager.web.direct import DirectRequest
from pymager.workers.client_groups import client_group

_CACHED_ADDRESSES = 4_096
_MAX_ADDRESS_CHARACTERS = 64
_MAX_ELEMENT_CHARACTERS = 512
# RFC 7239 section 4: a pair whose value is a token or a quoted string.
_FOR_PAIR = re.compile(r"""(?:^|;)\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)\s*(?=;|$)""", re.IGNORECASE)
# In reversed text: an escaped quotation mark, one that is not escaped, a comma.
_REVERSED_DELIMITER = re.compile(r'"\\|[",]')
_ADDRESS_AND_PORT = re.compile(r"\[([^\]]*)\](?::\w+)?|([0-9.]+)(?::\w+)?|(.*)", re.DOTALL)

Address = IPv4Address | IPv6Address


class ClientResolver:
    """Finds the client's address of a request. `trusted` are networks of proxies that report it in `header`.

    Each proxy appends the address of its peer, so addresses that a client forges are further left. Read from the
    right, the first address that does not belong to a trusted proxy is the client's.
    """

    def __init__(self, trusted: Sequence[str], header: str) -> None:
        self._trusted = [ip_network(network) for network in trusted]
        self._header = header
        self._is_trusted = lru_cache(maxsize=_CACHED_ADDRESSES)(self._is_in_trusted_network)

    def address(self, request: web.BaseRequest | DirectRequest) -> str:
        """The client's address; empty where the connection has none."""
        peer = request.remote or ""
        if not self._trusted or not self._is_trusted(peer):
            return peer
        lines = request.headers.getall(self._header, ())
        for text in _forwarded_addresses(",".join(lines), self._header):
            address = _parse_address(text)
            if address is None:  # "unknown" or an obfuscated name: the proxy before it is the best that is known
                break
            peer = str(address)
            if not self._is_trusted(peer):
                break
        return peer

    def of_connection(self, peer: str) -> str | None:
        """The client of a connection: its IPv4 address, or its IPv6 /64. None for a trusted proxy."""
        return None if self._trusted and self._is_trusted(peer) else client_group(peer)

    def _is_in_trusted_network(self, text: str) -> bool:
        address = _parse_address(text)
        return address is not None and any(address in network for network in self._trusted)


def _forwarded_addresses(value: str, header: str) -> Iterator[str]:
    """The addresses in `X-Forwarded-For` or `Forwarded` (RFC 7239 section 5.2), the last one first."""
    if header != "forwarded":
        yield from (text.strip() for text in reversed(value.split(","))) if value else ()
        return
    for element in _reversed_elements(value):
        match = _FOR_PAIR.search(element.strip()) if len(element) <= _MAX_ELEMENT_CHARACTERS else None
        yield match[1].strip('"') if match else ""


def _reversed_elements(value: str) -> Iterator[str]:
    """The elements of a list (RFC 9110 section 5.6.1), the last one first.

    The list is read from the right, so that what a client wrote does not change what proxies append: read from the
    left, an unclosed quotation mark from the client would hide them.
    """
    if not value:
        return
    end, quoted = len(value), False
    for match in _REVERSED_DELIMITER.finditer(value[::-1]):
        if match[0] == '"':
            quoted = not quoted
        elif match[0] == "," and not quoted:
            comma = len(value) - match.end()
            yield value[comma + 1 : end]
            end = comma
    yield value[:end]


@lru_cache(maxsize=_CACHED_ADDRESSES)
def _parse_address(text: str) -> Address | None:
    """An address, with or without a port. An IPv4 address that is mapped into IPv6 becomes IPv4."""
    if len(text) > _MAX_ADDRESS_CHARACTERS:
        return None
    match = _ADDRESS_AND_PORT.fullmatch(text)
    assert match is not None
    try:
        address = ip_address(next(filter(None, match.groups()), ""))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
