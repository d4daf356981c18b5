"""Scans by people who are not the company's: the public, and market inspectors."""

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base


class PublicScanCount(Base):
    """How often the public page was asked in one minute, by address (hashed) or by all; forgotten after an hour."""

    __tablename__ = "public_scan_counts"

    asker: Mapped[str] = mapped_column(primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    count: Mapped[int]


class MarketScan(Base):
    """A fact: a market inspector has looked at a cylinder here (E5.8.4-6). `organisation_id` is his county's."""

    __tablename__ = "market_scans"
    __table_args__ = (
        CheckConstraint("verdict IN ('good', 'black')", name="verdict"),
        Index("ix_market_scans_at", "organisation_id", "at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    staff_id: Mapped[str]
    at: Mapped[datetime]
    # What was read or typed, and the cylinder that it led to.
    read: Mapped[str]
    tag_uid: Mapped[str]
    stamped: Mapped[str]
    cylinder_id: Mapped[str | None] = mapped_column(index=True)
    code: Mapped[str]
    company_name: Mapped[str]
    verdict: Mapped[str]
    reasons: Mapped[list[str]]
    note: Mapped[str]
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000, spatial_index=False), nullable=True)
    accuracy_m: Mapped[float | None]
