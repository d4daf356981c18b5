"""PostGIS, and the job queue's own tables."""

from typing import cast

import psycopg
from alembic import op

from backend.jobs import queue_schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    # Straight to the driver: the script has many statements, and per cent signs that are no parameters.
    driver = cast("psycopg.Connection", op.get_bind().connection.driver_connection)
    driver.execute(queue_schema().encode())


def downgrade() -> None:
    """Data are never dropped by a migration: a step back is a restored backup."""
    raise NotImplementedError
