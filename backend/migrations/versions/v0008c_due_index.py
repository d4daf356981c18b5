"""what is due is counted from its index alone"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0008c"
down_revision: str | None = "0012d"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_COLUMNS = ["organisation_id", "due_on", "id"]


def upgrade() -> None:
    op.drop_index("ix_cylinders_due", "cylinders")
    op.create_index(
        "ix_cylinders_due",
        "cylinders",
        _COLUMNS,
        postgresql_include=["holder_kind", "specification"],
        postgresql_where=sa.text("NOT scrapped"),
    )


def downgrade() -> None:
    op.drop_index("ix_cylinders_due", "cylinders")
    op.create_index("ix_cylinders_due", "cylinders", _COLUMNS, postgresql_where=sa.text("NOT scrapped"))
