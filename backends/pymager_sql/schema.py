"""The schema's version: looks at it, and brings it up to date with the steps in `migrations`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, column, inspect, select, table

from pymager.errors import ConfigurationError
from pymager_sql.dialects import Dialect
from pymager_sql.failures import translated
from pymager_sql.tables import VERSION, metadata

if TYPE_CHECKING:  # Alembic takes a quarter of a second to import, and an ordinary start does not need it
    from alembic.config import Config
    from alembic.script import ScriptDirectory

VERSION_TABLE = "pymager_schema"
"""Not Alembic's usual name: the database may be shared with a program that uses Alembic too."""

_ONE_AT_A_TIME = threading.Lock()  # `alembic.op` and `alembic.context` are the whole process's


def is_ready(dialect: Dialect) -> bool:
    """Whether the database is of this version."""
    dialect.locate()
    version, _ = _look_at(dialect)
    if version != VERSION:
        return False
    dialect.settle()
    return True


def make_ready(dialect: Dialect) -> None:
    """Prepare an empty database; raise `ConfigurationError` for one that is of another version or another's."""
    version, tables = _look_at(dialect)
    if _is_half_made(version, tables):
        with _disposed(dialect.mutations()) as engine, _alone(dialect, engine) as connection:
            version, tables = _look(connection)  # another process was at it, and is done or dead now
    if version is not None:
        _check(version)
    elif tables and VERSION_TABLE not in tables:
        raise ConfigurationError(
            f"the database has tables ({_some(tables)}), but none of pymager's: is it the right one? "
            "If it is, run `pymager init`, which leaves them alone"
        )
    dialect.settle()
    _upgrade(dialect, None)


def prepare(dialect: Dialect, target: str | None = None) -> list[str]:
    """Bring the database up to the schema's version `target`, this pymager's own where it is None.

    Says in sentences what was done. Raises `ConfigurationError` for a database of a newer pymager or of a stranger.
    """
    done = dialect.locate()
    _refuse_anothers(*_look_at(dialect))
    return done + dialect.settle() + _upgrade(dialect, target)


def _upgrade(dialect: Dialect, target: str | None) -> list[str]:
    aim = target or VERSION
    if _look_at(dialect)[0] == aim:
        return []
    with _ONE_AT_A_TIME, _disposed(dialect.mutations()) as engine, _alone(dialect, engine) as connection:
        version, tables = _look(connection)
        _refuse_anothers(version, tables)
        if version == aim:
            return []  # by another process, while this one waited
        from alembic import command

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, aim)
    done = reversed(list(_steps().iterate_revisions(aim, version or "base")))
    return [f"brought the schema to version {step.revision}: {step.doc}" for step in done]


def _check(version: str) -> None:
    if version == VERSION:
        return
    _refuse_newer(version)
    raise ConfigurationError(
        f"the catalog's schema is at version {version}, this pymager needs {VERSION}: run `pymager upgrade`"
    )


def _refuse_anothers(version: str | None, tables: set[str]) -> None:
    if version is not None:
        _refuse_newer(version)
    elif VERSION_TABLE not in tables and (clash := tables & set(metadata.tables)):
        raise ConfigurationError(
            f"the database has tables of pymager's names ({_some(clash)}) that pymager did not make; use another one"
        )


def _is_half_made(version: str | None, tables: set[str]) -> bool:
    """Some databases show the steps of an upgrade that is under way."""
    return version != VERSION and VERSION_TABLE in tables


def _refuse_newer(version: str) -> None:
    if version == VERSION:
        return
    known = [step.revision for step in _steps().walk_revisions()]
    if version not in known:
        raise ConfigurationError(
            f"the catalog's schema is at version {version}, made by a newer pymager: "
            f"this one knows versions up to {known[0]}"
        )


def _look_at(dialect: Dialect) -> tuple[str | None, set[str]]:
    with _disposed(dialect.statements()) as engine, translated(outcome_known=True), engine.connect() as connection:
        return _look(connection)


def _look(connection: Connection) -> tuple[str | None, set[str]]:
    """The schema's version, None where there is none, and the names of all tables."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in tables:
        return None, tables
    version = connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar_one_or_none()
    return version, tables


def _steps() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


@contextmanager
def _alone(dialect: Dialect, engine: Engine) -> Iterator[Connection]:
    with translated(outcome_known=True), dialect.alone(engine) as connection:
        yield connection


@contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


def _some(names: set[str]) -> str:
    return ", ".join(sorted(names)[:3])
