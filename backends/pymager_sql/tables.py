"""The tables that this version uses. `migrations` creates them, and a test compares the two."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, SmallInteger, String, Table
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from pymager_sql.version import VERSION as VERSION

ID_LENGTH = 200
REVISION_LENGTH = 32
NAME_LENGTH = 700
TOKEN_LENGTH = 32
PROPERTY_LENGTH = 200
PLACEHOLDER_LENGTH = 40
PURGE_STATE_LENGTH = 1_000


def exact(length: int) -> TypeEngine[str]:
    """Text that is compared and sorted byte for byte, whatever the database's default collation is.

    By default, MariaDB and MySQL treat cafe, café and CAFE as equal, and PostgreSQL can sort by a language's rules.
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
    Column("described", exact(REVISION_LENGTH), comment="the revision that the next five columns describe"),
    Column("frames", Integer),
    Column("alpha", SmallInteger, comment="0 or 1"),
    Column("dominant", String(7)),
    Column("thumbhash", String(PLACEHOLDER_LENGTH)),
    Column("blurhash", String(PLACEHOLDER_LENGTH)),
)
"""A description counts only if `described` is the row's revision: a replica of a version before 0005 that replaces the
row does not know these columns, and leaves the description of the old picture in them."""

revisions = Table(
    "revisions",
    metadata,
    Column("revision", exact(REVISION_LENGTH), primary_key=True),
    comment="every revision that a row has held or that was fenced: none is ever committed again",
)

removals = Table(
    "removals",
    metadata,
    Column("id", exact(ID_LENGTH), primary_key=True),
    Column(
        "removed",
        BigInteger,
        nullable=False,
        index=True,
        comment="seconds since 1970, UTC: the date of the removal, or of the removed row if that is later",
    ),
    comment="when ids were last removed, for an hour or more: an original that follows is dated later",
)

leases = Table(
    "leases",
    metadata,
    Column("name", exact(NAME_LENGTH), primary_key=True),
    Column("token", exact(TOKEN_LENGTH), nullable=False),
    Column("touched", BigInteger, nullable=False, comment="seconds since 1970, UTC; only tidy reads it"),
)

properties = Table(
    "properties",
    metadata,
    Column("name", exact(PROPERTY_LENGTH), primary_key=True),
    Column("value", exact(PROPERTY_LENGTH), nullable=False),
    comment="facts about the whole catalog, such as the id of the deployment",
)

purges = Table(
    "purges",
    metadata,
    Column("revision", exact(REVISION_LENGTH), primary_key=True),
    Column("id", exact(ID_LENGTH), nullable=False),
    Column("recorded", BigInteger, nullable=False, index=True, comment="seconds since 1970, UTC"),
    Column("due", BigInteger, nullable=False, index=True, comment="seconds since 1970, UTC"),
    Column("attempts", Integer, nullable=False),
    Column("state", exact(PURGE_STATE_LENGTH), nullable=False, comment="which caches have forgotten the original"),
    comment="purges of caches that are not delivered yet",
)
