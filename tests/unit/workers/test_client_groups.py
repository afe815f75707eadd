"""Clients that share a turn in the queue."""

import pytest

from pymager.workers.client_groups import client_group


@pytest.mark.parametrize(
    ("address", "share"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db9:1:2:3:4:5:6", "2001:db9:1:2::/64"),
        ("2001:db9:1:2::9", "2001:db9:1:2::/64"),
        ("2001:db9:1:3::9", "2001:db9:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("", ""),
    ],
)
def test_all_addresses_of_an_ipv6_64_are_one_group(address: str, share: str) -> None:
    assert client_group(address) == share
