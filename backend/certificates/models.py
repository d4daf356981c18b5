"""What staff, companies, stations, vehicles and handhelds must hold: licences and certificates with their last day."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class Certificate(Base):
    """A renewal is a further row; `withdrawn_at` is set where the authority took it back before its last day."""

    __tablename__ = "certificates"
    __table_args__ = (
        # One certificate covers every handheld of its model.
        Index(
            "uq_certificates_number",
            "company_id",
            "kind",
            "number",
            unique=True,
            postgresql_where=text("holder_kind <> 'device'"),
        ),
        UniqueConstraint("company_id", "kind", "number", "holder_id"),
        CheckConstraint("holder_kind IN ('staff', 'company', 'station', 'vehicle', 'device')", name="holder_kind"),
        CheckConstraint("issued_on IS NULL OR issued_on <= expires_on", name="expires_on"),
        Index("ix_certificates_holder", "holder_kind", "holder_id", "kind"),
        Index("ix_certificates_expires_on", "organisation_id", "expires_on"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    # Where the holder belongs; the company itself where that is the holder.
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    holder_kind: Mapped[str]
    holder_id: Mapped[str]
    kind: Mapped[str]
    number: Mapped[str]
    covers: Mapped[str] = mapped_column(default="")
    issued_by: Mapped[str] = mapped_column(default="")
    issued_on: Mapped[date | None]
    expires_on: Mapped[date]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
