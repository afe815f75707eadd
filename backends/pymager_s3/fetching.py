"""GETs of objects on the event loop: a hit's way to the bucket, at half the processor time of obstore's.

Only the answers that everybody hopes for are taken from here: the object, whole or in the range asked for, or that
there is none. Whatever else happens, a redirect or an error or a server that is away, obstore asks anew, retries, and
says what was wrong.
"""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pymager_s3.signing import Signer
from pymager_s3.wire import Connection, Cut, Head

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import S3Credential

_IDLE = 32
_IDLE_SECONDS = 15.0
_ERROR = 64 << 10
_REFUSALS = 8
_OFF_SECONDS = 60.0
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})")


class Fetched:
    """An answered GET, of the shape of obstore's: `meta`, `range` (start, stop), and the bytes."""

    __slots__ = ("_connection", "_ended", "meta", "range")

    def __init__(
        self, connection: Connection, ended: Callable[[Connection], None], meta: "ObjectMeta", range: tuple[int, int]
    ) -> None:
        self._connection = connection
        self._ended = ended
        self.meta = meta
        self.range = range

    async def bytes_async(self) -> bytes:
        """The body, of one piece at most. Raises `Cut`."""
        piece = await self._connection.read()
        return b"" if piece is None else bytes(piece)

    async def stream(self, _: int) -> AsyncIterator[bytes]:
        """The body in the pieces that were asked for. Raises `Cut`."""
        while (piece := await self._connection.read()) is not None:
            yield bytes(piece)

    def close(self) -> None:
        """Give the connection back, or end it where there is unread body on it. To be called once."""
        self._ended(self._connection)


class Fetching:
    """Connections to one bucket's server, kept from one GET to the next."""

    def __init__(
        self,
        endpoint: str,
        root: str,
        region: str,
        credentials: Callable[[], Awaitable["S3Credential"]],
        *,
        ca: str | None,
        seconds: float,
    ) -> None:
        """`endpoint` is `http://HOST` or `https://HOST`; `seconds` is how long it may take to connect and to answer."""
        parts = urlsplit(endpoint)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
        self._signer = Signer(parts.netloc, root, region, credentials)
        self._seconds = seconds
        self._idle: list[tuple[float, Connection]] = []
        self._refusals = 0
        # A proxy is obstore's to find its way through.
        goes_round = parts.scheme in getproxies() and not proxy_bypass(self._host)
        self._off_until = float("inf") if goes_round else 0.0

    async def get(self, name: str, options: "GetOptions", piece: int) -> Fetched | None:
        """Ask for an object, whose bytes will come in pieces of `piece` bytes. None where obstore has to ask.

        Raises `FileNotFoundError`, with what the server said, where there is no object.
        """
        if self._off_until and time.monotonic() < self._off_until:
            return None
        request = await self._signer.head(name, _range_of(options))
        while True:
            try:
                connection, is_new = await self._connection()
            except ssl.SSLCertVerificationError:
                self._off_until = float("inf")
                return None
            except (OSError, TimeoutError):
                return None
            try:
                head = await self._asked(connection, request, piece)
                return await self._taken(connection, head, name, has_range=bool(options))
            except (Cut, ValueError):
                connection.abort()
                if is_new or connection.has_answered:
                    self._refuse()
                    return None
                # It was closed by the server while nobody used it: that says nothing about the next one.
            except FileNotFoundError:
                raise  # an answer, read to its end
            except BaseException:
                connection.abort()
                raise

    def close(self) -> None:
        """End the connections that nobody uses, and open no more."""
        self._off_until = float("inf")
        for _, connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def _connection(self) -> tuple[Connection, bool]:
        """One that is open, and whether it is new."""
        now = time.monotonic()
        while self._idle:
            since, connection = self._idle.pop()
            if connection.is_reusable and now - since < _IDLE_SECONDS:
                return connection, False
            connection.abort()
        async with asyncio.timeout(self._seconds):
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, self._host, self._port, ssl=self._tls)
        return connection, True

    async def _asked(self, connection: Connection, request: bytes, piece: int) -> Head:
        limit = asyncio.get_running_loop().call_later(self._seconds, connection.abort)
        try:
            return await connection.ask(request, piece)
        finally:
            limit.cancel()

    async def _taken(self, connection: Connection, head: Head, name: str, *, has_range: bool) -> Fetched | None:
        """The answer, if it is one of those hoped for."""
        if head.status == 404 and head.size <= _ERROR:
            await self._absent(connection)
        elif head.status == (206 if has_range else 200) and "content-encoding" not in head.headers:
            start, stop, size = _range_in(head) if has_range else (0, head.size, head.size)
            meta: ObjectMeta = {
                "path": name,
                "last_modified": _date(head.headers.get("last-modified", "")),
                "size": size,
                "e_tag": head.headers.get("etag"),
                "version": None,
            }
            self._refusals = 0
            return Fetched(connection, self._ended, meta, (start, stop))
        elif head.status == 403:
            self._signer.forget()
        connection.abort()
        if head.status < 500:
            self._refuse()
        return None

    async def _absent(self, connection: Connection) -> None:
        """Raise `FileNotFoundError` if it is the object that is absent, and not the bucket say."""
        body = b""
        while (piece := await connection.read()) is not None:
            body += piece
        if b"<Code>NoSuchKey</Code>" in body:
            self._ended(connection)
            self._refusals = 0
            raise FileNotFoundError(body.decode(errors="replace"))

    def _ended(self, connection: Connection) -> None:
        if connection.is_reusable and len(self._idle) < _IDLE and self._off_until != float("inf"):
            self._idle.append((time.monotonic(), connection))
        else:
            connection.abort()

    def _refuse(self) -> None:
        """Leave it to obstore; for a minute all of them, where the server's answers can't be used again and again."""
        self._refusals += 1
        if self._refusals >= _REFUSALS:
            self._refusals, self._off_until = 0, time.monotonic() + _OFF_SECONDS


_date = lru_cache(maxsize=1024)(parsedate_to_datetime)


def _range_of(options: "GetOptions") -> str:
    """The range as a header's line (RFC 9110 section 14.2), empty where there is none."""
    asked = options.get("range")
    if asked is None:
        return ""
    match asked:
        case {"offset": offset}:
            text = f"{offset}-"
        case {"suffix": suffix}:
            text = f"-{suffix}"
        case start, stop:
            text = f"{start}-{stop - 1}"
    return f"range:bytes={text}\r\n"


def _range_in(head: Head) -> tuple[int, int, int]:
    """Start, stop and the object's size in a `Content-Range`. Raises `ValueError`."""
    match = _CONTENT_RANGE.fullmatch(head.headers.get("content-range", ""))
    if match is None:
        raise ValueError("a part that does not say of what")
    first, last, size = map(int, match.groups())
    if last - first + 1 != head.size or last >= size:
        raise ValueError("a part that is not as long as it says")
    return first, last + 1, size
