"""look-ups of the public page, counted; market inspectors' scans"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0009b"
down_revision: str | None = "0008c"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "public_scan_counts",
        sa.Column("asker", sa.Text(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("asker", "minute", name=op.f("pk_public_scan_counts")),
    )
    op.create_index(op.f("ix_public_scan_counts_minute"), "public_scan_counts", ["minute"])
    op.create_table(
        "market_scans",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("read", "tag_uid", "stamped")),
        sa.Column("cylinder_id", sa.Text(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("code", "company_name", "verdict")),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("point", Geometry("POINT", srid=4490, spatial_index=False), nullable=True),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.CheckConstraint("verdict IN ('good', 'black')", name=op.f("ck_market_scans_verdict")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_market_scans_organisation_id_organisations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_market_scans")),
    )
    op.create_index("ix_market_scans_at", "market_scans", ["organisation_id", "at"])
    op.create_index(op.f("ix_market_scans_cylinder_id"), "market_scans", ["cylinder_id"])


def downgrade() -> None:
    op.drop_table("market_scans")
    op.drop_table("public_scan_counts")
