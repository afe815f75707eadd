"""The tables as this version uses them; `migrations` makes them, and a test compares the two."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

VERSION = "0002"
"""The last step of `migrations`, which makes the tables as they stand here."""

ID_LENGTH = 200
REVISION_LENGTH = 32
NAME_LENGTH = 700
TOKEN_LENGTH = 32


def exact(length: int) -> TypeEngine[str]:
    """Text that is compared and sorted byte for byte, whatever the database's own collation is.

    MariaDB's and MySQL's default takes cafe, café and CAFE for one; PostgreSQL's may sort by a language's rules.
    """
    binary = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return (
        String(length)
        .with_variant(binary, "mysql", "mariadb")
        .with_variant(String(length, collation="C"), "postgresql")
    )


metadata = MetaData()

originals = Table(
    "originals",
    metadata,
    Column("id", exact(ID_LENGTH), primary_key=True),
    Column("revision", exact(REVISION_LENGTH), nullable=False),
    Column("format", String(32), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created", BigInteger, nullable=False, comment="seconds since 1970, UTC"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("revision", exact(REVISION_LENGTH), primary_key=True),
    comment="every revision that a row has held or that was fenced: none is ever committed again",
)

leases = Table(
    "leases",
    metadata,
    Column("name", exact(NAME_LENGTH), primary_key=True),
    Column("token", exact(TOKEN_LENGTH), nullable=False),
    Column("touched", BigInteger, nullable=False, comment="seconds since 1970, UTC; only tidy reads it"),
)
