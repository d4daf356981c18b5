"""Cylinders sent to an inspection body and what came of it (送检, 检验结果), and repairs."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class InspectionBatch(Base):
    """送检单. `organisation_id` is the station that sent it."""

    __tablename__ = "inspection_batches"
    __table_args__ = (UniqueConstraint("company_id", "number"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    number: Mapped[str]
    inspection_body: Mapped[str]
    sent_on: Mapped[date]
    sent_at: Mapped[datetime]
    staff_id: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]


class InspectionItem(Base):
    """One cylinder of a batch; `result` is empty while it is out."""

    __tablename__ = "inspection_items"
    __table_args__ = (
        UniqueConstraint("batch_id", "cylinder_id"),
        CheckConstraint("result IN ('', 'passed', 'failed', 'withdrawn')", name="result"),
        # A cylinder is out with one batch at a time.
        Index("uq_inspection_items_out", "cylinder_id", unique=True, postgresql_where=text("result = ''")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[str] = mapped_column(ForeignKey("inspection_batches.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    cylinder_id: Mapped[str] = mapped_column(ForeignKey("cylinders.id"))
    code: Mapped[str]
    specification: Mapped[str]
    due_on: Mapped[date | None]
    result: Mapped[str] = mapped_column(default="")
    inspected_on: Mapped[date | None]
    next_inspection_on: Mapped[date | None]
    report_number: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    recorded_at: Mapped[datetime | None]
    recorded_by: Mapped[str] = mapped_column(default="")


class CylinderRepair(Base):
    """维修: what was wrong and what was done; at a station, or at the inspection body (`item_id`)."""

    __tablename__ = "cylinder_repairs"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    cylinder_id: Mapped[str] = mapped_column(ForeignKey("cylinders.id"), index=True)
    code: Mapped[str]
    item_id: Mapped[str] = mapped_column(default="")
    fault: Mapped[str]
    work: Mapped[str] = mapped_column(default="")
    repairer: Mapped[str] = mapped_column(default="")
    repaired_on: Mapped[date]
    staff_id: Mapped[str]
    at: Mapped[datetime]
