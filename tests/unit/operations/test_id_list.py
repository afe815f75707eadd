"""Lines from files and pipes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pymager.errors import ConfigurationError
from pymager.operations.id_list import read_lines


@contextmanager
def piped(data: bytes) -> Iterator[str]:
    """The name of a pipe that holds these bytes and nothing more."""
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
        os.close(writing)
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)


async def test_lines_come_without_their_ends_from_files_and_from_pipes(tmp_path: Path) -> None:
    data = "cat\r\n\ncafé\nd\udcffg".encode(errors="surrogateescape")
    (tmp_path / "ids").write_bytes(data)
    expected = ["cat", "", "café", "d\ufffdg"]
    assert [line async for line in read_lines(str(tmp_path / "ids"))] == expected
    with piped(data) as name:
        assert [line async for line in read_lines(name)] == expected


async def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read .*none: No such file"):
        [line async for line in read_lines(str(tmp_path / "none"))]
    (tmp_path / "long").write_bytes(b"cat\n" + b"a" * 70_000)
    with pytest.raises(ConfigurationError, match="write one id per line"):
        [line async for line in read_lines(str(tmp_path / "long"))]
