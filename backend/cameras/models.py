"""Cameras of key areas (重点部位) at stations and on vehicles, and what each day's check of their recorders found."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class Camera(Base):
    """`place_id` is a station or a vehicle; what is known of that place is kept beside it as it stands there."""

    __tablename__ = "cameras"
    __table_args__ = (
        UniqueConstraint("place_id", "name"),
        CheckConstraint("kind IN ('storage', 'supply', 'point', 'vehicle')", name="kind"),
        CheckConstraint("width_px >= 0 AND height_px >= 0", name="size"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    place_id: Mapped[str]
    kind: Mapped[str]
    place_name: Mapped[str]
    place_open: Mapped[bool] = mapped_column(default=True)
    name: Mapped[str]
    area: Mapped[str] = mapped_column(default="")
    # As the office entered it; the picture's own is below.
    width_px: Mapped[int] = mapped_column(default=0)
    height_px: Mapped[int] = mapped_column(default=0)
    picture_address: Mapped[str] = mapped_column(default="")
    stream_address: Mapped[str] = mapped_column(default="")
    recorder_address: Mapped[str] = mapped_column(default="")
    # The recorder's own name (token) of this camera's recording; empty where it has only one.
    recording: Mapped[str] = mapped_column(default="")
    # User and password, sealed; empty without.
    credentials: Mapped[bytes] = mapped_column(default=b"")
    installed_on: Mapped[date]
    registered_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    # The live picture: when it was last seen, in which size, and since when it fails and why.
    seen_at: Mapped[datetime | None]
    seen_width_px: Mapped[int] = mapped_column(default=0)
    seen_height_px: Mapped[int] = mapped_column(default=0)
    silent_since: Mapped[datetime | None]
    silent_reason: Mapped[str] = mapped_column(default="")

    # What its recorder's newest check found (`rules.STATES`); empty before the first.
    verdict: Mapped[str] = mapped_column(default="")
    kept_days: Mapped[int | None]
    required_days: Mapped[int | None]
    checked_at: Mapped[datetime | None]
    recorder_silent_since: Mapped[datetime | None]


class CameraCheck(Base):
    """One a day; a recorder that did not answer is asked again within the day."""

    __tablename__ = "camera_checks"
    __table_args__ = (Index("ix_camera_checks_organisation_id", "organisation_id"),)

    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    checked_at: Mapped[datetime]
    state: Mapped[str]
    kept_days: Mapped[int | None]
    required_days: Mapped[int]
    earliest: Mapped[datetime | None]
    latest: Mapped[datetime | None]
    # [since, until] of each; null where the recorder does not tell.
    gaps: Mapped[list[Any] | None] = mapped_column(JSONB)
    # How far the recorder's clock is ahead of ours.
    clock_ahead_s: Mapped[float | None]
    # Recordings to choose from, where it is not clear which is this camera's.
    recordings: Mapped[list[Any]] = mapped_column(JSONB, default=list)
