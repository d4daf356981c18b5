"""Orders and what became of them (送气): check, exchange, visits that failed."""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base


class DeliveryOrder(Base):
    """`id` is the task document's. `status` is folded from the records; overdue is not stored."""

    __tablename__ = "delivery_orders"
    __table_args__ = (
        UniqueConstraint("company_id", "order_number"),
        CheckConstraint(
            "status IN ('open', 'in_progress', 'failed', 'done', 'withdrawn', 'reassigned')", name="status"
        ),
        CheckConstraint("due_at > start_at", name="due_at"),
        CheckConstraint("attempt >= 1", name="attempt"),
        Index("ix_delivery_orders_due", "organisation_id", "due_at"),
        Index("ix_delivery_orders_staff", "staff_id", "due_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    order_number: Mapped[str]
    station_id: Mapped[str]
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    staff_id: Mapped[str]
    vehicle: Mapped[str] = mapped_column(default="")
    lines: Mapped[list[Any]] = mapped_column(JSONB)
    start_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempt: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(default="open")
    status_reason: Mapped[str] = mapped_column(default="")
    done_at: Mapped[datetime | None]
    replaces: Mapped[str | None] = mapped_column(ForeignKey("delivery_orders.id"))
    next_appointment: Mapped[date | None]
    # When a further attempt was planned: what was recorded before says nothing about it.
    reopened_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class Voidable:
    """`corrects`: the record that this one corrects; what is corrected or voided counts no more, and the fact stays."""

    corrects: Mapped[str] = mapped_column(default="", index=True)
    voided_at: Mapped[datetime | None]
    voided_by: Mapped[str] = mapped_column(default="")
    void_reason: Mapped[str] = mapped_column(default="")


class DeliveryCheck(Voidable, Base):
    """随瓶安检: a failed one stops the supply and opens a hazard."""

    __tablename__ = "delivery_checks"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    task_id: Mapped[str] = mapped_column(index=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    staff_id: Mapped[str]
    at: Mapped[datetime]
    items: Mapped[list[Any]] = mapped_column(JSONB)
    passed: Mapped[bool]
    # Of the company's check list by which it was judged.
    list_version: Mapped[int] = mapped_column(default=0)
    hazard_id: Mapped[str | None]
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    note: Mapped[str] = mapped_column(default="")


class Delivery(Voidable, Base):
    """Cylinders handed over and taken back, tested and signed for."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_at", "organisation_id", "at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    task_id: Mapped[str] = mapped_column(index=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    check_id: Mapped[str]
    staff_id: Mapped[str]
    device_id: Mapped[str]
    at: Mapped[datetime]
    delivered: Mapped[list[Any]] = mapped_column(JSONB)
    returned: Mapped[list[Any]] = mapped_column(JSONB)
    leak_test: Mapped[dict[str, Any]]
    signature_kind: Mapped[str]
    signature_photo: Mapped[str] = mapped_column(default="")
    signature_sealed: Mapped[bytes | None]
    receiver_relation: Mapped[str] = mapped_column(default="")
    payment: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    note: Mapped[str] = mapped_column(default="")
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000), nullable=True)


class DepositSlip(Base):
    """押金单 of a delivery: taken, refunded or moved to another size (转瓶)."""

    __tablename__ = "deposit_slips"
    __table_args__ = (
        CheckConstraint("kind IN ('taken', 'refunded', 'moved')", name="kind"),
        CheckConstraint("quantity > 0 AND amount_fen >= 0", name="amounts"),
        Index("ix_deposit_slips_number", "organisation_id", "number"),
    )

    # The delivery's record and the slip's place in it.
    id: Mapped[str] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), index=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    staff_id: Mapped[str]
    at: Mapped[datetime]
    kind: Mapped[str]
    number: Mapped[str]
    specification: Mapped[str]
    quantity: Mapped[int]
    amount_fen: Mapped[int]
    moved_to: Mapped[str] = mapped_column(default="")


class StationReturn(Base):
    """回站入库: what came back, and what the load list still said and nobody found."""

    __tablename__ = "station_returns"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    station_id: Mapped[str]
    vehicle: Mapped[str] = mapped_column(default="")
    staff_id: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
    full: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    empty: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    missing: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    missing_reason: Mapped[str] = mapped_column(default="")


class FailedVisit(Voidable, Base):
    """到访不遇, 拒检, 空置 or 预约改期, with its evidence."""

    __tablename__ = "failed_visits"
    __table_args__ = (Index("ix_failed_visits_at", "organisation_id", "at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    task_id: Mapped[str] = mapped_column(index=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    staff_id: Mapped[str]
    at: Mapped[datetime]
    outcome: Mapped[str]
    attempt: Mapped[int]
    notice_posted: Mapped[bool]
    door_gap_ppm: Mapped[float | None]
    next_appointment: Mapped[date | None]
    reason: Mapped[str] = mapped_column(default="")
    witness_sealed: Mapped[bytes | None]
    door_photo: Mapped[str] = mapped_column(default="")
    notice_photo: Mapped[str] = mapped_column(default="")
    notice_handed_over: Mapped[bool] = mapped_column(default=False)
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    note: Mapped[str] = mapped_column(default="")
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000), nullable=True)
