"""The pipe network: pipes, facilities and the patrol areas they are walked in."""

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base, new_key
from sync.rules.pressure_levels import PRESSURE_LEVELS


class PatrolArea(Base):
    """巡线片区; `boundary` is drawn, or the hull of its pipes."""

    __tablename__ = "patrol_areas"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_key)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    name: Mapped[str]
    boundary: Mapped[Any | None] = mapped_column(Geometry("POLYGON", srid=CGCS2000))
    drawn: Mapped[bool] = mapped_column(default=False)


class Pipe(Base):
    """`length_m` is on the ellipsoid; `organisation_id` is the unit that looks after it."""

    __tablename__ = "pipes"
    __table_args__ = (
        UniqueConstraint("organisation_id", "code"),
        CheckConstraint(f"pressure_level IN {tuple(PRESSURE_LEVELS)}", name="pressure_level"),
        CheckConstraint("length_m > 0", name="length_m"),
        CheckConstraint("laid_year BETWEEN 1900 AND 2200", name="laid_year"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_key)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    code: Mapped[str]
    pressure_level: Mapped[str]
    material: Mapped[str]
    diameter: Mapped[str]
    laid_year: Mapped[int | None]
    length_m: Mapped[float]
    area_id: Mapped[str | None] = mapped_column(ForeignKey("patrol_areas.id"), index=True)
    line: Mapped[Any] = mapped_column(Geometry("LINESTRING", srid=CGCS2000))


class Facility(Base):
    """A valve, regulator box or other thing at a point of the network."""

    __tablename__ = "facilities"
    __table_args__ = (UniqueConstraint("organisation_id", "code"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_key)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    code: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    area_id: Mapped[str | None] = mapped_column(ForeignKey("patrol_areas.id"), index=True)
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000))


class NetworkVersion(Base):
    """Counts a unit's changes, so that what is computed from the network knows when it is stale."""

    __tablename__ = "network_versions"

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    version: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
