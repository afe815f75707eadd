"""The leases in PostgreSQL, on the event loop. Each call is one statement, and so one round trip.

The statements can be repeated after a lost connection, because every attempt writes the same token: what finds its own
token has succeeded. They are not prepared: behind a transaction pooler, a name can refer to another client's statement.
"""

import math
import secrets
import time

from psycopg.pq.abc import PGconn, PGresult

from pymager.errors import LeaseHeld, LeaseLost, Unavailable
from pymager.ports import Lease
from pymager_sql.catalog import Row
from pymager_sql.pipeline import BINARY, SYNC, Pipeline, Request

_ACQUIRE = b"""
WITH mine AS (
  INSERT INTO leases (name, token, touched) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING RETURNING token
) SELECT token FROM mine UNION ALL SELECT token FROM leases WHERE name = $1
"""
_EXCHANGE = b"""
WITH mine AS (
  UPDATE leases SET token = $2, touched = $3 WHERE name = $1 AND token = $4 RETURNING token
) SELECT token FROM mine UNION ALL SELECT token FROM leases WHERE name = $1 AND token = $2
"""
_RELEASE = b"DELETE FROM leases WHERE name = $1 AND token = $2"
_TIDY = b"WITH dead AS (DELETE FROM leases WHERE touched < $1 RETURNING 1) SELECT CAST(count(*) AS TEXT) FROM dead"
_PROPERTY = b"SELECT value FROM properties WHERE name = $1"
_MAX_ATTEMPTS = 3


class PipelinedLeases(Pipeline):
    """Leases over a connection of their own, so that a renewal never waits for other statements."""

    async def acquire(self, name: str, instead_of: str | None) -> Lease:
        """Insert the lease, or change it if its token is `instead_of`. Raises `LeaseHeld`."""
        token = secrets.token_hex(16)
        if instead_of is not None and await self._texts(_EXCHANGE, name, token, _now(), instead_of):
            return Lease(name, token)
        for _ in range(_MAX_ATTEMPTS):  # a lease that was committed or released meanwhile is not seen
            for current in await self._texts(_ACQUIRE, name, token, _now()):
                if current == token:
                    return Lease(name, token)
                raise LeaseHeld(current)
        raise Unavailable("the lease kept changing its holder; try again", outcome_known=True)

    async def renew(self, lease: Lease) -> Lease:
        """Change the token. Raises `LeaseLost`."""
        token = secrets.token_hex(16)
        if not await self._texts(_EXCHANGE, lease.name, token, _now(), lease.token):
            raise LeaseLost(f"the lease '{lease.name}' has another holder, or none")
        return Lease(lease.name, token)

    async def release(self, lease: Lease) -> None:
        """Delete the lease if it is still this one."""
        await self._texts(_RELEASE, lease.name, lease.token)

    async def tidy(self, older_than: float) -> int:
        """Delete leases that were not renewed for more than `older_than` seconds."""
        (count,) = await self._texts(_TIDY, str(int(time.time()) - math.ceil(older_than)))
        return int(count)

    async def get_property(self, name: str) -> str | None:
        """The value of the property."""
        return next(iter(await self._texts(_PROPERTY, name)), None)

    async def _texts(self, statement: bytes, *values: str) -> list[str]:
        """The first column of the rows."""
        return [row[0] for row in await self._request(statement, [value.encode() for value in values])]

    def _queue(self, pgconn: PGconn, reads: list[Request]) -> None:
        """Each statement is a transaction of its own, so that none keeps a lock while it waits for another one's."""
        for read in reads:
            self._sent += (read, SYNC)
            pgconn.send_query_params(read.statement, read.values, None, None, BINARY)
            pgconn.pipeline_sync()

    def _rows_of(self, result: PGresult) -> list[Row]:
        return [((result.get_value(row, 0) or b"").decode(),) for row in range(result.ntuples)]


def _now() -> str:
    return str(int(time.time()))
