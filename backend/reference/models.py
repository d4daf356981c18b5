"""The company's lists and limits: data that an administrator edits, every version kept."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class ChoiceListVersion(Base):
    """The highest version of a name is the one in force."""

    __tablename__ = "choice_lists"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    entries: Mapped[list[Any]] = mapped_column(JSONB)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(default="")


class SettingsVersion(Base):
    """`fields` are those of `sync.documents.reference.CompanySettings`; the highest version is in force."""

    __tablename__ = "company_settings"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    fields: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(default="")


class InspectionPeriodsVersion(Base):
    """`entries` are `schemas.InspectionPeriod`, the first that fits counts; the highest version is in force."""

    __tablename__ = "inspection_periods"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    entries: Mapped[list[Any]] = mapped_column(JSONB)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(default="")


class NumberSeries(Base):
    """The last number given to a company's documents of one kind on one day."""

    __tablename__ = "number_series"

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[Any] = mapped_column(Date, primary_key=True)
    last: Mapped[int]
