"""Vehicles that carry bottled gas (E5.8.3-2), and where they drove (E5.8.3-8)."""

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import CGCS2000, Base


class Vehicle(Base):
    """`organisation_id` is the station or company that uses it (使用企业); its `owner` (所属企业) may be another."""

    __tablename__ = "vehicles"
    __table_args__ = (UniqueConstraint("company_id", "code"), UniqueConstraint("company_id", "plate"))

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    district: Mapped[str]
    owner: Mapped[str]
    code: Mapped[str]
    plate: Mapped[str]
    photo_id: Mapped[str] = mapped_column(default="")
    driver_id: Mapped[str] = mapped_column(default="", index=True)
    note: Mapped[str] = mapped_column(default="")
    retired: Mapped[bool] = mapped_column(default=False)
    registered_at: Mapped[datetime]


class VehicleTrack(Base):
    """A chunk of a round as the phone in the vehicle recorded it, by its plate: the vehicle may be entered later."""

    __tablename__ = "vehicle_tracks"
    __table_args__ = (
        Index("ix_vehicle_tracks_plate", "company_id", "plate", "started_at"),
        Index("ix_vehicle_tracks_staff", "staff_id", "started_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    plate: Mapped[str]
    staff_id: Mapped[str]
    round_id: Mapped[str] = mapped_column(index=True)
    chunk: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    # [seconds after started_at, lon, lat, accuracy_m, speed_mps, ppm], as the record has them.
    points: Mapped[list[Any]] = mapped_column(JSONB)
    last_point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000))
