"""The real servers as fixtures, one of each for all tests of a process."""

import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from tests.servers import (
    DynamoLocal,
    MariaDb,
    Memcached,
    Minio,
    Missing,
    Moto,
    Postgres,
    Toxiproxy,
    Versitygw,
)
from tests.servers.process import Server

# One pair for all of them, where the AWS chain looks first, and for every process that a test starts.
# Letters and digits: DynamoDB Local takes no other key id.
os.environ["AWS_ACCESS_KEY_ID"] = "pymagertests"
os.environ["AWS_SECRET_ACCESS_KEY"] = "not-a-secret-of-anyone"
os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

# Tests start many processes: bytecode is cached also where the environment says not to.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Tests make hundreds of botocore's clients; each would parse the descriptions of AWS's services again.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

# No test depends on speed.
settings.register_profile("pymager", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pymager")

# What takes longest runs first, so that nothing long is left for the end; the rest follows. The second module that uses
# the image is among the rest: it would only wait while the first one builds it.
_LONGEST_FIRST = (
    "live/test_kills.py",
    "live/test_storm.py",
    "live",
    "image/test_image.py",
    "front",
    "packages",
    "backends",
)
_TESTS = Path(__file__).parent
_SUMMARY = "summary"

S = TypeVar("S", bound=Server)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(item.path))


def pytest_collection_finish() -> None:
    """A test that collects garbage need not look through thousands of tests for it."""
    gc.collect()
    gc.freeze()


@functools.cache
def _rank(path: Path) -> int:
    places = (number for number, part in enumerate(_LONGEST_FIRST) if path.is_relative_to(_TESTS / part))
    return next(places, len(_LONGEST_FIRST))


@pytest.fixture
def summarize(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Adds a text to the end of the run's output, whether the test passes or fails."""
    return lambda text: record_property(_SUMMARY, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for text in (value for name, value in report.user_properties if name == _SUMMARY):
                terminalreporter.section(report.nodeid, "-")
                terminalreporter.line(str(text))


def served(make: Callable[[], S], install: Callable[[], None] | None = None) -> Iterator[S]:
    """A server that runs; where it can't be had the test is skipped, and in CI fails."""
    try:
        (install or make.install)()  # type: ignore[attr-defined]
    except Missing as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    with make() as server:
        yield server


@pytest.fixture(scope="session")
def minio() -> Iterator[Minio]:
    yield from served(Minio)


@pytest.fixture(scope="session")
def versitygw() -> Iterator[Versitygw]:
    yield from served(Versitygw)


@pytest.fixture(scope="session")
def moto() -> Iterator[Moto]:
    yield from served(Moto)


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[DynamoLocal]:
    yield from served(DynamoLocal)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgres]:
    yield from served(Postgres)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    yield from served(MariaDb)


@pytest.fixture(scope="session")
def memcached() -> Iterator[Memcached]:
    yield from served(Memcached)


@pytest.fixture(scope="session")
def toxiproxy() -> Iterator[Toxiproxy]:
    yield from served(Toxiproxy)
