"""Storage and distribution stations (储配站), supply stations (供应站) and supply points (供应点)."""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base


class Station(Base):
    """`organisation_id` is the unit that runs it. What has gone out of use is closed, its history stays."""

    __tablename__ = "stations"
    __table_args__ = (
        UniqueConstraint("company_id", "code"),
        CheckConstraint("kind IN ('storage', 'supply', 'point')", name="kind"),
        CheckConstraint("state IN ('open', 'closed')", name="state"),
        CheckConstraint("capacity_t IS NULL OR capacity_t >= 0", name="capacity_t"),
        Index("ix_stations_organisation_id_kind", "organisation_id", "kind"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000), nullable=True)
    # Liquefied gas that it may hold, in tanks and cylinders.
    capacity_t: Mapped[float | None]
    manager: Mapped[str] = mapped_column(default="")
    manager_phone: Mapped[str] = mapped_column(default="")
    opened_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(default="open")
    registered_at: Mapped[datetime]
    changed_at: Mapped[datetime]
