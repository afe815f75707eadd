"""Reads the version of the schema, and upgrades it with the steps in `migrations`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, column, inspect, select, table

from pymager.errors import ConfigurationError
from pymager_sql.dialects import SchemaDialect
from pymager_sql.failures import translate_errors
from pymager_sql.tables import metadata
from pymager_sql.version import VERSION
from pymager_sql.version import VERSION_TABLE as VERSION_TABLE

if TYPE_CHECKING:  # importing Alembic takes 0.25 s, and only an upgrade needs it
    from alembic.config import Config
    from alembic.script import ScriptDirectory

_ALEMBIC_LOCK = threading.Lock()  # `alembic.op` and `alembic.context` are global to the process


def is_current(dialect: SchemaDialect) -> bool:
    """Whether the database has this version of the schema."""
    dialect.prepare_location()
    version, _ = _inspect_database(dialect)
    if version != VERSION:
        return False
    dialect.configure()
    return True


def initialize(dialect: SchemaDialect) -> None:
    """Create the tables in an empty database.

    Raises `ConfigurationError` for a database with another version of the schema, or with only other programs' tables.
    """
    version, tables = _inspect_database(dialect)
    if _is_being_upgraded(version, tables):
        with _disposed(dialect.transaction_engine()) as engine, _upgrade_lock(dialect, engine) as connection:
            version, tables = _inspect(connection)  # the process that was upgrading has finished or died
    if version is not None:
        _check(version)
    elif tables and VERSION_TABLE not in tables:
        raise ConfigurationError(
            f"the database has tables ({_shorten(tables)}), but none of pymager's; if the URL names the right "
            "database, run `pymager init`, which does not change these tables"
        )
    dialect.configure()
    _upgrade(dialect, None)


def prepare(dialect: SchemaDialect, target: str | None = None) -> list[str]:
    """Upgrade the schema to version `target`; None means the version of this release.

    Returns one sentence for each step. Raises `ConfigurationError` for a newer schema, or for
    tables of another program with the same names.
    """
    done = dialect.prepare_location()
    _refuse_foreign(*_inspect_database(dialect))
    return done + dialect.configure() + _upgrade(dialect, target)


def _upgrade(dialect: SchemaDialect, target: str | None) -> list[str]:
    target_version = target or VERSION
    if _inspect_database(dialect)[0] == target_version:
        return []
    with _ALEMBIC_LOCK, _disposed(dialect.transaction_engine()) as engine, _upgrade_lock(dialect, engine) as connection:
        version, tables = _inspect(connection)
        _refuse_foreign(version, tables)
        if version == target_version:
            return []  # another process upgraded it while this one waited
        from alembic import command

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, target_version)
    done = reversed(list(_steps().iterate_revisions(target_version, version or "base")))
    return [f"upgraded the schema to version {step.revision}: {step.doc}" for step in done]


def _check(version: str) -> None:
    if version == VERSION:
        return
    _refuse_newer(version)
    raise ConfigurationError(
        f"the catalog's schema is at version {version}, but this release needs {VERSION}: run `pymager upgrade`"
    )


def _refuse_foreign(version: str | None, tables: set[str]) -> None:
    if version is not None:
        _refuse_newer(version)
    elif VERSION_TABLE not in tables and (clash := tables & set(metadata.tables)):
        raise ConfigurationError(
            f"the database has tables with the names of pymager's tables ({_shorten(clash)}), but pymager did not "
            "create them; use another database"
        )


def _is_being_upgraded(version: str | None, tables: set[str]) -> bool:
    """Whether an upgrade is in progress: some databases show its uncommitted steps."""
    return version != VERSION and VERSION_TABLE in tables


def _refuse_newer(version: str) -> None:
    if version == VERSION:
        return
    known = [step.revision for step in _steps().walk_revisions()]
    if version not in known:
        raise ConfigurationError(
            f"the catalog's schema is at version {version}, made by a newer pymager, but "
            f"this release supports versions up to {known[0]}; install the newer release"
        )


def _inspect_database(dialect: SchemaDialect) -> tuple[str | None, set[str]]:
    with (
        _disposed(dialect.statement_engine()) as engine,
        translate_errors(outcome_known=True),
        engine.connect() as connection,
    ):
        return _inspect(connection)


def _inspect(connection: Connection) -> tuple[str | None, set[str]]:
    """Return the version of the schema, or None, and the names of all tables."""
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
def _upgrade_lock(dialect: SchemaDialect, engine: Engine) -> Iterator[Connection]:
    with translate_errors(outcome_known=True), dialect.lock_for_upgrade(engine) as connection:
        yield connection


@contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


def _shorten(names: set[str]) -> str:
    return ", ".join(sorted(names)[:3])
