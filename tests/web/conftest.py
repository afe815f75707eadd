"""One server for most of these tests, and its log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from tests.pictures import jpeg
from tests.web.served import Served, serving


@pytest.fixture(scope="session")
def log() -> Iterator[list[dict[str, Any]]]:
    """Every logged line, as parsed JSON."""
    lines: list[dict[str, Any]] = []

    def keep(logger: Any, method: str, event: Any) -> Any:
        lines.append(orjson.loads(orjson.dumps({"level": method} | dict(event), default=str)))
        raise structlog.DropEvent

    processors = structlog.get_config()["processors"]
    before = list(processors)
    processors[:] = [structlog.processors.format_exc_info, keep]  # in place: loggers may be kept already
    yield lines
    processors[:] = before


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, log: list[dict[str, Any]]) -> Iterator[Served]:
    """A service over a folder and SQLite that allows any size."""
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, log: list[dict[str, Any]]) -> Path:
    """The folder of a server that belongs to one test."""
    return tmp_path


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A JPEG of 60x40 pixels."""
    return jpeg(60, 40, seed=1)


@pytest.fixture(scope="session")
def other_photo() -> bytes:
    """Another JPEG, of 50x30 pixels."""
    return jpeg(50, 30, seed=2)
