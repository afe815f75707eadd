"""What only PostgreSQL has: its URL, TLS, statements that are one round trip each, and reads in a pipeline."""

import asyncio
import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from pymager.errors import ConfigurationError, LeaseHeld, LeaseLost, NotFound, Unavailable
from pymager.testing.metadata_originals import an_original, race
from pymager_sql import SqlMetadata
from pymager_sql.failures import ErrorKind
from pymager_sql.postgresql import Postgresql
from tests.backends.certificates import certificates
from tests.servers import Postgres


@pytest.fixture
def url(postgresql: Postgres) -> str:
    return postgresql.new_database()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://h/d?timout=3", "unknown parameter 'timout' in the postgresql URL; known: .*pool.* timeout"),
        ("postgresql://h/d?timeout=0", "timeout in the postgresql URL must be a number of seconds"),
        ("postgresql://h/d?pool=2", "pool in the postgresql URL must be a whole number from 3 to 1000, got '2'"),
        ("postgresql://h/d?connect_timeout=2", "unknown parameter 'connect_timeout'"),
        ("postgresql+asyncpg://h/d", "write postgresql://"),
        ("postgresql://u:topsecret@h:port/d", "invalid database URL"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_with_a_sentence(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refusal:
        SqlMetadata(url)
    assert "topsecret" not in str(refusal.value)


async def test_a_password_is_in_no_message() -> None:
    with pytest.raises(Unavailable) as failure:
        await SqlMetadata("postgresql://u:topsecret@127.0.0.1:1/d?timeout=0.3").__aenter__()
    assert "topsecret" not in str(failure.value)


async def test_each_call_is_one_statement(url: str, postgresql: Postgres) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE \"{connection.info.dbname}\" SET log_statement = 'all'")
    log = postgresql.folder / "log"
    async with SqlMetadata(url) as store:
        original, second = an_original(), an_original()
        await store.add(an_original("other"))
        lease = await store.acquire("other")
        await store.get("other")
        calls = [
            lambda: store.add(original),
            lambda: store.get("cat"),
            lambda: store.replace(second, original.revision),
            lambda: store.remove("cat", second.revision),
            lambda: store.renew(lease),
            lambda: store.acquire("picture"),
        ]
        for number, call in enumerate(calls):
            before = log.stat().st_size
            await call()
            said = log.read_bytes()[before:]
            assert len(re.findall(rb"LOG:  (?:statement|execute)", said)) == 1, (number, said)


async def test_many_reads_go_over_one_connection(url: str) -> None:
    async with SqlMetadata(url) as store:
        originals = [an_original(f"cat{number}") for number in range(50)]
        for original in originals:
            await store.add(original)
        found = await asyncio.gather(*(store.get(f"cat{number % 50}") for number in range(1000)))
        assert found == originals * 20
        with pytest.raises(NotFound):
            await store.get("dog")


async def test_a_page_that_is_larger_than_the_sockets_buffers_comes_whole(url: str) -> None:
    async with SqlMetadata(f"{url}?timeout=60") as store:  # a busy machine takes long for 60,000 rows
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO originals SELECT 'cat' || n, md5(n::text), 'jpeg', 1, 1, 1, repeat('a', 64), 0 "
                "FROM generate_series(1, 20000) AS n"
            )
        pages = await asyncio.gather(*(store.list_page(None, 20_000) for _ in range(3)))
        assert {len(page.items) for page in pages} == {20_000}


async def test_a_statement_that_the_server_refuses_is_told_and_others_go_on(url: str) -> None:
    async with SqlMetadata(url) as store:
        original = an_original()
        await store.add(original)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER TABLE originals RENAME TO elsewhere")
            with pytest.raises(Unavailable) as failure:
                await store.get("cat")
            with pytest.raises(Unavailable) as failure:
                await store.remove("cat")
            assert failure.value.outcome_known
            connection.execute("ALTER TABLE elsewhere RENAME TO originals")
        assert await store.get("cat") == original


async def test_a_backend_that_is_terminated_costs_no_read(url: str) -> None:
    async with SqlMetadata(url) as store:
        original = an_original()
        await store.add(original)
        for _ in range(5):
            reads = asyncio.gather(*(store.get("cat") for _ in range(20)))
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert await reads == [original] * 20
        assert await store.remove("cat") == original


async def test_a_serialization_failure_and_a_deadlock_leave_no_doubt(url: str) -> None:
    classify = Postgresql(make_url(url)).classify
    with psycopg.connect(url, autocommit=True) as connection:
        for state in ("40001", "40P01"):
            with pytest.raises(psycopg.Error) as failure:
                connection.execute(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$")
            assert classify(failure.value) is ErrorKind.REJECTED
        with pytest.raises(psycopg.Error) as failure:
            connection.execute("DO $$ BEGIN RAISE SQLSTATE '53100'; END $$")
        assert classify(failure.value) is ErrorKind.NO_SPACE
        with pytest.raises(psycopg.Error) as failure:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert classify(failure.value) is ErrorKind.UNKNOWN


@pytest.fixture
def with_tls(postgresql: Postgres, tmp_path: Path) -> Iterator[Path]:
    """The server takes TLS, with a certificate from the folder."""
    certificates(tmp_path)
    data = postgresql.folder / "data"
    for name in ("server.crt", "server.key"):
        copy = data / name
        copy.write_bytes((tmp_path / name).read_bytes())
        copy.chmod(0o600)
        subprocess.run(["chown", f"--reference={data}", str(copy)], check=True)
    settings = ["ssl_cert_file = 'server.crt'", "ssl_key_file = 'server.key'", "ssl = on"]
    with psycopg.connect(postgresql.address("postgres"), autocommit=True) as connection:
        for setting in settings:
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
        yield tmp_path
        connection.execute("ALTER SYSTEM RESET ALL")
        connection.execute("SELECT pg_reload_conf()")


async def test_tls_is_used_and_a_strangers_certificate_is_refused(url: str, with_tls: Path) -> None:
    async with SqlMetadata(f"{url}?sslmode=verify-full&sslrootcert={with_tls}/server.crt") as store:
        await store.add(an_original())
        await race([store.get("cat") for _ in range(50)])
        with psycopg.connect(url, autocommit=True) as connection:
            encrypted = connection.execute(
                "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        assert encrypted == (True,)
    with pytest.raises(Unavailable, match="certificate verify failed"):
        await SqlMetadata(f"{url}?timeout=5&sslmode=verify-full&sslrootcert={with_tls}/stranger.crt").__aenter__()


async def test_a_statement_for_a_lease_that_is_sent_twice_succeeds_twice(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement is repeated if its answer was lost: what finds its own token has succeeded the first time."""
    async with SqlMetadata(url) as store, SqlMetadata(url) as other:
        before = await store.acquire("picture")
        with monkeypatch.context() as patch:
            patch.setattr(secrets, "token_hex", lambda size: "a" * 2 * size)
            first, again = await store.renew(before), await store.renew(before)
            assert first == again
            await store.release(first)
            assert await store.acquire("picture") == await store.acquire("picture")
        with pytest.raises(LeaseLost):
            await store.renew(before)
        taken = await other.acquire("picture", first.token)
        with pytest.raises(LeaseHeld) as held:
            await store.acquire("picture")
        assert held.value.token == taken.token


async def test_replicas_that_take_the_same_leases_in_different_orders_do_not_wait_for_each_other(url: str) -> None:
    """Statements that are sent together are no common transaction, whose locks would wait for each other."""
    names = [f"picture{number}" for number in range(50)]
    async with SqlMetadata(url) as store, SqlMetadata(url) as other:
        for _ in range(5):
            outcomes = await race(
                [*(store.acquire(name) for name in names), *(other.acquire(name) for name in reversed(names))]
            )
            assert sorted(lease.name for lease in outcomes.returned) == sorted(names)
            assert {type(error) for error in outcomes.raised} == {LeaseHeld}
            await asyncio.gather(*(store.release(lease) for lease in outcomes.returned))
