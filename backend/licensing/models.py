"""Applications for licences and certificates (E5.8.4-4): what was asked, with which papers, and what became of it."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class LicenceApplication(Base):
    """`organisation_id` is where the holder belongs; who holds the right to review above it decides."""

    __tablename__ = "licence_applications"
    __table_args__ = (
        UniqueConstraint("company_id", "number"),
        CheckConstraint("holder_kind IN ('company', 'staff', 'station')", name="holder_kind"),
        CheckConstraint(
            "state IN ('draft', 'submitted', 'under_review', 'returned', 'approved', 'refused', 'withdrawn')",
            name="state",
        ),
        CheckConstraint("(state = 'approved') = (certificate_id IS NOT NULL)", name="certificate_id"),
        CheckConstraint("purpose IN ('new', 'renewal', 'change')", name="purpose"),
        Index("ix_licence_applications_state", "organisation_id", "state", "due_on"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    number: Mapped[str]
    holder_kind: Mapped[str]
    holder_id: Mapped[str]
    kind: Mapped[str]
    purpose: Mapped[str]
    statement: Mapped[str] = mapped_column(default="")
    contact: Mapped[str] = mapped_column(default="")
    contact_phone: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="draft")
    submitted_at: Mapped[datetime | None]
    # By when the authority must have answered the state it is in; empty where it is the applicant's turn.
    due_on: Mapped[date | None]
    reason: Mapped[str] = mapped_column(default="")
    decided_at: Mapped[datetime | None]
    certificate_id: Mapped[str | None] = mapped_column(ForeignKey("certificates.id"))
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class LicenceAttachment(Base):
    """`file_id` names its content in the object store by SHA-256."""

    __tablename__ = "licence_attachments"
    __table_args__ = (UniqueConstraint("application_id", "file_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("licence_applications.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    role: Mapped[str]
    name: Mapped[str]
    media_type: Mapped[str]
    length_bytes: Mapped[int]
    file_id: Mapped[str]
    added_by: Mapped[str]
    added_at: Mapped[datetime]


class LicenceStep(Base):
    """Who did what with an application, and why: never changed."""

    __tablename__ = "licence_steps"
    __table_args__ = (Index("ix_licence_steps_application", "application_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("licence_applications.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    action: Mapped[str]
    state: Mapped[str]
    staff_id: Mapped[str]
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(default="")
