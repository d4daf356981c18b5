"""all kinds of a cylinder's movements; where they were recorded"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_KINDS = "'bound', 'filled', 'stored', 'loaded', 'delivered', 'returned', 'sent_out', 'inspected', 'scrapped', 'refused'"
_HOLDERS = "'station', 'vehicle', 'customer', 'inspection_body', 'scrapped'"


def upgrade() -> None:
    _replace("cylinder_movements", "ck_cylinder_movements_kind", f"kind IN ({_KINDS})")
    _replace("cylinders", "ck_cylinders_holder_kind", f"holder_kind IN ({_HOLDERS})")
    op.add_column(
        "cylinder_movements", sa.Column("inspection_body", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.alter_column("cylinder_movements", "inspection_body", server_default=None)
    op.add_column(
        "cylinder_movements", sa.Column("point", Geometry("POINT", srid=4490, spatial_index=False), nullable=True)
    )
    op.add_column("cylinders", sa.Column("registered_with", sa.Text(), nullable=True))
    op.execute("UPDATE cylinders SET registered_with = organisation_id")
    op.alter_column("cylinders", "registered_with", nullable=False)


def downgrade() -> None:
    op.drop_column("cylinders", "registered_with")
    op.drop_column("cylinder_movements", "point")
    op.drop_column("cylinder_movements", "inspection_body")
    _replace("cylinders", "ck_cylinders_holder_kind", "holder_kind IN ('station', 'vehicle', 'customer')")
    _replace(
        "cylinder_movements", "ck_cylinder_movements_kind", "kind IN ('loaded', 'delivered', 'returned', 'refused')"
    )


def _replace(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(name), table, type_="check")
    op.create_check_constraint(op.f(name), table, condition)
