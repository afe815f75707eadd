"""table for the dates of removals"""

import sqlalchemy as sa
from alembic import op

from pymager_sql.tables import exact

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "removals",
        sa.Column("id", exact(200), primary_key=True),
        sa.Column(
            "removed",
            sa.BigInteger,
            nullable=False,
            comment="seconds since 1970, UTC: the date of the removal, or of the removed row if that is later",
        ),
        comment="when ids were last removed, for an hour or more: an original that follows is dated later",
        if_not_exists=True,
    )
    op.create_index("ix_removals_removed", "removals", ["removed"], if_not_exists=True)
