"""who held each cylinder from when to when; stock of stations and vehicles by day"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0007b"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_PLACES = "holder_kind IN ('station', 'vehicle')"


def upgrade() -> None:
    _cylinders()
    _stays()
    _stock()


def _cylinders() -> None:
    # Empty until the worker has folded the cylinder's movements, which it does for all that are there.
    op.add_column("cylinders", sa.Column("last_heard_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_cylinders_last_heard_at", "cylinders", ["organisation_id", "last_heard_at"])
    op.create_index(
        "ix_cylinders_unfolded", "cylinders", ["id"], postgresql_where=sa.text("last_heard_at IS NULL")
    )
    op.drop_index("ix_cylinders_holder", "cylinders")
    op.create_index("ix_cylinders_holder", "cylinders", ["holder_kind", "holder_id", "specification"])
    op.drop_index("ix_cylinder_movements_code", "cylinder_movements")
    op.create_index(
        "ix_cylinder_movements_unknown",
        "cylinder_movements",
        ["company_id", "code"],
        postgresql_where=sa.text("cylinder_id IS NULL"),
    )


def _stays() -> None:
    op.create_table(
        "cylinder_stays",
        sa.Column("cylinder_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("holder_kind", sa.Text(), nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["cylinder_id"], ["cylinders.id"], name=op.f("fk_cylinder_stays_cylinder_id_cylinders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cylinder_id", "number", name=op.f("pk_cylinder_stays")),
    )
    op.create_index(
        "ix_cylinder_stays_arrived",
        "cylinder_stays",
        ["holder_kind", "holder_id", "since"],
        postgresql_where=sa.text(_PLACES),
    )
    op.create_index(
        "ix_cylinder_stays_left",
        "cylinder_stays",
        ["holder_kind", "holder_id", "until"],
        postgresql_where=sa.text(f"{_PLACES} AND until IS NOT NULL"),
    )


def _stock() -> None:
    op.create_table(
        "stock_holders",
        sa.Column("holder_kind", sa.Text(), nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("plate", sa.Text(), nullable=False),
        sa.Column("plate_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("balanced_to", sa.Date(), nullable=True),
        sa.CheckConstraint(_PLACES, name=op.f("ck_stock_holders_holder_kind")),
        sa.PrimaryKeyConstraint("holder_kind", "holder_id", name=op.f("pk_stock_holders")),
    )
    op.create_index(op.f("ix_stock_holders_organisation_id"), "stock_holders", ["organisation_id"])
    op.create_table(
        "stock_balances",
        sa.Column("holder_kind", sa.Text(), nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("specification", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("opening", "arrived", "departed", "closing")),
        sa.CheckConstraint("opening + arrived - departed = closing", name=op.f("ck_stock_balances_balanced")),
        sa.PrimaryKeyConstraint("holder_kind", "holder_id", "specification", "day", name=op.f("pk_stock_balances")),
    )
    op.create_index("ix_stock_balances_day", "stock_balances", ["day", "holder_kind", "holder_id"])
    op.create_table(
        "stock_recounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("holder_kind", sa.Text(), nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_recounts")),
    )


def downgrade() -> None:
    for table in ("stock_recounts", "stock_balances", "stock_holders", "cylinder_stays"):
        op.drop_table(table)
    op.drop_index("ix_cylinder_movements_unknown", "cylinder_movements")
    op.create_index("ix_cylinder_movements_code", "cylinder_movements", ["company_id", "code"])
    op.drop_index("ix_cylinders_holder", "cylinders")
    op.create_index("ix_cylinders_holder", "cylinders", ["holder_kind", "holder_id"])
    op.drop_index("ix_cylinders_unfolded", "cylinders")
    op.drop_index("ix_cylinders_last_heard_at", "cylinders")
    op.drop_column("cylinders", "last_heard_at")
