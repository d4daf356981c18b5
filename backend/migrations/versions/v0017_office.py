"""reports handed to the regulator; checks at customers' corrected and voided; certificates of handhelds"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision: str | None = "0016"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_HOLDERS = "ck_certificates_holder_kind"


def upgrade() -> None:
    for table in ("delivery_checks", "failed_visits"):
        for name in ("corrects", "voided_by", "void_reason"):
            op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=""))
            op.alter_column(table, name, server_default=None)
        op.add_column(table, sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True))
        op.create_index(op.f(f"ix_{table}_corrects"), table, ["corrects"])
    op.drop_constraint(op.f(_HOLDERS), "certificates")
    op.create_check_constraint(
        op.f(_HOLDERS), "certificates", "holder_kind IN ('staff', 'company', 'station', 'vehicle', 'device')"
    )
    op.add_column("certificates", sa.Column("covers", sa.Text(), nullable=False, server_default=""))
    op.alter_column("certificates", "covers", server_default=None)
    op.drop_constraint(op.f("uq_certificates_company_id_kind_number"), "certificates")
    number = ["company_id", "kind", "number"]
    op.create_unique_constraint(
        op.f("uq_certificates_company_id_kind_number_holder_id"), "certificates", [*number, "holder_id"]
    )
    op.create_index(
        "uq_certificates_number",
        "certificates",
        number,
        unique=True,
        postgresql_where=sa.text("holder_kind <> 'device'"),
    )
    op.create_table(
        "statistics_reports",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "organisation_id", "number", "span")),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("span IN ('day', 'month', 'year')", name=op.f("ck_statistics_reports_span")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_statistics_reports_organisation_id_organisations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statistics_reports")),
    )
    op.create_index("ix_statistics_reports_made_at", "statistics_reports", ["organisation_id", "made_at"])
