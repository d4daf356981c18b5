"""the office's own readings of identity cards"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision: str | None = "0009b"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "card_readings",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("record_id", "organisation_id", "customer_id")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("staff_id", "photo_id", "entry")),
        sa.Column("taken_down_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.Column("read_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("differs", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'read', 'unread')", name=op.f("ck_card_readings_state")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_card_readings_organisation_id_organisations")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_card_readings_customer_id_customers")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_card_readings")),
    )
    for column in ("organisation_id", "customer_id"):
        op.create_index(op.f(f"ix_card_readings_{column}"), "card_readings", [column])
    waiting = sa.text("state = 'waiting'")
    op.create_index("card_readings_waiting", "card_readings", ["photo_id"], postgresql_where=waiting)


def downgrade() -> None:
    op.drop_table("card_readings")
