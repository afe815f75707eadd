"""table for leases"""

import sqlalchemy as sa
from alembic import op

from pymager_sql.tables import exact

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", exact(700), primary_key=True),
        sa.Column("token", exact(32), nullable=False),
        sa.Column("touched", sa.BigInteger, nullable=False, comment="seconds since 1970, UTC; only tidy reads it"),
        if_not_exists=True,
    )
