"""cameras of stations and vehicles, and the daily check of what their recorders keep"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision: str | None = "0015b"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _time(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "cameras",
        _text("id"),
        _text("organisation_id"),
        _text("company_id"),
        _text("place_id"),
        _text("kind"),
        _text("place_name"),
        sa.Column("place_open", sa.Boolean(), nullable=False),
        _text("name"),
        _text("area"),
        _number("width_px"),
        _number("height_px"),
        _text("picture_address"),
        _text("stream_address"),
        _text("recorder_address"),
        _text("recording"),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("installed_on", sa.Date(), nullable=False),
        _time("registered_at", nullable=False),
        _time("changed_at", nullable=False),
        _time("seen_at"),
        _number("seen_width_px"),
        _number("seen_height_px"),
        _time("silent_since"),
        _text("silent_reason"),
        _text("verdict"),
        _number("kept_days", nullable=True),
        _number("required_days", nullable=True),
        _time("checked_at"),
        _time("recorder_silent_since"),
        sa.CheckConstraint("kind IN ('storage', 'supply', 'point', 'vehicle')", name=op.f("ck_cameras_kind")),
        sa.CheckConstraint("width_px >= 0 AND height_px >= 0", name=op.f("ck_cameras_size")),
        sa.ForeignKeyConstraint(
            ["company_id"], ["organisations.id"], name=op.f("fk_cameras_company_id_organisations")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_cameras_organisation_id_organisations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cameras")),
        sa.UniqueConstraint("place_id", "name", name=op.f("uq_cameras_place_id_name")),
    )
    op.create_index(op.f("ix_cameras_organisation_id"), "cameras", ["organisation_id"])
    op.create_table(
        "camera_checks",
        _text("camera_id"),
        sa.Column("day", sa.Date(), nullable=False),
        _text("organisation_id"),
        _time("checked_at", nullable=False),
        _text("state"),
        _number("kept_days", nullable=True),
        _number("required_days"),
        _time("earliest"),
        _time("latest"),
        sa.Column("gaps", postgresql.JSONB(), nullable=True),
        sa.Column("clock_ahead_s", sa.Float(), nullable=True),
        sa.Column("recordings", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name=op.f("fk_camera_checks_camera_id_cameras"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_camera_checks_organisation_id_organisations")
        ),
        sa.PrimaryKeyConstraint("camera_id", "day", name=op.f("pk_camera_checks")),
    )
    op.create_index(op.f("ix_camera_checks_organisation_id"), "camera_checks", ["organisation_id"])
    # What was a link for a player stays one; days that somebody once typed in say nothing of what a recorder keeps.
    op.execute(
        """
        INSERT INTO cameras (id, organisation_id, company_id, place_id, kind, place_name, place_open, name, area,
            width_px, height_px, picture_address, stream_address, recorder_address, recording, credentials,
            installed_on, registered_at, changed_at, seen_width_px, seen_height_px, silent_reason, verdict)
        SELECT c.id, c.organisation_id, s.company_id, s.id, s.kind, s.name, s.state = 'open', c.name, c.area,
            0, 0, '', CASE WHEN c.address ~ '^[a-z]+://[^/]*@' THEN '' ELSE c.address END, '', '', '',
            s.registered_at::date, now(), now(), 0, 0, '', ''
        FROM station_cameras c JOIN stations s ON s.id = c.station_id
        """
    )
    op.drop_table("station_cameras")


def downgrade() -> None:
    op.create_table(
        "station_cameras",
        _text("id"),
        _text("organisation_id"),
        _text("station_id"),
        _text("name"),
        _text("area"),
        _text("address"),
        _number("kept_days", nullable=True),
        sa.CheckConstraint(
            "kept_days IS NULL OR kept_days BETWEEN 0 AND 3650", name=op.f("ck_station_cameras_kept_days")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_station_cameras_organisation_id_organisations")
        ),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_station_cameras_station_id_stations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_cameras")),
        sa.UniqueConstraint("station_id", "name", name=op.f("uq_station_cameras_station_id_name")),
    )
    op.create_index(op.f("ix_station_cameras_organisation_id"), "station_cameras", ["organisation_id"])
    op.execute(
        """
        INSERT INTO station_cameras (id, organisation_id, station_id, name, area, address, kept_days)
        SELECT id, organisation_id, place_id, name, area, stream_address, kept_days FROM cameras
        WHERE kind <> 'vehicle' AND stream_address <> ''
        """
    )
    op.drop_table("camera_checks")
    op.drop_table("cameras")
