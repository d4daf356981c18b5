"""electronic tags: whose each is, bindings, writings, keys; each cylinder's public token"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision: str | None = "0008b"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_TOKEN = sa.text("left(replace(gen_random_uuid()::text, '-', ''), 12) || right(gen_random_uuid()::text, 12)")
# A tag that the archive names already is bound since the cylinder's entry.
_ADOPT = """
    INSERT INTO tag_bindings
        (record_id, uid, organisation_id, company_id, cylinder_id, code, kind, replaces, reason, method, at, staff_id)
    SELECT 'archive:' || id, regexp_replace(upper(tag_uid), '[^0-9A-Z]', '', 'g'), organisation_id, company_id, id, code,
        '', '', '', 'archive', registered_at, ''
    FROM cylinders WHERE tag_uid <> '';
    INSERT INTO cylinder_tags (uid, cylinder_id, company_id, on_cylinder, since, record_id)
    SELECT DISTINCT ON (uid) uid, cylinder_id, company_id, true, at, record_id
    FROM tag_bindings ORDER BY uid, at, record_id;
"""


def upgrade() -> None:
    op.add_column(
        "cylinders",
        sa.Column(
            "former_tags", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
    )
    op.alter_column("cylinders", "former_tags", server_default=None)
    op.add_column("cylinders", sa.Column("public_token", sa.Text(), server_default=_TOKEN, nullable=False))
    op.create_unique_constraint(op.f("uq_cylinders_public_token"), "cylinders", ["public_token"])
    op.create_index("ix_cylinders_tag_uid", "cylinders", [sa.text("upper(replace(tag_uid, ':', ''))")], postgresql_where=sa.text("tag_uid <> ''"))
    op.create_table(
        "cylinder_tags",
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("cylinder_id", sa.Text(), nullable=True),
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("on_cylinder", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["cylinder_id"], ["cylinders.id"], name=op.f("fk_cylinder_tags_cylinder_id_cylinders")),
        sa.ForeignKeyConstraint(
            ["company_id"], ["organisations.id"], name=op.f("fk_cylinder_tags_company_id_organisations")
        ),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_cylinder_tags")),
    )
    op.create_index(op.f("ix_cylinder_tags_cylinder_id"), "cylinder_tags", ["cylinder_id"])
    op.create_table(
        "tag_bindings",
        *_facts("tag_bindings"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
    )
    op.create_index(op.f("ix_tag_bindings_cylinder_id"), "tag_bindings", ["cylinder_id"])
    op.create_table(
        "tag_writings",
        *_facts("tag_writings"),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("next_inspection_on", sa.Date(), nullable=True),
        sa.Column("filled_on", sa.Date(), nullable=True),
        sa.Column("gross_kg", sa.Float(), nullable=True),
        sa.Column("delivered_on", sa.Date(), nullable=True),
        sa.Column("left_out", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("outcome IN ('written', 'not_written')", name=op.f("ck_tag_writings_outcome")),
    )
    op.create_index("ix_tag_writings_cylinder", "tag_writings", ["cylinder_id", "at"])
    for table in ("tag_bindings", "tag_writings"):
        op.create_index(op.f(f"ix_{table}_uid"), table, ["uid"])
        op.create_index(op.f(f"ix_{table}_organisation_id"), table, ["organisation_id"])
        op.create_index(f"ix_{table}_code", table, ["company_id", "code"])
    op.create_table(
        "tag_secrets",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id"], ["organisations.id"], name=op.f("fk_tag_secrets_company_id_organisations")
        ),
        sa.PrimaryKeyConstraint("company_id", "number", name=op.f("pk_tag_secrets")),
    )
    op.execute(_ADOPT)


def _facts(table: str) -> list[sa.Column[str] | sa.Constraint]:
    return [
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("record_id", "uid", "organisation_id", "company_id")),
        sa.Column("cylinder_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("staff_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f(f"fk_{table}_organisation_id_organisations")
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["organisations.id"], name=op.f(f"fk_{table}_company_id_organisations")
        ),
        sa.ForeignKeyConstraint(["cylinder_id"], ["cylinders.id"], name=op.f(f"fk_{table}_cylinder_id_cylinders")),
        sa.PrimaryKeyConstraint("record_id", name=op.f(f"pk_{table}")),
    ]


def downgrade() -> None:
    for table in ("tag_secrets", "tag_writings", "tag_bindings", "cylinder_tags"):
        op.drop_table(table)
    op.drop_index("ix_cylinders_tag_uid", "cylinders")
    op.drop_constraint(op.f("uq_cylinders_public_token"), "cylinders")
    op.drop_column("cylinders", "public_token")
    op.drop_column("cylinders", "former_tags")
