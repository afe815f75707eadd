"""Statements for PostgreSQL on the event loop, concurrently on one connection in libpq's pipeline mode.

All statements requested in one iteration of the loop are sent with one system call, and available results are received
with one. No threads are used. Each statement starts after it was requested.
"""

import asyncio
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

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
_COLUMN_NUMBERS = range(len(_IS_NUMBER))
BINARY = 1


@dataclass(slots=True, eq=False)
class Request:
    """A requested statement.

    `deadline` ends it, `attempt_deadline` ends its current attempt, both on the loop's clock.
    """

    statement: bytes
    values: list[bytes]
    deadline: float
    attempt_deadline: float
    answer: asyncio.Future[list[Row]]
    is_repeated: bool = False


_PREPARATION, SYNC = object(), object()


class Pipeline:
    """Statements over one connection, which is opened on demand and reopened when it is lost. `timeout` is in seconds.

    If the connection is dead, a statement is sent once more on a new one, so only statements that can be repeated may
    be sent. A connection that does not answer within half of the timeout counts as dead, and an attempt to connect ends
    after the same time. So a statement that arrives after the network has recovered gets a new connection in the other
    half.
    """

    prepared: ClassVar[Mapping[bytes, str]] = {}
    """The statements to prepare on each connection, by names."""

    def __init__(self, conninfo: str, timeout: float) -> None:
        self._conninfo = conninfo
        self._timeout = timeout
        self._half_timeout = timeout / 2
        self._connection: AsyncConnection[Any] | None = None
        self._descriptor = -1
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: deque[Request] = deque()
        self._sent: deque[Request | object] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._will_send = False
        self._is_writing = False

    async def close(self) -> None:
        """Close the connection. Pending reads fail."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._timer is not None:
            self._timer.cancel()
        self._disconnect()
        self._fail([*self._take_back_sent(), *self._waiting], "the store was closed")

    def _request(self, statement: bytes, values: list[bytes]) -> asyncio.Future[list[Row]]:
        loop = asyncio.get_running_loop()
        now = loop.time()
        read = Request(statement, values, now + self._timeout, now + self._timeout, loop.create_future())
        self._waiting.append(read)
        if not self._will_send:
            self._will_send = True
            loop.call_soon(self._send)
        if self._timer is None:
            self._timer = loop.call_at(now + self._half_timeout, self._expire)
        return read.answer

    def _send(self) -> None:
        """Send all waiting reads together."""
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
        pgconn = connection.pgconn
        attempt_deadline = asyncio.get_running_loop().time() + self._half_timeout
        try:
            for read in reads:
                read.attempt_deadline = min(read.deadline, attempt_deadline)
            self._queue(pgconn, reads)
            self._flush(pgconn)
        except Error as error:
            self._drop_connection(error)

    def _queue(self, pgconn: PGconn, reads: list[Request]) -> None:
        """Hand the statements to libpq, all before one synchronization. They are then one implicit transaction."""
        self._sent += reads
        self._sent.append(SYNC)
        for read in reads:
            pgconn.send_query_prepared(read.statement, read.values, None, BINARY)
        pgconn.pipeline_sync()

    def _rows_of(self, result: PGresult) -> list[Row]:
        """The rows of a result."""
        raise NotImplementedError

    def _flush(self, pgconn: PGconn) -> None:
        loop = asyncio.get_running_loop()
        if pgconn.flush():  # the socket's send buffer is full
            loop.add_writer(self._descriptor, self._continue_writing, pgconn)
            self._is_writing = True
        elif self._is_writing:
            loop.remove_writer(self._descriptor)
            self._is_writing = False

    def _continue_writing(self, pgconn: PGconn) -> None:
        try:
            self._flush(pgconn)
        except Error as error:
            self._drop_connection(error)

    async def _connect(self) -> None:
        latest = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout(self._half_timeout):
                connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
        except (Error, OSError, TimeoutError) as error:
            self._connecting = None
            requested_before = [read for read in self._waiting if read.deadline <= latest]
            self._fail(requested_before, f"cannot connect to the database: {_message(error)}")
            self._send()  # the reads that arrived in the meantime
        else:
            self._connecting = None
            self._start(connection)

    def _start(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        pgconn = connection.pgconn
        self._descriptor = os.dup(pgconn.socket)  # libpq closes its own descriptor when the connection is dead
        asyncio.get_running_loop().add_reader(self._descriptor, self._receive, pgconn)
        try:
            pgconn.enter_pipeline_mode()
            for name, statement in self.prepared.items():
                pgconn.send_prepare(name, statement.encode())
                self._sent.append(_PREPARATION)
        except Error as error:
            self._drop_connection(error)
        else:
            self._send()

    def _receive(self, pgconn: PGconn) -> None:
        try:
            pgconn.consume_input()
            while self._sent and not pgconn.is_busy():
                result = pgconn.get_result()
                if result is not None:
                    self._handle_result(result)
                elif pgconn.status == ConnStatus.BAD:
                    break
            if pgconn.status == ConnStatus.BAD:
                raise OperationalError("the server closed the connection")
        except Error as error:
            self._drop_connection(error)

    def _handle_result(self, result: PGresult) -> None:
        """Pass a result to its read. Raises `OperationalError` for an error result."""
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.PIPELINE_SYNC):
            raise OperationalError(result.get_error_message())
        read = self._sent.popleft()
        if isinstance(read, Request) and not read.answer.done():
            read.answer.set_result(self._rows_of(result))

    def _drop_connection(self, error: Exception) -> None:
        """Close the connection. Send the reads without an answer on a new one, unless they were sent twice already."""
        self._disconnect()
        reads = self._take_back_sent()
        self._fail([read for read in reads if read.is_repeated], f"the database did not answer: {_message(error)}")
        again = [read for read in reads if not read.answer.done()]
        for read in again:
            read.is_repeated, read.attempt_deadline = True, read.deadline
        self._waiting.extendleft(reversed(again))
        self._send()

    def _take_back_sent(self) -> list[Request]:
        reads = [read for read in self._sent if isinstance(read, Request)]
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
        """Fail the reads whose deadline has passed, and close a connection that missed an attempt's deadline."""
        loop = asyncio.get_running_loop()
        now = loop.time() + 0.001
        self._timer = None
        if any(
            isinstance(read, Request) and read.attempt_deadline <= now and not read.answer.done() for read in self._sent
        ):
            self._drop_connection(TimeoutError("no answer in time"))
        reads = [read for read in (*self._sent, *self._waiting) if isinstance(read, Request) and not read.answer.done()]
        self._fail([read for read in reads if read.deadline <= now], "the database did not answer in time")
        if left := [read.attempt_deadline for read in reads if not read.answer.done()]:
            self._timer = loop.call_at(min(left), self._expire)

    def _fail(self, reads: Sequence[Request] | deque[Request], message: str) -> None:
        for read in reads:
            if not read.answer.done():
                read.answer.set_exception(Unavailable(message, outcome_known=True))


class PipelinedReads(Pipeline):
    """The catalog's reads."""

    prepared = _STATEMENTS

    async def find(self, id: str) -> Row | None:
        """Return the row of the id, or None."""
        rows = await self._request(b"pymager_find", [id.encode()])
        return rows[0] if rows else None

    async def page(self, after: str, limit: int) -> Sequence[Row]:
        """Return up to `limit` rows with ids greater than `after`."""
        return await self._request(b"pymager_page", [after.encode(), b"%d" % limit])

    def _rows_of(self, result: PGresult) -> list[Row]:
        return _rows(result)


def _rows(result: PGresult) -> list[Row]:
    value = result.get_value
    return [_row(tuple([value(row, column) for column in _COLUMN_NUMBERS])) for row in range(result.ntuples)]


@lru_cache(maxsize=4_096)
def _row(values: tuple[bytes | None, ...]) -> Row:
    """Decode a row in PostgreSQL's binary format: integers are big-endian, text is UTF-8. NULL is None.

    Cached, because the same rows are read again and again.
    """
    return tuple(
        None if value is None else int.from_bytes(value, "big", signed=True) if is_number else value.decode()
        for value, is_number in zip(values, _IS_NUMBER, strict=True)
    )


def _message(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
