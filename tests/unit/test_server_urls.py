"""The URL of something in a server, by way of a proxy."""

import pytest

from tests.servers.process import with_port


@pytest.mark.parametrize(
    "url",
    [
        "dynamodb://pymager-a20001b?endpoint=http%3A%2F%2F127.0.0.1%3A{}&timeout=60",
        "s3://pymager-20001/20001?endpoint=http%3A%2F%2F127.0.0.1%3A{}",
        "postgresql://tests20001@127.0.0.1:{}/db20001",
    ],
)
def test_only_the_port_changes(url: str) -> None:
    assert with_port(url.format(20_001), 20_001, 31_999) == url.format(31_999)


def test_a_url_that_leads_elsewhere_is_refused() -> None:
    with pytest.raises(AssertionError, match="does not lead to port 2000"):
        with_port("s3://bucket?endpoint=http%3A%2F%2F127.0.0.1%3A20001", 2000, 31_999)
