"""Which hosts and addresses a source over HTTP can have."""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from yarl import URL

from pymager.errors import ConfigurationError, ImportRefused

IpAddress = IPv4Address | IPv6Address
AddressPolicy = Callable[[IpAddress], bool]
"""Whether a connection to the address is allowed."""

_SCHEMES = ("http", "https")
_HOST = re.compile(r"(?P<any>\*\.)?(?P<host>[^*:/@?#\s\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
# Addresses of IPv6 that stand for one of IPv4, which a gateway or the kernel would connect to.
_EMBEDDING_IPV4 = tuple(
    map(
        ip_network,
        (
            "::/96",  # RFC 4291, section 2.5.5.1: IPv4-compatible
            "::ffff:0:0/96",  # RFC 4291, section 2.5.5.2: IPv4-mapped
            "::ffff:0:0:0/96",  # RFC 2765: IPv4-translated
            "64:ff9b::/96",  # RFC 6052: NAT64
            "64:ff9b:1::/48",  # RFC 8215: NAT64 of a site
            "2001::/32",  # RFC 4380: Teredo
            "2002::/16",  # RFC 3056: 6to4
        ),
    )
)
# Python before 3.12.4 takes some addresses of these for public ones.
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",  # RFC 6890: IETF protocol assignments
            "192.88.99.0/24",  # RFC 7526: relays of 6to4, deprecated
            "2001::/23",  # RFC 2928: IETF protocol assignments
            "3fff::/20",  # RFC 9637: documentation
            "5f00::/16",  # RFC 9602: segment routing
            "fec0::/10",  # RFC 3879: site-local, deprecated
        ),
    )
)


def is_public(address: IpAddress) -> bool:
    """Whether the address is a public one: it is in none of IANA's registries of special-purpose addresses."""
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address in network for network in (*_NOT_PUBLIC, *_EMBEDDING_IPV4))


class AllowedHosts:
    """The hosts that `--allow-host` names: `HOST`, `*.DOMAIN` for every host below it, each with `:PORT` if you like.

    Without a port, only the port of the scheme is allowed. Raises `ConfigurationError`.
    """

    def __init__(self, hosts: Iterable[str], is_allowed: AddressPolicy = is_public) -> None:
        self.is_allowed = is_allowed
        self._exact: set[tuple[str, int | None]] = set()
        self._domains: set[tuple[str, int | None]] = set()
        for text in hosts:
            found = _HOST.fullmatch(text)
            try:
                name = "" if found is None else URL(f"http://{found['host']}/").raw_host
            except ValueError:
                name = ""
            if found is None or not name:
                raise ConfigurationError(
                    f"--allow-host: must be a host such as example.org, *.example.org or example.org:8080, got '{text}'"
                )
            port = int(found["port"]) if found["port"] else None
            (self._domains if found["any"] else self._exact).add((name, port))

    def checked(self, text: str, before: URL | None = None) -> URL:
        """The URL of a source, or of a redirect from `before`. Raises `ImportRefused`."""
        try:
            url = URL(text) if before is None else before.join(URL(text))
            host, port = url.raw_host, url.port
        except ValueError:
            raise ImportRefused(f"is not a valid URL: {text[:200]}") from None
        where = "the URL" if before is None else f"the redirect to {url.origin() if host else text[:200]}"
        if url.scheme not in _SCHEMES or not host or port is None:
            raise ImportRefused(f"{where} must be an absolute one with http or https")
        if url.raw_user is not None or url.raw_password is not None:
            raise ImportRefused(f"{where} contains a user or a password, which import does not send")
        if before is not None and before.scheme == "https" and url.scheme != "https":
            raise ImportRefused(f"{where} leads from https to http")
        if (literal := _literal(host)) is not None:
            self.check_address(host, literal)
        if not self._has(host, port if port != url.with_port(None).port else None):
            shown = host if port == url.with_port(None).port else f"{host}:{port}"
            raise ImportRefused(f"{where} names the host {shown}; allow it with --allow-host {shown}")
        return url.with_fragment(None)

    def check_address(self, host: str, address: IpAddress) -> None:
        """Raises `ImportRefused` for an address of this host that is not a public one."""
        if not self.is_allowed(address):
            if host == str(address):
                raise ImportRefused(f"the address {address} is not a public one; import only connects to public ones")
            raise ImportRefused(f"the host {host} has the address {address}, which is not a public one")

    def _has(self, host: str, port: int | None) -> bool:
        if (host, port) in self._exact:
            return True
        labels = host.split(".")
        return any((".".join(labels[start:]), port) in self._domains for start in range(1, len(labels)))


def _literal(host: str) -> IpAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
