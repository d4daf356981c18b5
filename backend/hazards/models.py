"""Hazards and their way to closure (隐患), suspected leaks (疑似泄漏点), third-party works (第三方施工)."""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base


class Hazard(Base):
    """`id` is the record's that reported it; `stage` follows `rules.TRANSITIONS`. Overdue is not stored."""

    __tablename__ = "hazards"
    __table_args__ = (
        UniqueConstraint("company_id", "number"),
        CheckConstraint(
            "stage IN ('pending_review', 'pending_dispatch', 'in_rectification', 'pending_recheck', 'closed')",
            name="stage",
        ),
        CheckConstraint("(stage = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
        # What is being put right has a grade, somebody who does it and a day by which.
        CheckConstraint(
            "stage NOT IN ('in_rectification', 'pending_recheck') "
            "OR (grade <> '' AND department <> '' AND due_on IS NOT NULL)",
            name="dispatched",
        ),
        Index("ix_hazards_stage", "organisation_id", "stage", "due_on"),
        Index("ix_hazards_reported", "organisation_id", "reported_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    number: Mapped[str]
    source: Mapped[str]
    hazard_type: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(default="")
    temporary_control: Mapped[str] = mapped_column(default="")
    pipe_id: Mapped[str] = mapped_column(default="")
    customer_id: Mapped[str] = mapped_column(default="", index=True)
    task_id: Mapped[str] = mapped_column(default="", index=True)
    # The check at delivery or the suspected leak that it came from.
    origin_id: Mapped[str] = mapped_column(default="", index=True)
    reported_at: Mapped[datetime]
    reported_by: Mapped[str]
    # The newest record that tells of it, a report or what corrects one; empty while only its origin is known.
    told_at: Mapped[datetime | None]
    told_id: Mapped[str] = mapped_column(default="")
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000), nullable=True)
    accuracy_m: Mapped[float | None]
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    proposed_grade: Mapped[str]
    grade: Mapped[str] = mapped_column(default="")
    clause: Mapped[str] = mapped_column(default="")
    stage: Mapped[str] = mapped_column(default="pending_review")
    stage_since: Mapped[datetime]
    department: Mapped[str] = mapped_column(default="")
    responsible_id: Mapped[str] = mapped_column(default="")
    measure: Mapped[str] = mapped_column(default="")
    due_on: Mapped[date | None]
    extended: Mapped[int] = mapped_column(default=0)
    returned: Mapped[int] = mapped_column(default=0)
    supervised: Mapped[bool] = mapped_column(default=False)
    rectified_at: Mapped[datetime | None]
    rectified_photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class HazardStep(Base):
    """One line of a hazard's history: who did what, when, and why."""

    __tablename__ = "hazard_steps"
    __table_args__ = (Index("ix_hazard_steps_hazard", "hazard_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    hazard_id: Mapped[str] = mapped_column(ForeignKey("hazards.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    action: Mapped[str]
    from_stage: Mapped[str]
    to_stage: Mapped[str]
    staff_id: Mapped[str]
    at: Mapped[datetime]
    note: Mapped[str] = mapped_column(default="")
    facts: Mapped[dict[str, Any]]


class SuspectedLeak(Base):
    """A reading over the alarm limit, until the office confirms it as a hazard or finds it unfounded."""

    __tablename__ = "suspected_leaks"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'confirmed', 'unfounded')", name="state"),
        CheckConstraint("(state = 'confirmed') = (hazard_id IS NOT NULL)", name="hazard_id"),
        Index("ix_suspected_leaks_state", "organisation_id", "state", "at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    at: Mapped[datetime]
    # The newest record that tells of it: the first one, or a re-test that corrects it.
    told_at: Mapped[datetime]
    told_id: Mapped[str]
    reported_by: Mapped[str]
    reading_ppm: Mapped[float]
    retest_ppm: Mapped[float | None]
    alarm_limit_ppm: Mapped[float]
    emergency: Mapped[bool]
    instrument_id: Mapped[str]
    instrument_verified_until: Mapped[date | None]
    action: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    pipe_id: Mapped[str] = mapped_column(default="")
    task_id: Mapped[str] = mapped_column(default="")
    patrol_id: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000), nullable=True)
    accuracy_m: Mapped[float | None]
    state: Mapped[str] = mapped_column(default="open")
    hazard_id: Mapped[str | None] = mapped_column(ForeignKey("hazards.id"))
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str] = mapped_column(default="")
    settlement: Mapped[str] = mapped_column(default="")


class WorksReport(Base):
    """A report of works near a pipe: the first (`found`) or a later one by whoever guards them."""

    __tablename__ = "third_party_works_reports"
    __table_args__ = (
        CheckConstraint("kind IN ('found', 'guarding')", name="kind"),
        Index("ix_third_party_works_reports_works", "works_id", "at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    # The first report's id, also on the first report itself.
    works_id: Mapped[str]
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    kind: Mapped[str]
    at: Mapped[datetime]
    reported_by: Mapped[str]
    machinery: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    progress: Mapped[str] = mapped_column(default="")
    distance_to_pipe_m: Mapped[float | None]
    contractor: Mapped[str] = mapped_column(default="")
    contact: Mapped[str] = mapped_column(default="")
    contact_phone: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    pipe_id: Mapped[str] = mapped_column(default="")
    task_id: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000), nullable=True)


class Works(Base):
    """Works near a pipe as they stand after the newest report, until the office ends them."""

    __tablename__ = "third_party_works"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'ended')", name="state"),
        Index("ix_third_party_works_state", "organisation_id", "state", "last_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    found_at: Mapped[datetime | None]
    last_at: Mapped[datetime]
    reports: Mapped[int]
    reported_by: Mapped[str]
    machinery: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    progress: Mapped[str] = mapped_column(default="")
    distance_to_pipe_m: Mapped[float | None]
    contractor: Mapped[str] = mapped_column(default="")
    contact: Mapped[str] = mapped_column(default="")
    contact_phone: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    pipe_id: Mapped[str] = mapped_column(default="")
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000), nullable=True)
    state: Mapped[str] = mapped_column(default="open")
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(default="")
