"""columns for descriptions of originals"""

import sqlalchemy as sa
from alembic import op

from pymager_sql.tables import exact

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    existing = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("originals")}
    for column in (
        sa.Column("described", exact(32), comment="the revision that the next five columns describe"),
        sa.Column("frames", sa.Integer),
        sa.Column("alpha", sa.SmallInteger, comment="0 or 1"),
        sa.Column("dominant", sa.String(7)),
        sa.Column("thumbhash", sa.String(40)),
        sa.Column("blurhash", sa.String(40)),
    ):
        if column.name not in existing:  # an upgrade can be interrupted where DDL commits implicitly
            op.add_column("originals", column)
