"""The cylinders' archive (E5.8.3-3) and where each has been (流转轨迹)."""

from datetime import date, datetime
from typing import Any, get_args

from geoalchemy2 import Geometry
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.cylinders.rules import HolderKind, MovementKind
from backend.db import CGCS2000, Base


def _words(kinds: Any) -> str:
    return ", ".join(f"'{kind}'" for kind in get_args(kinds))


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
        Index("ix_cylinders_holder", "holder_kind", "holder_id"),
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
    owned: Mapped[bool] = mapped_column(default=True)
    scrapped: Mapped[bool] = mapped_column(default=False)
    tag_torn: Mapped[bool] = mapped_column(default=False)
    # Where in the station it stands (库位).
    storage_position: Mapped[str] = mapped_column(default="")
    registered_at: Mapped[datetime]
    # The station where it was entered; `organisation_id` follows the office's changes, its whereabouts do not.
    registered_with: Mapped[str]
    holder_kind: Mapped[str] = mapped_column(default="station")
    holder_id: Mapped[str]
    holder_since: Mapped[datetime]
    last_record_id: Mapped[str] = mapped_column(default="")


class CylinderMovement(Base):
    """One cylinder in one record. `cylinder_id` is empty while no archive has that code: it is found later."""

    __tablename__ = "cylinder_movements"
    __table_args__ = (
        UniqueConstraint("record_id", "kind", "code"),
        CheckConstraint(f"kind IN ({_words(MovementKind)})", name="kind"),
        Index("ix_cylinder_movements_cylinder", "cylinder_id", "at", "record_id"),
        Index("ix_cylinder_movements_code", "company_id", "code"),
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
    point: Mapped[Any] = mapped_column(Geometry("POINT", srid=CGCS2000, spatial_index=False), nullable=True)
