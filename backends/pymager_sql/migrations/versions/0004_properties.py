"""table for properties"""

import sqlalchemy as sa
from alembic import op

from pymager_sql.tables import exact

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "properties",
        sa.Column("name", exact(200), primary_key=True),
        sa.Column("value", exact(200), nullable=False),
        comment="facts about the whole catalog, such as the id of the deployment",
        if_not_exists=True,
    )
