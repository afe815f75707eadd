"""SQLite without the extra `sql`: it works, and what needs the extra names it."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

_PROGRAM = """
import asyncio
import sys
from importlib.abc import MetaPathFinder


class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("sqlalchemy", "alembic"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing())

from pymager.errors import ConfigurationError
from pymager_sql import SqlMetadata


async def main():
    store = SqlMetadata(sys.argv[1])
    if sys.argv[2] == "prepare":
        await store.prepare()
    async with store:
        await store.list_page(None, 1)


try:
    asyncio.run(main())
except ConfigurationError as error:
    print(error)
"""


def done_without_the_extra(url: str, step: str) -> str:
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, url, step],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_older(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE pymager_schema SET version_num = '0004'")
        connection.commit()


def test_a_new_file_needs_no_extra(url: str) -> None:
    assert done_without_the_extra(url, "open") == ""


def test_init_of_a_file_with_the_current_schema_needs_no_extra(url: str) -> None:
    assert done_without_the_extra(url, "prepare") == ""
    assert done_without_the_extra(url, "prepare") == ""


@pytest.mark.parametrize("step", ["open", "prepare"])
def test_an_older_schema_is_refused_with_the_extra_to_install(url: str, path: Path, step: str) -> None:
    done_without_the_extra(url, "open")
    make_older(path)
    said = done_without_the_extra(url, step)
    assert said == (
        f"{path}: the upgrade of an older schema needs the module 'sqlalchemy'; run: pip install 'pymager[sql]'\n"
    )
