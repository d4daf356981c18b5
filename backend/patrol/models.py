"""Plans, tasks and what was walked (巡线). A patrol's rows grow from facts in any order of arrival."""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base


class PatrolPlan(Base):
    """A patrol area and pressure levels, and when they are walked; `recurrence` is `schemas.Recurrence`."""

    __tablename__ = "patrol_plans"
    __table_args__ = (
        CheckConstraint("mode IN ('walk', 'bicycle', 'vehicle')", name="mode"),
        CheckConstraint("state IN ('active', 'stopped')", name="state"),
        CheckConstraint("buffer_m > 0 AND buffer_m <= 200", name="buffer_m"),
        CheckConstraint("max_speed_mps > 0 AND max_speed_mps <= 40", name="max_speed_mps"),
        CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="ends_on"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    name: Mapped[str]
    area_id: Mapped[str]
    area_name: Mapped[str]
    pressure_levels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    recurrence: Mapped[dict[str, Any]]
    mode: Mapped[str]
    staff_id: Mapped[str]
    buffer_m: Mapped[float]
    max_speed_mps: Mapped[float]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(default="active")
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class PlanCheckPoint(Base):
    __tablename__ = "patrol_plan_check_points"
    __table_args__ = (
        CheckConstraint("proof IN ('gps', 'qr', 'nfc')", name="proof"),
        CheckConstraint("proof = 'gps' OR code <> ''", name="code"),
        CheckConstraint("radius_m > 0 AND radius_m <= 500", name="radius_m"),
        CheckConstraint("dwell_s >= 0", name="dwell_s"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    plan_id: Mapped[str] = mapped_column(ForeignKey("patrol_plans.id", ondelete="CASCADE"), index=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    name: Mapped[str]
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000))
    order: Mapped[int] = mapped_column("order_number")
    proof: Mapped[str]
    code: Mapped[str] = mapped_column(default="")
    radius_m: Mapped[float]
    dwell_s: Mapped[float]
    accuracy_m: Mapped[float]
    items: Mapped[list[str]] = mapped_column(ARRAY(Text))


class PatrolTask(Base):
    """`id` is the task document's; `in_progress` and `done` come from the worker's records. Overdue is not stored."""

    __tablename__ = "patrol_tasks"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'in_progress', 'done', 'withdrawn', 'reassigned')", name="status"),
        CheckConstraint("due_at > start_at", name="due_at"),
        # One task for each plan, day and turn; those that replace a reassigned one stand beside it.
        Index(
            "uq_patrol_tasks_plan_day_turn",
            "plan_id",
            "day",
            "turn",
            unique=True,
            postgresql_where=text("replaces IS NULL AND plan_id IS NOT NULL"),
        ),
        Index("ix_patrol_tasks_day", "organisation_id", "day"),
        Index("ix_patrol_tasks_staff", "staff_id", "day"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    plan_id: Mapped[str | None] = mapped_column(ForeignKey("patrol_plans.id"))
    replaces: Mapped[str | None] = mapped_column(ForeignKey("patrol_tasks.id"))
    day: Mapped[date]
    turn: Mapped[int] = mapped_column(default=0)
    staff_id: Mapped[str]
    title: Mapped[str]
    area_id: Mapped[str]
    area_name: Mapped[str]
    pressure_levels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    start_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(index=True)
    pipe_ids: Mapped[list[str]] = mapped_column(ARRAY(Text))
    length_m: Mapped[float]
    check_points: Mapped[list[Any]] = mapped_column(JSONB)
    mode: Mapped[str]
    buffer_m: Mapped[float]
    max_speed_mps: Mapped[float]
    status: Mapped[str] = mapped_column(default="open")
    status_reason: Mapped[str] = mapped_column(default="")
    done_at: Mapped[datetime | None]
    # Counted over all of the task's patrols.
    covered_m: Mapped[float] = mapped_column(default=0.0)
    points_reached: Mapped[int] = mapped_column(default=0)
    too_fast: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class Patrol(Base):
    """One walk. Made by whichever of its records arrives first; what the office counted stands beside the phone's."""

    __tablename__ = "patrols"
    __table_args__ = (
        Index("ix_patrols_started", "organisation_id", "started_at"),
        Index("ix_patrols_uncounted", "id", postgresql_where=text("NOT counted")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    task_id: Mapped[str] = mapped_column(index=True)
    staff_id: Mapped[str]
    device_id: Mapped[str]
    mode: Mapped[str] = mapped_column(default="")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    finish_id: Mapped[str | None]
    chunks_expected: Mapped[int | None]
    chunks: Mapped[int] = mapped_column(default=0)
    # False while chunks or visits have come that are not in the figures below.
    counted: Mapped[bool] = mapped_column(default=False)
    phone_assigned_m: Mapped[float | None]
    phone_covered_m: Mapped[float | None]
    unfinished_reason: Mapped[str] = mapped_column(default="")
    assigned_m: Mapped[float] = mapped_column(default=0.0)
    covered_m: Mapped[float] = mapped_column(default=0.0)
    walked_m: Mapped[float] = mapped_column(default=0.0)
    too_fast: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    too_fast_m: Mapped[float] = mapped_column(default=0.0)
    check_points: Mapped[int] = mapped_column(default=0)
    visited: Mapped[int] = mapped_column(default=0)
    unreachable: Mapped[int] = mapped_column(default=0)
    abnormal: Mapped[int] = mapped_column(default=0)
    walked: Mapped[Any] = mapped_column(Geometry("MULTILINESTRING", srid=CGCS2000), nullable=True)
    unwalked: Mapped[Any] = mapped_column(Geometry("MULTILINESTRING", srid=CGCS2000), nullable=True)


class TrackChunk(Base):
    """At most five minutes of track as the phone wrote them, and their line for the map."""

    __tablename__ = "patrol_track_chunks"
    __table_args__ = (Index("ix_patrol_track_chunks_patrol", "patrol_id", "chunk"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    patrol_id: Mapped[str]
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    chunk: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    # The points as they came: JSON of `tuple[TrackPoint, ...]`, seconds after the corrected `started_at`.
    points: Mapped[bytes]
    line: Mapped[Any] = mapped_column(Geometry("LINESTRING", srid=CGCS2000))


class Visit(Base):
    """A check point reached, or said to be out of reach."""

    __tablename__ = "patrol_visits"
    __table_args__ = (Index("ix_patrol_visits_patrol", "patrol_id", "check_point_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    patrol_id: Mapped[str]
    check_point_id: Mapped[str]
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    task_id: Mapped[str]
    staff_id: Mapped[str]
    at: Mapped[datetime]
    proof: Mapped[str]
    result: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    items: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    distance_m: Mapped[float | None]
    dwell_s: Mapped[float | None]
    inlet_pressure_kpa: Mapped[float | None]
    outlet_pressure_kpa: Mapped[float | None]
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    note: Mapped[str] = mapped_column(default="")
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000), nullable=True)


class Pause(Base):
    __tablename__ = "patrol_pauses"

    id: Mapped[str] = mapped_column(primary_key=True)
    patrol_id: Mapped[str] = mapped_column(index=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    at: Mapped[datetime]
    resumed: Mapped[bool]


class ShiftCheck(Base):
    """开工体检: what was found before a shift."""

    __tablename__ = "shift_checks"
    __table_args__ = (Index("ix_shift_checks_staff", "staff_id", "at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    staff_id: Mapped[str]
    device_id: Mapped[str]
    at: Mapped[datetime]
    items: Mapped[list[Any]] = mapped_column(JSONB)
    instrument_id: Mapped[str] = mapped_column(default="")
    instrument_verified_until: Mapped[date | None] = mapped_column(Date)
    started_anyway: Mapped[bool] = mapped_column(default=False)
