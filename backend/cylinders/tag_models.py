"""Electronic tags: whose each is, what was bound and written, and the companies' keys."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class CylinderTag(Base):
    """An electronic tag and the one cylinder that it may ever be on (5.8.6-4b), folded from the bindings. One table for
    all companies: a tag bound at one is bound at every other. `uid` without colons; see `DeadTag`, too.
    """

    __tablename__ = "cylinder_tags"

    uid: Mapped[str] = mapped_column(primary_key=True)
    # Empty while no archive has the cylinder.
    cylinder_id: Mapped[str | None] = mapped_column(ForeignKey("cylinders.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    on_cylinder: Mapped[bool]
    since: Mapped[datetime]
    record_id: Mapped[str]


class TagBinding(Base):
    """A fact: this tag was put on this cylinder. Of the field (`record_id` is the record's) or of the archive."""

    __tablename__ = "tag_bindings"
    __table_args__ = (Index("ix_tag_bindings_code", "company_id", "code"),)

    record_id: Mapped[str] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(index=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    cylinder_id: Mapped[str | None] = mapped_column(ForeignKey("cylinders.id"), index=True)
    code: Mapped[str]
    kind: Mapped[str]
    replaces: Mapped[str]
    reason: Mapped[str]
    method: Mapped[str]
    at: Mapped[datetime]
    staff_id: Mapped[str]


class TagWriting(Base):
    """A fact: what was put on a tag, or that it was begun and given up."""

    __tablename__ = "tag_writings"
    __table_args__ = (
        CheckConstraint("outcome IN ('written', 'not_written')", name="outcome"),
        Index("ix_tag_writings_cylinder", "cylinder_id", "at"),
        Index("ix_tag_writings_code", "company_id", "code"),
    )

    record_id: Mapped[str] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(index=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    cylinder_id: Mapped[str | None] = mapped_column(ForeignKey("cylinders.id"))
    code: Mapped[str]
    at: Mapped[datetime]
    staff_id: Mapped[str]
    occasion: Mapped[str]
    outcome: Mapped[str]
    sequence: Mapped[int]
    next_inspection_on: Mapped[date | None]
    filled_on: Mapped[date | None]
    gross_kg: Mapped[float | None]
    delivered_on: Mapped[date | None]
    left_out: Mapped[list[str]]


class TagSecret(Base):
    """A company's key for its tags; phones that write or verify tags offline hold it too, so it lies here as it is."""

    __tablename__ = "tag_secrets"

    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    secret: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    retired_at: Mapped[datetime | None]
