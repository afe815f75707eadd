"""Where a message on a connection ends, which aiohttp's parser does not tell (RFC 9112 section 6.3)."""

from aiohttp import StreamReader

END_OF_HEAD = b"\r\n\r\n"


class IncomingBody:
    """The body of a request while it arrives. `length` is its Content-Length; None if it is chunked."""

    __slots__ = ("_length", "reader")

    def __init__(self, reader: StreamReader, length: str | None) -> None:
        self.reader = reader
        self._length = None if length is None else int(length)

    @property
    def is_chunked(self) -> bool:
        """Whether only the parser finds its end."""
        return self._length is None

    @property
    def continues(self) -> bool:
        """Whether the next bytes of the connection belong to it."""
        if self.reader.is_eof():
            return False
        return self._length is None or self.reader.total_bytes < self._length

    def first_bytes(self, data: bytes) -> bytes:
        """The part of the data that belongs to it. All, if it is chunked."""
        return data if self._length is None else data[: self._length - self.reader.total_bytes]


def first_piece(body: IncomingBody | None, data: bytes) -> bytes:
    """The part of the data up to the end of the body, or of the head if no body is arriving."""
    if body is not None and body.continues:
        return body.first_bytes(data)
    end = data.find(END_OF_HEAD)
    return data if end < 0 else data[: end + len(END_OF_HEAD)]


def may_end_message(piece: bytes) -> bool:
    """Whether a head or a chunked body can end with these bytes, which may be only a part of that end."""
    return END_OF_HEAD.endswith(piece[-len(END_OF_HEAD) :])
