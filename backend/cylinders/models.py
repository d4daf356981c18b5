"""The cylinders' archive (E5.8.3-3) and where each has been (流转轨迹)."""

from datetime import date, datetime
from typing import Any, get_args

from geoalchemy2 import Geometry
from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.cylinders.rules import HolderKind, MovementKind
from backend.db import CGCS2000, Base


def _words(kinds: Any) -> str:
    return ", ".join(f"'{kind}'" for kind in get_args(kinds))


PUBLIC_TOKEN = text("left(replace(gen_random_uuid()::text, '-', ''), 12) || right(gen_random_uuid()::text, 12)")


class Cylinder(Base):
    """`holder_*` is folded from the movements; the rest is the archive. `organisation_id` is its station."""

    __tablename__ = "cylinders"
    __table_args__ = (
        UniqueConstraint("company_id", "code"),
        CheckConstraint(f"holder_kind IN ({_words(HolderKind)})", name="holder_kind"),
        CheckConstraint("service_ends_on IS NULL OR made_on IS NULL OR service_ends_on > made_on", name="service_ends"),
        Index(
            "uq_cylinders_company_id_tag_uid",
            "company_id",
            "tag_uid",
            unique=True,
            postgresql_where=text("tag_uid <> ''"),
        ),
        Index("ix_cylinders_next_inspection_on", "organisation_id", "next_inspection_on"),
        # With what lists are filtered by beside it, what is due is counted from the index alone.
        Index(
            "ix_cylinders_due",
            "organisation_id",
            "due_on",
            "id",
            postgresql_include=["holder_kind", "specification"],
            postgresql_where=text("NOT scrapped"),
        ),
        Index(
            "ix_cylinders_tag",
            text("upper(replace(tag_uid, ':', ''))"),
            postgresql_where=text("tag_uid <> ''"),
        ),
        # With the size beside it, a place's stock is counted from the index alone.
        Index("ix_cylinders_holder", "holder_kind", "holder_id", "specification"),
        Index("ix_cylinders_last_heard_at", "organisation_id", "last_heard_at"),
        Index("ix_cylinders_unfolded", "id", postgresql_where=text("last_heard_at IS NULL")),
        # A UID without colons, as `rules.plain_uid` writes it.
        Index("ix_cylinders_tag_uid", text("upper(replace(tag_uid, ':', ''))"), postgresql_where=text("tag_uid <> ''")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    # QR text and stamped number.
    code: Mapped[str]
    factory_number: Mapped[str] = mapped_column(default="")
    specification: Mapped[str]
    standard: Mapped[str] = mapped_column(default="")
    medium: Mapped[str] = mapped_column(default="LPG")
    tag_uid: Mapped[str] = mapped_column(default="")
    manufacturer: Mapped[str] = mapped_column(default="")
    made_on: Mapped[date | None]
    last_inspected_on: Mapped[date | None]
    next_inspection_on: Mapped[date | None]
    service_ends_on: Mapped[date | None]
    tare_kg: Mapped[float | None]
    water_capacity_l: Mapped[float | None]
    # The body that inspected it last (检验单位).
    inspected_by: Mapped[str] = mapped_column(default="")
    owned: Mapped[bool] = mapped_column(default=True)
    scrapped: Mapped[bool] = mapped_column(default=False)
    tag_torn: Mapped[bool] = mapped_column(default=False)
    # Its last inspection was not passed: it waits to be scrapped.
    inspection_failed: Mapped[bool] = mapped_column(default=False)
    # What comes first, its inspection or the end of its service: by then it is inspected or scrapped.
    due_on: Mapped[date | None] = mapped_column(Computed("least(next_inspection_on, service_ends_on)", persisted=True))
    # Those that were on it before: none is ever used again.
    former_tags: Mapped[list[str]] = mapped_column(default=list)
    # Names it on its public page: 96 random bits that PostgreSQL draws, so that no import has to.
    public_token: Mapped[str] = mapped_column(unique=True, server_default=PUBLIC_TOKEN)
    # Where in the station it stands (库位).
    storage_position: Mapped[str] = mapped_column(default="")
    registered_at: Mapped[datetime]
    # The station where it was entered; `organisation_id` follows the office's changes, its whereabouts do not.
    registered_with: Mapped[str]
    holder_kind: Mapped[str] = mapped_column(default="station")
    holder_id: Mapped[str]
    holder_since: Mapped[datetime]
    last_record_id: Mapped[str] = mapped_column(default="")
    # The newest record that names it, a refused scan too; empty until its movements were folded.
    last_heard_at: Mapped[datetime | None]


class CylinderMovement(Base):
    """One cylinder in one record. `cylinder_id` is empty while no archive has that code: it is found later."""

    __tablename__ = "cylinder_movements"
    __table_args__ = (
        UniqueConstraint("record_id", "kind", "code"),
        CheckConstraint(f"kind IN ({_words(MovementKind)})", name="kind"),
        Index("ix_cylinder_movements_cylinder", "cylinder_id", "at", "record_id"),
        # Only those that no archive has yet are looked up by their code.
        Index("ix_cylinder_movements_unknown", "company_id", "code", postgresql_where=text("cylinder_id IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    record_id: Mapped[str]
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    cylinder_id: Mapped[str | None] = mapped_column(ForeignKey("cylinders.id"))
    code: Mapped[str]
    kind: Mapped[str]
    at: Mapped[datetime]
    staff_id: Mapped[str]
    vehicle: Mapped[str] = mapped_column(default="")
    station_id: Mapped[str] = mapped_column(default="")
    customer_id: Mapped[str] = mapped_column(default="")
    task_id: Mapped[str] = mapped_column(default="")
    method: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")
    # Of 送检: who has it.
    inspection_body: Mapped[str] = mapped_column(default="")
    # The number on the cylinder itself where it was another, and its photo.
    stamped: Mapped[str] = mapped_column(default="")
    stamp_photo: Mapped[str] = mapped_column(default="")
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000, spatial_index=False), nullable=True)
    # A scrapping that an administrator undid: it stays in the chain and moves nothing.
    withdrawn_at: Mapped[datetime | None]


class Scrapping(Base):
    """报废: a cylinder taken out of use for good; `undone_*` where an administrator took that back."""

    __tablename__ = "cylinder_scrappings"
    __table_args__ = (
        Index(
            "uq_cylinder_scrappings_cylinder_id",
            "cylinder_id",
            unique=True,
            postgresql_where=text("undone_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    cylinder_id: Mapped[str] = mapped_column(ForeignKey("cylinders.id"))
    reason: Mapped[str]
    scrapped_on: Mapped[date]
    # The certificate or protocol that says so.
    document: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    staff_id: Mapped[str]
    at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str] = mapped_column(default="")
    undone_reason: Mapped[str] = mapped_column(default="")


class DeadTag(Base):
    """A tag that no cylinder of anybody ever carries again (5.8.6-4b, E5.8.6-3); `tag_uid` without colons."""

    __tablename__ = "dead_tags"
    __table_args__ = (CheckConstraint("reason IN ('scrapped', 'replaced', 'torn')", name="reason"),)

    tag_uid: Mapped[str] = mapped_column(primary_key=True)
    company_id: Mapped[str]
    cylinder_id: Mapped[str] = mapped_column(index=True)
    code: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


class CylinderImport(Base):
    """A file that was read into the archive, or tried: `rejected` holds each refused row with its reason."""

    __tablename__ = "cylinder_imports"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    at: Mapped[datetime]
    staff_id: Mapped[str]
    file_name: Mapped[str]
    sha256: Mapped[str]
    dry_run: Mapped[bool]
    heads: Mapped[list[str]]
    columns: Mapped[dict[str, Any]]
    read: Mapped[int]
    created: Mapped[int]
    changed: Mapped[int]
    unchanged: Mapped[int]
    rejected: Mapped[list[Any]] = mapped_column(JSONB)


class CylinderStay(Base):
    """Who held a cylinder one after another, folded from its movements; number 0 is where it was entered."""

    __tablename__ = "cylinder_stays"
    __table_args__ = (
        Index(
            "ix_cylinder_stays_arrived",
            "holder_kind",
            "holder_id",
            "since",
            postgresql_where=text("holder_kind IN ('station', 'vehicle')"),
        ),
        Index(
            "ix_cylinder_stays_left",
            "holder_kind",
            "holder_id",
            "until",
            postgresql_where=text("holder_kind IN ('station', 'vehicle') AND until IS NOT NULL"),
        ),
    )

    cylinder_id: Mapped[str] = mapped_column(ForeignKey("cylinders.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    holder_kind: Mapped[str]
    holder_id: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime | None]


class StockHolder(Base):
    """A station or a vehicle (by its driver) that ever held a cylinder; `balanced_to`: its last balanced day."""

    __tablename__ = "stock_holders"
    __table_args__ = (CheckConstraint("holder_kind IN ('station', 'vehicle')", name="holder_kind"),)

    holder_kind: Mapped[str] = mapped_column(primary_key=True)
    holder_id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(index=True)
    plate: Mapped[str] = mapped_column(default="")
    plate_at: Mapped[datetime | None]
    balanced_to: Mapped[date | None]


class StockBalance(Base):
    """One day of a station or vehicle in one size: opening + arrived - departed = closing."""

    __tablename__ = "stock_balances"
    __table_args__ = (
        CheckConstraint("opening + arrived - departed = closing", name="balanced"),
        Index("ix_stock_balances_day", "day", "holder_kind", "holder_id"),
    )

    holder_kind: Mapped[str] = mapped_column(primary_key=True)
    holder_id: Mapped[str] = mapped_column(primary_key=True)
    specification: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    opening: Mapped[int]
    arrived: Mapped[int]
    departed: Mapped[int]
    closing: Mapped[int]


class StockRecount(Base):
    """A day of the past that a late record has changed. Only ever added to, so that intake waits for nobody."""

    __tablename__ = "stock_recounts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    holder_kind: Mapped[str]
    holder_id: Mapped[str]
    day: Mapped[date]


class InspectionReminded(Base):
    """That a cylinder was reminded of, once for each due date and stage: `overdue`, or the days ahead."""

    __tablename__ = "inspection_reminded"

    cylinder_id: Mapped[str] = mapped_column(ForeignKey("cylinders.id", ondelete="CASCADE"), primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)


class InspectionReminder(Base):
    """What a station was told on one day; it stands among the office's things to do until somebody has seen it."""

    __tablename__ = "inspection_reminders"
    __table_args__ = (
        Index("ix_inspection_reminders_unseen", "organisation_id", postgresql_where=text("seen_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    day: Mapped[date]
    stage: Mapped[str]
    count: Mapped[int]
    at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    seen_by: Mapped[str] = mapped_column(default="")
