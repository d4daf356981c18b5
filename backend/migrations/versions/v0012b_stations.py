"""stations, their cameras, and the records of the people who work there"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0012b"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _organisation(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["organisations.id"], name=op.f(f"fk_{table}_{column}_organisations"))


def upgrade() -> None:
    op.create_table(
        "stations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column(
            "point",
            Geometry(
                geometry_type="POINT",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("capacity_t", sa.Float(), nullable=True),
        sa.Column("manager", sa.Text(), nullable=False),
        sa.Column("manager_phone", sa.Text(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('storage', 'supply', 'point')", name=op.f("ck_stations_kind")),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_stations_state")),
        sa.CheckConstraint("capacity_t IS NULL OR capacity_t >= 0", name=op.f("ck_stations_capacity_t")),
        _organisation("stations", "company_id"),
        _organisation("stations", "organisation_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stations")),
        sa.UniqueConstraint("company_id", "code", name=op.f("uq_stations_company_id_code")),
    )
    op.create_geospatial_index("idx_stations_point", "stations", ["point"], unique=False, postgresql_using="gist", postgresql_ops={})
    op.create_index("ix_stations_organisation_id_kind", "stations", ["organisation_id", "kind"])
    op.create_table(
        "station_cameras",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("kept_days", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "kept_days IS NULL OR kept_days BETWEEN 0 AND 3650", name=op.f("ck_station_cameras_kept_days")
        ),
        _organisation("station_cameras", "organisation_id"),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_station_cameras_station_id_stations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_cameras")),
        sa.UniqueConstraint("station_id", "name", name=op.f("uq_station_cameras_station_id_name")),
    )
    op.create_index(op.f("ix_station_cameras_organisation_id"), "station_cameras", ["organisation_id"])
    op.create_table(
        "employees",
        sa.Column("staff_id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=True),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("photo_id", sa.Text(), nullable=False),
        sa.Column("registered_on", sa.Date(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("sex IN ('', 'female', 'male')", name=op.f("ck_employees_sex")),
        _organisation("employees", "organisation_id"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_employees_staff_id_staff")),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_employees_station_id_stations")),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("pk_employees")),
    )
    op.create_index(op.f("ix_employees_organisation_id"), "employees", ["organisation_id"])
    op.create_index(op.f("ix_employees_station_id"), "employees", ["station_id"])


def downgrade() -> None:
    op.drop_table("employees")
    op.drop_table("station_cameras")
    op.drop_table("stations")
