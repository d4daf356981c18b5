"""a cylinder's deadlines, scrapping, dead tags, imported files"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("cylinder_movements", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_cylinders_due",
        "cylinders",
        ["organisation_id", sa.literal_column("least(next_inspection_on, service_ends_on)"), "id"],
        postgresql_where=sa.text("NOT scrapped"),
    )
    op.create_table(
        "inspection_periods",
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("entries", postgresql.JSONB(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_inspection_periods_version")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_inspection_periods_organisation_id_organisations")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "version", name=op.f("pk_inspection_periods")),
    )
    op.create_table(
        "cylinder_scrappings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("cylinder_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("scrapped_on", sa.Date(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=False),
        sa.Column("undone_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cylinder_id"], ["cylinders.id"], name=op.f("fk_cylinder_scrappings_cylinder_id_cylinders")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
            name=op.f("fk_cylinder_scrappings_organisation_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cylinder_scrappings")),
    )
    op.create_index(op.f("ix_cylinder_scrappings_organisation_id"), "cylinder_scrappings", ["organisation_id"])
    op.create_index(
        "uq_cylinder_scrappings_cylinder_id",
        "cylinder_scrappings",
        ["cylinder_id"],
        unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
    )
    op.create_table(
        "dead_tags",
        sa.Column("tag_uid", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("cylinder_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("reason IN ('scrapped', 'replaced', 'torn')", name=op.f("ck_dead_tags_reason")),
        sa.PrimaryKeyConstraint("tag_uid", name=op.f("pk_dead_tags")),
    )
    op.create_index(op.f("ix_dead_tags_cylinder_id"), "dead_tags", ["cylinder_id"])
    op.create_table(
        "cylinder_imports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff_id", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("heads", postgresql.JSONB(), nullable=False),
        sa.Column("columns", postgresql.JSONB(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("rejected", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_cylinder_imports_organisation_id_organisations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cylinder_imports")),
    )
    op.create_index(op.f("ix_cylinder_imports_organisation_id"), "cylinder_imports", ["organisation_id"])
    # Cylinders that were marked as scrapped before scrappings were written down.
    op.execute(
        "INSERT INTO cylinder_scrappings (id, organisation_id, cylinder_id, reason, scrapped_on, document, note,"
        " staff_id, at, undone_by, undone_reason)"
        " SELECT replace(gen_random_uuid()::text, '-', ''), organisation_id, id, 'registered', current_date, '', '',"
        " '', now(), '', '' FROM cylinders WHERE scrapped"
    )
    op.execute(
        "INSERT INTO dead_tags (tag_uid, company_id, cylinder_id, code, reason, at)"
        " SELECT upper(regexp_replace(tag_uid, '[^0-9A-Za-z]', '', 'g')), company_id, id, code, 'scrapped', now()"
        " FROM cylinders WHERE scrapped AND regexp_replace(tag_uid, '[^0-9A-Za-z]', '', 'g') <> ''"
        " ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    for name in ("cylinder_imports", "dead_tags", "cylinder_scrappings", "inspection_periods"):
        op.drop_table(name)
    op.drop_index("ix_cylinders_due", "cylinders")
    op.drop_column("cylinder_movements", "withdrawn_at")
