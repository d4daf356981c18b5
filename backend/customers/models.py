"""The customers' ledger (E5.8.3-4). Identity number and telephone are sealed under a key of the person's own."""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base


class Customer(Base):
    """Whether the record is complete enough for a delivery (5.8.3-07) is asked when it matters: the company decides."""

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("company_id", "code"),
        CheckConstraint("state IN ('active', 'closed', 'erased')", name="state"),
        CheckConstraint("phone_last4 ~ '^[0-9]{0,4}$'", name="phone_last4"),
        Index("ix_customers_phone_last4", "organisation_id", "phone_last4"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    # The company or station where the account was opened.
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    code: Mapped[str]
    category: Mapped[str] = mapped_column(default="")
    name: Mapped[str] = mapped_column(default="")
    district: Mapped[str] = mapped_column(default="")
    street: Mapped[str] = mapped_column(default="")
    community: Mapped[str] = mapped_column(default="")
    road: Mapped[str] = mapped_column(default="")
    house: Mapped[str] = mapped_column(default="")
    safety_officer: Mapped[str] = mapped_column(default="")
    opened_on: Mapped[date | None]
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000), nullable=True)
    identity_kind: Mapped[str] = mapped_column(default="")
    identity_sealed: Mapped[bytes | None]
    phone_sealed: Mapped[bytes | None]
    phone_last4: Mapped[str] = mapped_column(default="")
    # The identity card's or business licence's picture, taken where the customer was registered.
    identity_photo: Mapped[str] = mapped_column(default="")
    # By field: the record, and its time, that gave it; a field that the office wrote stands in none.
    completed: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    state: Mapped[str] = mapped_column(default="active")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class CustomerGasAlarm(Base):
    """可燃气体报警器: whether one is fitted and works, by the office or by the newest check at a delivery."""

    __tablename__ = "customer_gas_alarms"
    __table_args__ = (CheckConstraint("state IN ('fitted', 'missing')", name="state"),)

    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    state: Mapped[str]
    number: Mapped[str] = mapped_column(default="")
    checked_on: Mapped[date | None]
    at: Mapped[datetime]
    record_id: Mapped[str] = mapped_column(default="")


class PersonKey(Base):
    """A person's own key, wrapped by the master key of the data directory; erasing the person destroys it."""

    __tablename__ = "person_keys"

    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    wrapped: Mapped[bytes | None]
    destroyed_at: Mapped[datetime | None]


class CustomerPaper(Base):
    """Agreement, safety notice, fittings replaced, in-home check: done and reviewed apart (E5.8.3-6)."""

    __tablename__ = "customer_papers"
    __table_args__ = (
        CheckConstraint("kind IN ('agreement', 'safety_notice', 'fittings', 'in_home_check')", name="kind"),
        CheckConstraint("reviewed_at IS NULL OR done_on IS NOT NULL", name="reviewed_at"),
    )

    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    done_on: Mapped[date | None]
    done_by: Mapped[str] = mapped_column(default="")
    # The newest record of it, where a worker made one.
    record_id: Mapped[str] = mapped_column(default="")
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[str] = mapped_column(default="")


class PaperRecord(Base):
    """A paper as a worker brought it: its pictures, and the delivery (`task_id`) at which it was made (5.8.3-05)."""

    __tablename__ = "customer_paper_records"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    task_id: Mapped[str] = mapped_column(default="", index=True)
    staff_id: Mapped[str]
    at: Mapped[datetime]
    number: Mapped[str] = mapped_column(default="")
    valid_until: Mapped[date | None]
    photos: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)


class CardReading(Base):
    """What the office itself read on the identity card that a registration brought, beside what was taken down there.

    Both are sealed under the person's key. `waiting` until the card's picture has arrived and was read.
    """

    __tablename__ = "card_readings"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'read', 'unread')", name="state"),
        Index("card_readings_waiting", "photo_id", postgresql_where=text("state = 'waiting'")),
    )

    record_id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"), index=True)
    staff_id: Mapped[str]
    photo_id: Mapped[str]
    # How the driver's phone came by the number.
    entry: Mapped[str]
    taken_down_sealed: Mapped[bytes]
    state: Mapped[str] = mapped_column(server_default="waiting")
    trouble: Mapped[str] = mapped_column(server_default="")
    read_sealed: Mapped[bytes | None]
    # Fields on which card and registration do not agree.
    differs: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    recorded_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class PersonalPicture(Base):
    """A picture of or about a person, named by a record: it goes when he is erased, also where it arrives later."""

    __tablename__ = "personal_pictures"

    photo_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(index=True)
