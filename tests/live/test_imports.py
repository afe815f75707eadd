"""What a server imports until it serves: a module that only some settings need costs time and memory in every start."""

import re
from pathlib import Path

import pytest

from tests.live.program import running

pytestmark = pytest.mark.live

_NOT_NEEDED = {
    *("sqlalchemy", "alembic", "psycopg", "pymysql"),
    *("obstore", "boto3", "botocore", "aiodynamo", "pymager_s3", "pymager_dynamodb", "pymager_aws"),
    "pymager_memcached",
    *("opentelemetry", "prometheus_client"),
    *("PIL", "numpy", "cykooz_resizer", "pi_heif", "resvg_py"),
    *("pytest", "hypothesis"),
}
_IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| *(\S+)$", re.MULTILINE)


@pytest.mark.parametrize("start", ["the first", "a later"])
async def test_a_start_with_the_default_settings_imports_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    if start == "a later":
        async with running(tmp_path, name="before", users=None, tokens=None, sizes=None):
            pass
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    async with running(tmp_path, users=None, tokens=None, sizes=None) as program:
        imported = set(_IMPORTED.findall(program.log))
    assert {"aiohttp.web", "pymager_filesystem.store", "pymager_sql.sqlite_store"} <= imported
    assert {name.partition(".")[0] for name in imported} & _NOT_NEEDED == set()
