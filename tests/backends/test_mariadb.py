"""What only MariaDB and MySQL have: their URL, collations, and what their errors mean."""

import asyncio

import pymysql
import pytest
from sqlalchemy import make_url

from pymager.errors import ConfigurationError, NotFound, Unavailable
from pymager.testing.metadata_originals import an_original
from pymager_sql import SqlMetadata
from pymager_sql.failures import ErrorKind
from pymager_sql.mysql import Mysql
from tests.servers import MariaDb


@pytest.fixture
def url(mariadb: MariaDb) -> str:
    return mariadb.new_database()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://h/d?timout=3", "unknown parameter 'timout' in the mysql URL; known: .*pool.*timeout"),
        ("mariadb://h/d?pool=many", "pool in the mariadb URL must be a whole number from 3 to 1000, got 'many'"),
        (
            "mysql://h/d?ssl_verify_cert=perhaps",
            "ssl_verify_cert in the mysql URL must be true or false, got 'perhaps'",
        ),
        ("mysql://h/d?ssl_ca=/nowhere/ca.pem", "the TLS parameters of the mysql URL are invalid"),
        ("mysql://h", "names no database"),
        ("mysql+asyncmy://h/d", "write mysql:// or mariadb://"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_with_a_sentence(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        SqlMetadata(url)


async def test_a_password_is_in_no_message(mariadb: MariaDb) -> None:
    for host in ("127.0.0.1:1", f"127.0.0.1:{mariadb.port}"):
        with pytest.raises(Unavailable) as failure:
            await SqlMetadata(f"mysql://u:topsecret@{host}/d?timeout=0.3").__aenter__()
        assert "topsecret" not in str(failure.value)


async def test_mariadb_is_its_name_too(url: str) -> None:
    async with SqlMetadata(url.replace("mysql://", "mariadb://")) as store:
        await store.add(an_original())
        assert (await store.remove("cat")).id == "cat"


async def test_a_database_of_another_default_tells_ids_apart(url: str, mariadb: MariaDb) -> None:
    with pymysql.connect(host="127.0.0.1", port=mariadb.port, user="root") as connection:
        connection.cursor().execute(
            f"ALTER DATABASE {make_url(url).database} CHARACTER SET latin1 COLLATE latin1_general_ci"
        )
    async with SqlMetadata(url) as store:
        for id in ("cafe", "café", "CAFE", "猫"):
            await store.add(an_original(id))
        assert [item.id for item in (await store.list_page(None, 10)).items] == sorted(["cafe", "café", "CAFE", "猫"])


async def test_many_reads_at_once_each_get_their_own_row(url: str) -> None:
    async with SqlMetadata(url) as store:
        originals = [an_original(f"cat{number}") for number in range(50)]
        for original in originals:
            await store.add(original)
        found = await asyncio.gather(*(store.get(f"cat{number % 50}") for number in range(1000)))
        assert found == originals * 20
        missing = await asyncio.gather(*(store.get(f"dog{number}") for number in range(150)), return_exceptions=True)
        assert {type(error) for error in missing} == {NotFound}


@pytest.mark.parametrize(
    ("code", "error_kind"),
    [
        (1213, ErrorKind.REJECTED),
        (1205, ErrorKind.REJECTED),
        (1146, ErrorKind.REJECTED),
        (1021, ErrorKind.NO_SPACE),
        (1114, ErrorKind.NO_SPACE),
        (1053, ErrorKind.UNKNOWN),
        (1180, ErrorKind.UNKNOWN),
        (1927, ErrorKind.UNKNOWN),
    ],
)
def test_what_the_server_says_of_a_statement_is_understood(
    url: str, mariadb: MariaDb, code: int, error_kind: ErrorKind
) -> None:
    with (
        pymysql.connect(host="127.0.0.1", port=mariadb.port, user="root") as connection,
        pytest.raises(pymysql.MySQLError) as failure,
    ):
        connection.cursor().execute(f"SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'x'")
    assert Mysql(make_url(url)).classify(failure.value) is error_kind


def test_a_lost_connection_tells_nothing(url: str) -> None:
    lost = pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")
    assert Mysql(make_url(url)).classify(lost) is ErrorKind.UNKNOWN
