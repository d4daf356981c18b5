"""certificates of staff, companies, stations and vehicles"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "certificates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("holder_kind", sa.Text(), nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "holder_kind IN ('staff', 'company', 'station', 'vehicle')", name=op.f("ck_certificates_holder_kind")
        ),
        sa.CheckConstraint("issued_on IS NULL OR issued_on <= expires_on", name=op.f("ck_certificates_expires_on")),
        sa.ForeignKeyConstraint(
            ["company_id"], ["organisations.id"], name=op.f("fk_certificates_company_id_organisations")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_certificates_organisation_id_organisations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sa.UniqueConstraint("company_id", "kind", "number", name=op.f("uq_certificates_company_id_kind_number")),
    )
    op.create_index("ix_certificates_holder", "certificates", ["holder_kind", "holder_id", "kind"])
    op.create_index("ix_certificates_expires_on", "certificates", ["organisation_id", "expires_on"])
    op.create_index(op.f("ix_certificates_organisation_id"), "certificates", ["organisation_id"])


def downgrade() -> None:
    op.drop_table("certificates")
