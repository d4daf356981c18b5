"""gas alarms at customers'"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0015b"
down_revision: str | None = "0017"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    table = "customer_gas_alarms"
    op.create_table(
        table,
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('fitted', 'missing')", name=op.f("ck_customer_gas_alarms_state")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_customer_gas_alarms_customer_id_customers")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_customer_gas_alarms_organisation_id_organisations")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer_gas_alarms")),
    )
    op.create_index(op.f("ix_customer_gas_alarms_organisation_id"), table, ["organisation_id"])


def downgrade() -> None:
    op.drop_table("customer_gas_alarms")
