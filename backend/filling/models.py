"""Fillings (充装), the checks before and after them, and what became of cylinders that were refused (拒充)."""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base


class FillingCheck(Base):
    """充装前检查."""

    __tablename__ = "filling_checks"
    __table_args__ = (Index("ix_filling_checks_at", "organisation_id", "at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    code: Mapped[str]
    method: Mapped[str]
    tag_uid: Mapped[str] = mapped_column(default="")
    staff_id: Mapped[str]
    at: Mapped[datetime]
    passed: Mapped[bool]
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    items: Mapped[list[Any]] = mapped_column(JSONB)
    owner: Mapped[str] = mapped_column(default="")
    manufacturer: Mapped[str] = mapped_column(default="")
    next_inspection_on: Mapped[date | None]
    residual_pressure_mpa: Mapped[float | None]
    ambient_c: Mapped[float | None]
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    note: Mapped[str] = mapped_column(default="")


class Filling(Base):
    """充装 (E5.8.8-3). `least_kg` and `most_kg` are those of the tables when it was taken; `state` is folded from it
    and its checks. One that is replaced by a correction (`corrected_by`) or withdrawn counts no more.
    """

    __tablename__ = "fillings"
    __table_args__ = (
        CheckConstraint("state IN ('unchecked', 'passed', 'failed', 'underfilled', 'overfilled')", name="state"),
        Index("ix_fillings_at", "organisation_id", "at"),
        Index("ix_fillings_cylinder", "company_id", "code", "at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    code: Mapped[str]
    method: Mapped[str]
    tag_uid: Mapped[str] = mapped_column(default="")
    check_id: Mapped[str]
    staff_id: Mapped[str]
    at: Mapped[datetime]
    filling_company: Mapped[str]
    inspection_company: Mapped[str] = mapped_column(default="")
    gun_number: Mapped[str]
    gross_kg: Mapped[float]
    net_kg: Mapped[float]
    tare_kg: Mapped[float]
    residue_kg: Mapped[float]
    target_kg: Mapped[float]
    least_kg: Mapped[float | None]
    most_kg: Mapped[float | None]
    medium: Mapped[str]
    filled_on: Mapped[date]
    last_filled_on: Mapped[date | None]
    filler_number: Mapped[str]
    filler_certificate: Mapped[str] = mapped_column(default="")
    scale_number: Mapped[str]
    scale_verified_until: Mapped[date | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    ended: Mapped[str]
    state: Mapped[str] = mapped_column(default="unchecked")
    # Why it should not have been filled, by what the office knew when the record came.
    doubts: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    corrects: Mapped[str] = mapped_column(default="")
    corrected_by: Mapped[str] = mapped_column(default="")
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str] = mapped_column(default="")
    withdrawn_reason: Mapped[str] = mapped_column(default="")
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    note: Mapped[str] = mapped_column(default="")
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000, spatial_index=False), nullable=True)


class FillingAfterCheck(Base):
    """充装后检查, weighed on a second scale."""

    __tablename__ = "filling_after_checks"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    filled_id: Mapped[str] = mapped_column(index=True)
    code: Mapped[str]
    method: Mapped[str]
    tag_uid: Mapped[str] = mapped_column(default="")
    staff_id: Mapped[str]
    at: Mapped[datetime]
    passed: Mapped[bool]
    items: Mapped[list[Any]] = mapped_column(JSONB)
    second_scale_number: Mapped[str]
    reweighed_gross_kg: Mapped[float]
    drained_gross_kg: Mapped[float | None]
    overfilled: Mapped[bool]
    checker_certificate: Mapped[str]
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    note: Mapped[str] = mapped_column(default="")


class RefusedFilling(Base):
    """A cylinder that was not filled, or did not pass afterwards, and what was done with it (5.8.8-2c)."""

    __tablename__ = "refused_fillings"
    __table_args__ = (
        CheckConstraint("stage IN ('before', 'after')", name="stage"),
        CheckConstraint("(handled_at IS NULL) = (action = '')", name="handled"),
        Index("ix_refused_fillings_at", "organisation_id", "at"),
    )

    # The record that refused it.
    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    code: Mapped[str]
    staff_id: Mapped[str]
    at: Mapped[datetime]
    stage: Mapped[str]
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text))
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    note: Mapped[str] = mapped_column(default="")
    handled_at: Mapped[datetime | None]
    handled_by: Mapped[str] = mapped_column(default="")
    action: Mapped[str] = mapped_column(default="")
    handling: Mapped[str] = mapped_column(default="")
