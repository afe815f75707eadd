"""Lines of a file or of standard input, read without keeping signals waiting."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from pymager.errors import ConfigurationError

_LONGEST = 1 << 16


async def lines_of(name: str) -> AsyncIterator[str]:
    """Its lines without their ends; `-` is standard input. Raises `ConfigurationError` where it can't be read."""
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:  # noqa: ASYNC230
            is_plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            if is_plain:
                while line := file.readline(_LONGEST + 1):
                    yield _text(line)
            else:
                async for line in _piped(file):
                    yield _text(line)
    except OSError as error:
        raise ConfigurationError(f"--from: {name} can't be read: {error.strerror}") from None
    except ValueError:
        raise ConfigurationError(f"--from: {name} has a line of over {_LONGEST} bytes; write one id a line") from None


async def _piped(file: IO[bytes]) -> AsyncIterator[bytes]:
    """From a pipe or a terminal a line may be long in coming."""
    reader = asyncio.StreamReader(limit=_LONGEST)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), file
    )
    try:
        while line := await reader.readline():
            yield line
    finally:
        transport.close()


def _text(line: bytes) -> str:
    """Raises `ValueError` where it is too long, as a stream's reader does."""
    if len(line) > _LONGEST:
        raise ValueError
    return line.rstrip(b"\r\n").decode("utf-8", "replace")
