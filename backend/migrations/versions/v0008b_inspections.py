"""cylinders sent to inspection and what came of it, repairs, reminders"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0008b"
down_revision: str | None = "0007c"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _refers(table: str, column: str, other: str, **rest: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"), **rest)


def upgrade() -> None:
    op.drop_index("ix_cylinders_due", "cylinders")
    op.add_column("cylinders", sa.Column("inspection_failed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("cylinders", "inspection_failed", server_default=None)
    computed = sa.Computed("least(next_inspection_on, service_ends_on)", persisted=True)
    op.add_column("cylinders", sa.Column("due_on", sa.Date(), computed, nullable=True))
    op.create_index(
        "ix_cylinders_due", "cylinders", ["organisation_id", "due_on", "id"], postgresql_where=sa.text("NOT scrapped")
    )
    op.create_index(
        "ix_cylinders_tag",
        "cylinders",
        [sa.literal_column("upper(replace(tag_uid, ':', ''))")],
        postgresql_where=sa.text("tag_uid <> ''"),
    )
    _batches()
    _repairs()
    _reminders()


def _batches() -> None:
    op.create_table(
        "inspection_batches",
        *_text("id", "organisation_id", "company_id", "number", "inspection_body"),
        sa.Column("sent_on", sa.Date(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        *_text("staff_id", "note"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        _refers("inspection_batches", "organisation_id", "organisations"),
        _refers("inspection_batches", "company_id", "organisations"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_batches")),
        sa.UniqueConstraint("company_id", "number", name=op.f("uq_inspection_batches_company_id_number")),
    )
    op.create_index(op.f("ix_inspection_batches_organisation_id"), "inspection_batches", ["organisation_id"])
    op.create_table(
        "inspection_items",
        *_text("id", "batch_id", "organisation_id", "cylinder_id", "code", "specification"),
        sa.Column("due_on", sa.Date(), nullable=True),
        *_text("result"),
        sa.Column("inspected_on", sa.Date(), nullable=True),
        sa.Column("next_inspection_on", sa.Date(), nullable=True),
        *_text("report_number", "note"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        *_text("recorded_by"),
        sa.CheckConstraint(
            "result IN ('', 'passed', 'failed', 'withdrawn')", name=op.f("ck_inspection_items_result")
        ),
        _refers("inspection_items", "batch_id", "inspection_batches"),
        _refers("inspection_items", "organisation_id", "organisations"),
        _refers("inspection_items", "cylinder_id", "cylinders"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_items")),
        sa.UniqueConstraint("batch_id", "cylinder_id", name=op.f("uq_inspection_items_batch_id_cylinder_id")),
    )
    op.create_index(op.f("ix_inspection_items_organisation_id"), "inspection_items", ["organisation_id"])
    op.create_index(
        "uq_inspection_items_out",
        "inspection_items",
        ["cylinder_id"],
        unique=True,
        postgresql_where=sa.text("result = ''"),
    )


def _repairs() -> None:
    op.create_table(
        "cylinder_repairs",
        *_text("id", "organisation_id", "cylinder_id", "code", "item_id", "fault", "work", "repairer"),
        sa.Column("repaired_on", sa.Date(), nullable=False),
        *_text("staff_id"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        _refers("cylinder_repairs", "organisation_id", "organisations"),
        _refers("cylinder_repairs", "cylinder_id", "cylinders"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cylinder_repairs")),
    )
    op.create_index(op.f("ix_cylinder_repairs_organisation_id"), "cylinder_repairs", ["organisation_id"])
    op.create_index(op.f("ix_cylinder_repairs_cylinder_id"), "cylinder_repairs", ["cylinder_id"])


def _reminders() -> None:
    op.create_table(
        "inspection_reminded",
        *_text("cylinder_id"),
        sa.Column("due_on", sa.Date(), nullable=False),
        *_text("stage"),
        _refers("inspection_reminded", "cylinder_id", "cylinders", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cylinder_id", "due_on", "stage", name=op.f("pk_inspection_reminded")),
    )
    op.create_table(
        "inspection_reminders",
        *_text("id", "organisation_id"),
        sa.Column("day", sa.Date(), nullable=False),
        *_text("stage"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        *_text("seen_by"),
        _refers("inspection_reminders", "organisation_id", "organisations"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_reminders")),
    )
    op.create_index(
        "ix_inspection_reminders_unseen",
        "inspection_reminders",
        ["organisation_id"],
        postgresql_where=sa.text("seen_at IS NULL"),
    )


def downgrade() -> None:
    tables = ("inspection_reminders", "inspection_reminded", "cylinder_repairs", "inspection_items")
    for name in (*tables, "inspection_batches"):
        op.drop_table(name)
    op.drop_index("ix_cylinders_tag", "cylinders")
    op.drop_index("ix_cylinders_due", "cylinders")
    op.drop_column("cylinders", "due_on")
    op.drop_column("cylinders", "inspection_failed")
    op.create_index(
        "ix_cylinders_due",
        "cylinders",
        ["organisation_id", sa.literal_column("least(next_inspection_on, service_ends_on)"), "id"],
        postgresql_where=sa.text("NOT scrapped"),
    )
