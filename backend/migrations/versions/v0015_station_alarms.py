"""alarms and readings of stations"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _text(*names: str) -> "list[sa.Column[str]]":
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moment(name: str, *, nullable: bool = False) -> "sa.Column[sa.DateTime]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _places(table: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], ["organisations.id"], name=op.f(f"fk_{table}_{column}_organisations"))
        for column in ("organisation_id", "company_id")
    ]


def upgrade() -> None:
    table = "station_alarms"
    op.create_table(
        table,
        *_text("id", "organisation_id", "company_id", "station_code", "sensor", "sensor_name", "kind", "reason"),
        sa.Column("serious", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("limit_value", sa.Float(), nullable=True),
        *_text("unit"),
        _moment("raised_at"),
        _moment("cleared_at", nullable=True),
        sa.Column("cleared_value", sa.Float(), nullable=True),
        _moment("fire_water_at", nullable=True),
        sa.Column("fire_water_runs", sa.Boolean(), nullable=True),
        _moment("acknowledged_at", nullable=True),
        *_text("acknowledged_by", "action"),
        sa.CheckConstraint(
            "reason IN ('high', 'over', 'lost', 'garbled', 'not_started')", name=op.f("ck_station_alarms_reason")
        ),
        sa.CheckConstraint("(acknowledged_at IS NULL) = (action = '')", name=op.f("ck_station_alarms_acknowledged")),
        *_places(table),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_alarms")),
    )
    op.create_index(op.f("ix_station_alarms_organisation_id"), table, ["organisation_id"])
    op.create_index("ix_station_alarms_raised_at", table, ["organisation_id", "raised_at"])
    table = "station_readings"
    op.create_table(
        table,
        *_text("id", "organisation_id", "company_id", "station_code"),
        _moment("at"),
        sa.Column("sensors", JSONB(), nullable=False),
        sa.Column("pump_runs", sa.Boolean(), nullable=True),
        *_places(table),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_readings")),
    )
    op.create_index("ix_station_readings_at", table, ["organisation_id", "station_code", "at"])
    table = "station_states"
    op.create_table(
        table,
        *_text("organisation_id", "station_code", "company_id", "reading_id"),
        _moment("at"),
        sa.Column("sensors", JSONB(), nullable=False),
        sa.Column("pump_runs", sa.Boolean(), nullable=True),
        *_places(table),
        sa.PrimaryKeyConstraint("organisation_id", "station_code", name=op.f("pk_station_states")),
    )


def downgrade() -> None:
    for table in ("station_states", "station_readings", "station_alarms"):
        op.drop_table(table)
