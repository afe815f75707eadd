"""Reads from PostgreSQL on the event loop, many at a time on one connection: libpq's pipeline mode.

What is asked in one turn of the loop goes out in one system call, and what was answered is read in one. No thread is
involved. Each read is a statement of its own, begun after it was asked for.
"""

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection, Error, OperationalError
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from pymager.errors import Unavailable
from pymager_sql.catalog import Row
from pymager_sql.tables import originals

_COLUMNS = ", ".join(originals.c.keys())
_STATEMENTS = {
    b"pymager_find": f"SELECT {_COLUMNS} FROM originals WHERE id = $1",  # noqa: S608 - the columns' names
    b"pymager_page": f"SELECT {_COLUMNS} FROM originals WHERE id > $1 ORDER BY id LIMIT $2::bigint",  # noqa: S608
}
_IS_NUMBER = tuple(column.type.python_type is int for column in originals.c)
_BINARY = 1


@dataclass(slots=True, eq=False)
class _Read:
    """What was asked, and on the loop's clock until when there is time, and until when for the way it is on now."""

    statement: bytes
    values: list[bytes]
    until: float
    due: float
    answer: asyncio.Future[list[Row]]
    is_repeated: bool = False


_PREPARATION, _SYNC = object(), object()


class PipelinedReads:
    """Reads over one connection, made when it is needed and again when it is lost. `timeout` in seconds.

    A read that finds the connection dead is sent once more, on a fresh one. A connection that gives no answer for
    half of the time counts as dead, and so does a server that can't be connected to in that time: a read that came
    after the network was healed has a fresh connection in the other half.
    """

    def __init__(self, conninfo: str, timeout: float) -> None:
        self._conninfo = conninfo
        self._timeout = timeout
        self._half = timeout / 2
        self._connection: AsyncConnection[Any] | None = None
        self._descriptor = -1
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: deque[_Read] = deque()
        self._sent: deque[_Read | object] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._will_send = False
        self._is_writing = False

    async def find(self, id: str) -> Row | None:
        """The row of the id."""
        rows = await self._ask(b"pymager_find", [id.encode()])
        return rows[0] if rows else None

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Up to `limit` rows behind the id `after`."""
        return await self._ask(b"pymager_page", [after.encode(), b"%d" % limit])

    async def close(self) -> None:
        """Close the connection; reads that are under way fail."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._timer is not None:
            self._timer.cancel()
        self._disconnect()
        self._fail([*self._taken_back(), *self._waiting], "the store was closed")

    def _ask(self, statement: bytes, values: list[bytes]) -> asyncio.Future[list[Row]]:
        loop = asyncio.get_running_loop()
        now = loop.time()
        read = _Read(statement, values, now + self._timeout, now + self._timeout, loop.create_future())
        self._waiting.append(read)
        if not self._will_send:
            self._will_send = True
            loop.call_soon(self._send)
        if self._timer is None:
            self._timer = loop.call_at(now + self._half, self._expire)
        return read.answer

    def _send(self) -> None:
        """Send what waits, in one go."""
        self._will_send = False
        connection = self._connection
        if connection is None:
            if self._connecting is None and any(not read.answer.done() for read in self._waiting):
                self._connecting = asyncio.create_task(self._connect())
            return
        reads = [read for read in self._waiting if not read.answer.done()]
        self._waiting.clear()
        if not reads:
            return
        wire = connection.pgconn
        self._sent += reads
        self._sent.append(_SYNC)
        due = asyncio.get_running_loop().time() + self._half
        try:
            for read in reads:
                read.due = min(read.until, due)
                wire.send_query_prepared(read.statement, read.values, None, _BINARY)
            wire.pipeline_sync()
            self._flush(wire)
        except Error as error:
            self._lose(error)

    def _flush(self, wire: PGconn) -> None:
        loop = asyncio.get_running_loop()
        if wire.flush():  # the socket takes no more at the moment
            loop.add_writer(self._descriptor, self._go_on, wire)
            self._is_writing = True
        elif self._is_writing:
            loop.remove_writer(self._descriptor)
            self._is_writing = False

    def _go_on(self, wire: PGconn) -> None:
        try:
            self._flush(wire)
        except Error as error:
            self._lose(error)

    async def _connect(self) -> None:
        latest = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout(self._half):
                connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
        except (Error, OSError, TimeoutError) as error:
            self._connecting = None
            came_before = [read for read in self._waiting if read.until <= latest]
            self._fail(came_before, f"the database is not reached: {_said(error)}")
            self._send()  # for those who came meanwhile
        else:
            self._connecting = None
            self._start(connection)

    def _start(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        wire = connection.pgconn
        self._descriptor = os.dup(wire.socket)  # libpq closes its own when it finds it dead
        asyncio.get_running_loop().add_reader(self._descriptor, self._receive, wire)
        try:
            wire.enter_pipeline_mode()
            for name, statement in _STATEMENTS.items():
                wire.send_prepare(name, statement.encode())
                self._sent.append(_PREPARATION)
        except Error as error:
            self._lose(error)
        else:
            self._send()

    def _receive(self, wire: PGconn) -> None:
        try:
            wire.consume_input()
            while self._sent and not wire.is_busy():
                result = wire.get_result()
                if result is not None:
                    self._take(result)
                elif wire.status == ConnStatus.BAD:
                    break
            if wire.status == ConnStatus.BAD:
                raise OperationalError("the server closed the connection")
        except Error as error:
            self._lose(error)

    def _take(self, result: PGresult) -> None:
        """Hand out an answer. Raises `OperationalError` for what is none."""
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.PIPELINE_SYNC):
            raise OperationalError(result.get_error_message())
        read = self._sent.popleft()
        if isinstance(read, _Read) and not read.answer.done():
            read.answer.set_result(_rows(result))

    def _lose(self, error: Exception) -> None:
        """Give the connection up. What was sent for the first time is sent once more, on a fresh one."""
        self._disconnect()
        reads = self._taken_back()
        self._fail([read for read in reads if read.is_repeated], f"the database did not answer: {_said(error)}")
        again = [read for read in reads if not read.answer.done()]
        for read in again:
            read.is_repeated, read.due = True, read.until
        self._waiting.extendleft(reversed(again))
        self._send()

    def _taken_back(self) -> list[_Read]:
        reads = [read for read in self._sent if isinstance(read, _Read)]
        self._sent.clear()
        return reads

    def _disconnect(self) -> None:
        if self._connection is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._descriptor)
        if self._is_writing:
            loop.remove_writer(self._descriptor)
            self._is_writing = False
        os.close(self._descriptor)
        self._connection.pgconn.finish()
        self._connection = None

    def _expire(self) -> None:
        """Fail the reads whose time is over, and give up a connection that did not answer in half of it."""
        loop = asyncio.get_running_loop()
        now = loop.time() + 0.001
        self._timer = None
        if any(isinstance(read, _Read) and read.due <= now and not read.answer.done() for read in self._sent):
            self._lose(TimeoutError("no answer in time"))
        reads = [read for read in (*self._sent, *self._waiting) if isinstance(read, _Read) and not read.answer.done()]
        self._fail([read for read in reads if read.until <= now], "the database did not answer in time")
        if left := [read.due for read in reads if not read.answer.done()]:
            self._timer = loop.call_at(min(left), self._expire)

    def _fail(self, reads: Sequence[_Read] | deque[_Read], message: str) -> None:
        for read in reads:
            if not read.answer.done():
                read.answer.set_exception(Unavailable(message, outcome_known=True))


def _rows(result: PGresult) -> list[Row]:
    """The rows, in PostgreSQL's binary form: integers have their most significant byte first, text is UTF-8."""
    value = result.get_value
    return [
        tuple(
            int.from_bytes(value(row, column) or b"", "big", signed=True)
            if is_number
            else (value(row, column) or b"").decode()
            for column, is_number in enumerate(_IS_NUMBER)
        )
        for row in range(result.ntuples)
    ]


def _said(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
