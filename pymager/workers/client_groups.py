"""Which clients share a turn in the queue. `pymager.workers.queue` keeps one of them from taking all places."""

from ipaddress import IPv6Address, ip_address, ip_network

_IPV6_GROUP_PREFIX_BITS = 64  # a client commonly has a whole /64 (RFC 6177)


def client_group(address: str) -> str:
    """The unit of fairness that an address belongs to: one IPv4 address, or one IPv6 /64."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address) or parsed.ipv4_mapped is not None:
        return address
    return str(ip_network((parsed, _IPV6_GROUP_PREFIX_BITS), strict=False))
