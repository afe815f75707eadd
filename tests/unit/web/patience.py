"""Limits of connections for tests in which no time limit may pass."""

from pymager.web.connections import ConnectionLimits

HOUR = 3_600.0
LIMITS = ConnectionLimits(
    max_connections=10,
    max_per_client=10,
    header_timeout=HOUR,
    stall_timeout=HOUR,
    min_rate=1,
    keepalive_timeout=HOUR,
    max_body=1 << 30,
)
