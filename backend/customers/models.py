"""The customers' ledger (E5.8.3-4). Identity number and telephone are sealed under a key of the person's own."""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
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
    state: Mapped[str] = mapped_column(default="active")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


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
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[str] = mapped_column(default="")
