"""The worker's end of its connection to the server: requests with open files, and answers."""

import os
import select
import socket
from dataclasses import dataclass
from typing import Any

from pymager.engine import protocol
from pymager.engine.protocol import Status


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and the files that came along. `close` them after the job."""

    content: dict[str, Any]
    files: tuple[int, ...]

    def close(self) -> None:
        """Close its files."""
        for file in self.files:
            os.close(file)


class Connection:
    """Blocking: a worker has one thread, and one job at a time."""

    def __init__(self, channel: socket.socket) -> None:
        self._socket = channel

    def fileno(self) -> int:
        """The descriptor of the socket."""
        return self._socket.fileno()

    def receive(self) -> Request | None:
        """Wait for the next request. None if the server has closed the connection."""
        message, files, _, _ = socket.recv_fds(
            self._socket, protocol.MAX_REQUEST_BYTES, protocol.MAX_FILES, socket.MSG_CMSG_CLOEXEC
        )
        while len(message) < protocol.REQUEST_HEADER_BYTES or len(message) < protocol.request_size(message):
            more = self._socket.recv(protocol.MAX_REQUEST_BYTES)
            if not more:
                return None
            message += more
        return Request(protocol.read_request(message), tuple(files))

    def receives_within(self, seconds: float) -> bool:
        """Wait for the next request. False if none arrives within this time."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(seconds * 1_000))

    def send(self, answer: bytes) -> None:
        """Send an answer."""
        self._socket.sendall(answer)

    def write_to_file(self, body: bytes) -> None:
        """Ask the server for a file, and write to it. Raises `OSError`, also if there is none."""
        self.send(protocol.answer(Status.WANTS_FILE))
        if (request := self.receive()) is None:
            os._exit(0)
        try:
            if error := request.content["error"]:
                raise OSError(error, os.strerror(error))
            rest = memoryview(body)
            while rest:
                rest = rest[os.write(request.files[0], rest) :]
        finally:
            request.close()
