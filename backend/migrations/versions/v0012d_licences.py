"""applications for licences, their papers and their history"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0012d"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _text(name: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> "sa.Column[sa.DateTime]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"))


def upgrade() -> None:
    table = "licence_applications"
    op.create_table(
        table,
        *(_text(name) for name in ("id", "organisation_id", "company_id", "number", "holder_kind", "holder_id")),
        *(_text(name) for name in ("kind", "purpose", "statement", "contact", "contact_phone", "state")),
        _moment("submitted_at", nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        _text("reason"),
        _moment("decided_at", nullable=True),
        _text("certificate_id", nullable=True),
        _text("created_by"),
        _moment("created_at"),
        _moment("changed_at"),
        sa.CheckConstraint(
            "holder_kind IN ('company', 'staff', 'station')", name=op.f("ck_licence_applications_holder_kind")
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'under_review', 'returned', 'approved', 'refused', 'withdrawn')",
            name=op.f("ck_licence_applications_state"),
        ),
        sa.CheckConstraint(
            "(state = 'approved') = (certificate_id IS NOT NULL)", name=op.f("ck_licence_applications_certificate_id")
        ),
        sa.CheckConstraint("purpose IN ('new', 'renewal', 'change')", name=op.f("ck_licence_applications_purpose")),
        _refers(table, "organisation_id", "organisations"),
        _refers(table, "company_id", "organisations"),
        _refers(table, "certificate_id", "certificates"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_licence_applications")),
        sa.UniqueConstraint("company_id", "number", name=op.f("uq_licence_applications_company_id_number")),
    )
    op.create_index("ix_licence_applications_state", table, ["organisation_id", "state", "due_on"])
    table = "licence_attachments"
    op.create_table(
        table,
        *(_text(name) for name in ("id", "application_id", "organisation_id", "role", "name", "media_type")),
        sa.Column("length_bytes", sa.Integer(), nullable=False),
        _text("file_id"),
        _text("added_by"),
        _moment("added_at"),
        _refers(table, "application_id", "licence_applications"),
        _refers(table, "organisation_id", "organisations"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_licence_attachments")),
        sa.UniqueConstraint("application_id", "file_id", name=op.f("uq_licence_attachments_application_id_file_id")),
    )
    op.create_index(op.f("ix_licence_attachments_organisation_id"), table, ["organisation_id"])
    table = "licence_steps"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *(_text(name) for name in ("application_id", "organisation_id", "action", "state", "staff_id")),
        _moment("at"),
        _text("reason"),
        _refers(table, "application_id", "licence_applications"),
        _refers(table, "organisation_id", "organisations"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_licence_steps")),
    )
    op.create_index("ix_licence_steps_application", table, ["application_id", "id"])
    op.create_index(op.f("ix_licence_steps_organisation_id"), table, ["organisation_id"])


def downgrade() -> None:
    for table in ("licence_steps", "licence_attachments", "licence_applications"):
        op.drop_table(table)
