"""tables for originals and used revisions"""

import sqlalchemy as sa
from alembic import op

from pymager_sql.tables import exact

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "originals",
        sa.Column("id", exact(200), primary_key=True),
        sa.Column("revision", exact(32), nullable=False),
        sa.Column("format", sa.String(32), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False, comment="seconds since 1970, UTC"),
        if_not_exists=True,
    )
    op.create_table(
        "revisions",
        sa.Column("revision", exact(32), primary_key=True),
        comment="every revision that a row has held or that was fenced: none is ever committed again",
        if_not_exists=True,
    )
