"""what was on record before the regulator could read it: users' files, in-home checks"""

from collections.abc import Sequence

from alembic import op

revision = "0012c"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_TOLD = """
    INSERT INTO regulator_changes (dataset, subject_id, organisation_id, version, deleted, changed_at)
    SELECT '{dataset}', id, organisation_id, 1, {deleted}, {at} FROM {table}
    ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    for dataset, table, at, deleted in (
        ("T2-02", "customers", "changed_at", "state = 'erased'"),
        ("T2-07", "delivery_checks", "at", "false"),
        ("T2-07", "failed_visits", "at", "false"),
    ):
        op.execute(_TOLD.format(dataset=dataset, table=table, at=at, deleted=deleted))


def downgrade() -> None:
    op.execute("DELETE FROM regulator_changes WHERE dataset IN ('T2-02', 'T2-07')")
