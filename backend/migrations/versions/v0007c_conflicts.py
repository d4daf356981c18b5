"""conflicts are found by what they are about"""

from collections.abc import Sequence

from alembic import op

revision = "0007c"
down_revision: str | None = "0012c"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index("conflicts_records", "conflicts", ["record_ids"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("conflicts_records", "conflicts")
