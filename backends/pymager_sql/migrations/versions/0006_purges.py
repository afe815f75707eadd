"""table for purges of caches"""

import sqlalchemy as sa
from alembic import op

from pymager_sql.tables import exact

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "purges",
        sa.Column("revision", exact(32), primary_key=True),
        sa.Column("id", exact(200), nullable=False),
        sa.Column("recorded", sa.BigInteger, nullable=False, comment="seconds since 1970, UTC"),
        sa.Column("due", sa.BigInteger, nullable=False, comment="seconds since 1970, UTC"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("state", exact(1000), nullable=False, comment="which caches have forgotten the original"),
        comment="purges of caches that are not delivered yet",
        if_not_exists=True,
    )
    op.create_index("ix_purges_recorded", "purges", ["recorded"], if_not_exists=True)
    op.create_index("ix_purges_due", "purges", ["due"], if_not_exists=True)
