"""The photo archive: a row for each picture or voice note; it lies itself in the object store under its SHA-256."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class Photo(Base):
    """`id` is `photo:<sha256>`, the id under which records name it."""

    __tablename__ = "photos"
    __table_args__ = (
        CheckConstraint("role IN ('marked', 'original', 'signature')", name="role"),
        Index("photos_record", "record_id"),
        Index("photos_organisation", "organisation_id", "recorded_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    company_id: Mapped[str]
    staff_id: Mapped[str]
    device_id: Mapped[str]
    record_id: Mapped[str]
    role: Mapped[str]
    source: Mapped[str]
    original_id: Mapped[str] = mapped_column(server_default="")
    check_code: Mapped[str] = mapped_column(server_default="")
    personal: Mapped[bool] = mapped_column(server_default=text("false"))
    length_bytes: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    recorded_at: Mapped[datetime]
    arrived_at: Mapped[datetime] = mapped_column(server_default=func.now())


class VoiceNote(Base):
    """`id` is `voice_note:<sha256>`, the id under which a record names it."""

    __tablename__ = "voice_notes"
    __table_args__ = (Index("voice_notes_record", "record_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str]
    company_id: Mapped[str]
    staff_id: Mapped[str]
    device_id: Mapped[str]
    record_id: Mapped[str]
    length_bytes: Mapped[int]
    duration_s: Mapped[float]
    recorded_at: Mapped[datetime]
    arrived_at: Mapped[datetime] = mapped_column(server_default=func.now())
