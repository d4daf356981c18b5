"""Alarms of stations (场站报警) and the readings behind them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class StationAlarm(Base):
    """Folded from the facts of the station's PC; only `acknowledged_*` and `action` are the office's.

    `station_code` is the ledger's code of the station, which may be entered later.
    """

    __tablename__ = "station_alarms"
    __table_args__ = (
        CheckConstraint("reason IN ('high', 'over', 'lost', 'garbled', 'not_started')", name="reason"),
        CheckConstraint("(acknowledged_at IS NULL) = (action = '')", name="acknowledged"),
        Index("ix_station_alarms_raised_at", "organisation_id", "raised_at"),
    )

    # The record that raised it.
    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    station_code: Mapped[str]
    sensor: Mapped[str]
    sensor_name: Mapped[str]
    kind: Mapped[str]
    reason: Mapped[str]
    serious: Mapped[bool]
    value: Mapped[float | None]
    limit_value: Mapped[float | None]
    unit: Mapped[str] = mapped_column(default="")
    raised_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    cleared_value: Mapped[float | None]
    # When the fire water was started for it, and whether the pump was seen running.
    fire_water_at: Mapped[datetime | None]
    fire_water_runs: Mapped[bool | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str] = mapped_column(default="")
    action: Mapped[str] = mapped_column(default="")


class StationReading(Base):
    """A minute of a station's sensors."""

    __tablename__ = "station_readings"
    __table_args__ = (Index("ix_station_readings_at", "organisation_id", "station_code", "at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    station_code: Mapped[str]
    at: Mapped[datetime]
    # `sync.documents.alarms.SensorReading`
    sensors: Mapped[list[Any]] = mapped_column(JSONB)
    pump_runs: Mapped[bool | None]


class StationState(Base):
    """The newest reading of each station, so that nobody searches the minutes of years for it."""

    __tablename__ = "station_states"

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    station_code: Mapped[str] = mapped_column(primary_key=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    reading_id: Mapped[str]
    at: Mapped[datetime]
    sensors: Mapped[list[Any]] = mapped_column(JSONB)
    pump_runs: Mapped[bool | None]
