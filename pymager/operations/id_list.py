"""Lines of a file or of standard input, read so that signals are handled while a line is awaited."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from pymager.errors import ConfigurationError

_MAX_LINE_BYTES = 1 << 16


async def read_lines(name: str, option: str = "--from", content: str = "id") -> AsyncIterator[str]:
    """The lines of a file, `-` for standard input, without line ends.

    Raises `ConfigurationError`, which names the `option` and says what `content` a line has.
    """
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:  # noqa: ASYNC230
            is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            if is_regular:
                while line := file.readline(_MAX_LINE_BYTES + 1):
                    yield _decoded(line)
            else:
                async for line in _read_pipe(file):
                    yield _decoded(line)
    except OSError as error:
        raise ConfigurationError(f"{option}: cannot read {name}: {error.strerror}") from None
    except ValueError:
        raise ConfigurationError(
            f"{option}: {name} has a line longer than {_MAX_LINE_BYTES} bytes; write one {content} per line"
        ) from None


async def _read_pipe(file: IO[bytes]) -> AsyncIterator[bytes]:
    """The lines of a pipe or a terminal, which may come slowly."""
    reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), file
    )
    try:
        while line := await reader.readline():
            yield line
    finally:
        transport.close()


def _decoded(line: bytes) -> str:
    """Raises `ValueError` for a line that is too long, as `StreamReader.readline` does."""
    if len(line) > _MAX_LINE_BYTES:
        raise ValueError
    return line.rstrip(b"\r\n").decode("utf-8", "replace")
