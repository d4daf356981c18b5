"""Organisations, the people in them, what they may do, and the devices and tokens they do it with."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, new_key

ORGANISATION_KINDS = ("province", "city", "county", "company", "unit")


class Organisation(Base):
    """`path` is `/<id of province>/…/<own id>/`: a subtree is one prefix."""

    __tablename__ = "organisations"
    __table_args__ = (
        CheckConstraint(f"kind IN {ORGANISATION_KINDS}", name="kind"),
        Index("ix_organisations_path_prefix", "path", unique=True, postgresql_ops={"path": "text_pattern_ops"}),
        Index("uq_organisations_parent_name", "parent_id", "name", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_key)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("organisations.id"))
    kind: Mapped[str]
    name: Mapped[str]
    path: Mapped[str]


class Staff(Base):
    """A person with a staff number; `company_id` is the company (or office) above his `organisation_id`."""

    __tablename__ = "staff"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_key)
    staff_number: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    company_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    password_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    membership_version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RoleGrant(Base):
    """A role held on an organisation's subtree."""

    __tablename__ = "role_grants"

    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)


class StaffUnit(Base):
    """Units whose reference data this person's phones may hold."""

    __tablename__ = "staff_units"

    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True, index=True)


class FormerUnit(Base):
    """A unit that this person has left: what he recorded for it before his phone learned of that still counts."""

    __tablename__ = "former_units"

    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    left_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Device(Base):
    """A phone belongs to one person: its role in the hub opens that person's databases."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), index=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    name: Mapped[str]
    platform: Mapped[str]
    app_version: Mapped[str]
    registered_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    waiting: Mapped[int | None]
    refused: Mapped[int | None]
    # When the oldest of those that wait was recorded, by the server's clock.
    oldest_waiting_at: Mapped[datetime | None]
    storage_free_bytes: Mapped[float | None]
    battery_percent: Mapped[float | None]
    clock_offset_s: Mapped[float | None]
    # Hub databases of which it holds records that are not accepted yet, as it said at its last contact.
    unsettled: Mapped[list[str] | None]


class RefreshToken(Base):
    """Used once: each use gives a successor in the same chain."""

    __tablename__ = "refresh_tokens"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_key)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    chain_id: Mapped[str] = mapped_column(index=True)
    parent_id: Mapped[str | None] = mapped_column(index=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), index=True)
    device_id: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ConsoleSession(Base):
    __tablename__ = "console_sessions"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    staff_id: Mapped[str] = mapped_column(ForeignKey("staff.id"), index=True)
    csrf_token: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInFailure(Base):
    """Counts for any number that is tried, known or not: an attacker learns nothing from it."""

    __tablename__ = "sign_in_failures"

    staff_number: Mapped[str] = mapped_column(primary_key=True)
    attempts: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)


class ApiClient(Base):
    """A regulator's program: what it may read, and of which subtree."""

    __tablename__ = "api_clients"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_key)
    name: Mapped[str]
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"), index=True)
    secret_hash: Mapped[str]
    datasets: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime | None]
