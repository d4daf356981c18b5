"""Phones and their sync as the office sees them: last heard of, what they hold, how long a record was on its way."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Integer, ScalarSelect, Select, and_, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Device, Organisation, Staff
from backend.errors import MissingError
from backend.intake.models import Fact, IntakeEntry, RecordNumbers
from backend.pages import Page
from backend.scope import Caller, scoped

# A phone that has not been heard of for so long counts as offline.
OFFLINE_AFTER = timedelta(minutes=30)

Order = Literal["seen", "silent", "waiting", "lag", "person"]
Use = Literal["in_use", "revoked", "all"]


class PhoneFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`silent_h`: not heard of for so many hours. What is left out does not matter."""

    search: str = ""
    unit_id: str = ""
    silent_h: float | None = None
    waiting: bool = False
    refused: bool = False
    missing: bool = False
    outdated: bool = False
    use: Use = "in_use"
    order: Order = "seen"


class PhoneOut(msgspec.Struct, frozen=True, kw_only=True):
    """`way_s`: from recording its latest record to taking it, network or none; `missing`: how many numbers had not
    come when they were last counted.
    """

    id: str
    staff_id: str
    staff_number: str
    staff_name: str
    organisation_name: str
    name: str
    platform: str
    app_version: str
    registered_at: datetime
    revoked_at: datetime | None
    last_seen_at: datetime | None
    waiting: int | None
    refused: int | None
    oldest_waiting_at: datetime | None
    storage_free_bytes: float | None
    battery_percent: float | None
    clock_offset_s: float | None
    last_recorded_at: datetime | None
    last_received_at: datetime | None
    missing: int

    @property
    def way_s(self) -> float | None:
        if self.last_recorded_at is None or self.last_received_at is None:
            return None
        return max(0.0, (self.last_received_at - self.last_recorded_at).total_seconds())


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """All phones in use together. `outdated`: versions older than the newest one that is in use."""

    in_use: int
    offline: int
    waiting: int
    refused: int
    oldest_waiting_at: datetime | None
    newest_version: str
    outdated: frozenset[str]


async def count_phones(session: AsyncSession, caller: Caller) -> Fleet:
    silent = or_(Device.last_seen_at.is_(None), Device.last_seen_at < datetime.now(UTC) - OFFLINE_AFTER)
    own = scoped(select(Device).where(Device.revoked_at.is_(None)), Device.organisation_id, caller)
    counted = own.with_only_columns(
        func.count(),
        func.count().filter(silent),
        func.sum(Device.waiting),
        func.sum(Device.refused),
        func.min(Device.oldest_waiting_at),
    )
    in_use, offline, waiting, refused, oldest = (await session.execute(counted)).one()
    versions = [v for v in await session.scalars(own.with_only_columns(Device.app_version).distinct()) if v]
    newest = max(versions, default="", key=_version)
    return Fleet(
        in_use=in_use,
        offline=offline,
        waiting=waiting or 0,
        refused=refused or 0,
        oldest_waiting_at=oldest,
        newest_version=newest,
        outdated=frozenset(v for v in versions if _version(v) < _version(newest)),
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


async def list_phones(
    session: AsyncSession, caller: Caller, wanted: PhoneFilter, fleet: Fleet, *, limit: int = 50, offset: int = 0
) -> Page[PhoneOut]:
    """`fleet` says which versions are outdated."""
    found = _filtered(scoped(select(Device.id).join(Staff), Device.organisation_id, caller), wanted, fleet)
    total = await session.scalar(select(func.count()).select_from(found.subquery()))
    shown = _ordered(_shown().where(Device.id.in_(found)), wanted.order).limit(limit).offset(offset)
    rows = (await session.execute(shown)).mappings()
    return Page([PhoneOut(**row) for row in rows], total or 0)


async def find_phone(session: AsyncSession, caller: Caller, device_id: str) -> PhoneOut:
    """Raises `MissingError` also for another organisation's phone."""
    one = scoped(_shown().where(Device.id == device_id), Device.organisation_id, caller)
    row = (await session.execute(one)).mappings().first()
    if row is None:
        raise MissingError("device.unknown", "没有这台设备。", "There is no such device.")
    return PhoneOut(**row)


def _shown() -> Select[Any]:
    """The latest record is found by its number, along an index, and not among all that the phone ever sent."""
    latest = (
        select(Fact.recorded_at.label("last_recorded_at"), Fact.received_at.label("last_received_at"))
        .join(IntakeEntry, and_(IntakeEntry.doc_id == Fact.id, IntakeEntry.rev == Fact.rev))
        .where(
            IntakeEntry.device_id == Device.id,
            IntakeEntry.kind == "user",
            IntakeEntry.outcome == "accepted",
            Fact.device_id == Device.id,
        )
        .order_by(IntakeEntry.record_number.desc())
        .limit(1)
        .lateral("latest")
    )
    elsewhere = {"missing", "staff_number", "staff_name", "organisation_name", "last_recorded_at", "last_received_at"}
    own = [getattr(Device, name) for name in PhoneOut.__struct_fields__ if name not in elsewhere]
    named = (Staff.staff_number, Staff.name.label("staff_name"), Organisation.name.label("organisation_name"))
    return (
        select(*own, *named, latest.c.last_recorded_at, latest.c.last_received_at, _missing().label("missing"))
        .select_from(Device)
        .join(Staff, Staff.id == Device.staff_id)
        .join(Organisation, Organisation.id == Device.organisation_id)
        .outerjoin(latest, true())
    )


def _missing() -> ScalarSelect[int]:
    counted = select(func.coalesce(func.sum(RecordNumbers.missing), 0).cast(Integer))
    return counted.where(RecordNumbers.device_id == Device.id).scalar_subquery()


def _filtered(statement: Select[Any], wanted: PhoneFilter, fleet: Fleet) -> Select[Any]:
    if wanted.search:
        words = (Staff.name, Staff.staff_number, Device.name, Device.id)
        statement = statement.where(or_(*(each.icontains(wanted.search, autoescape=True) for each in words)))
    if wanted.unit_id:
        statement = statement.where(Device.organisation_id == wanted.unit_id)
    if wanted.silent_h is not None:
        since = datetime.now(UTC) - timedelta(hours=wanted.silent_h)
        statement = statement.where(or_(Device.last_seen_at.is_(None), Device.last_seen_at < since))
    if wanted.waiting:
        statement = statement.where(Device.waiting > 0)
    if wanted.refused:
        statement = statement.where(Device.refused > 0)
    if wanted.missing:
        statement = statement.where(_missing() > 0)
    if wanted.outdated:
        statement = statement.where(Device.app_version.in_(fleet.outdated))
    if wanted.use != "all":
        gone = Device.revoked_at.is_not(None)
        statement = statement.where(gone if wanted.use == "revoked" else ~gone)
    return statement


def _ordered(statement: Select[Any], order: Order) -> Select[Any]:
    on_its_way = func.now() - Device.oldest_waiting_at
    columns = statement.selected_columns
    way = columns.last_received_at - columns.last_recorded_at
    by: dict[str, ColumnElement[Any]] = {
        "seen": Device.last_seen_at.desc().nulls_last(),
        "silent": Device.last_seen_at.asc().nulls_first(),
        "waiting": Device.waiting.desc().nulls_last(),
        "lag": func.coalesce(on_its_way, way).desc().nulls_last(),
        "person": Staff.name.asc(),
    }
    return statement.order_by(by[order], Device.id)
