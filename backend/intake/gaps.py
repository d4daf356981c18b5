"""Which record numbers of a phone never came: each counts without a gap for each device and kind of database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend import audit, events
from backend.accounts.models import Device, Staff
from backend.intake.models import IntakeEntry, RecordNumbers
from backend.scope import Caller, scoped
from sync.databases import DatabaseName

_log = structlog.get_logger(__name__)


class Gap(msgspec.Struct, frozen=True):
    """Numbers `first` to `last` are missing; `kind` is `user` or `media`."""

    kind: str
    first: int
    last: int


async def missing_numbers(session: AsyncSession, device_id: str) -> Sequence[Gap]:
    """Gaps below the highest number met; one may close by itself while the phone is still sending."""
    numbers = (
        select(
            IntakeEntry.kind,
            IntakeEntry.record_number.label("number"),
            func.lag(IntakeEntry.record_number, 1, 0)
            .over(partition_by=IntakeEntry.kind, order_by=IntakeEntry.record_number)
            .label("before"),
        )
        .where(IntakeEntry.device_id == device_id, IntakeEntry.record_number.is_not(None))
        .subquery()
    )
    found = await session.execute(
        select(numbers.c.kind, numbers.c.before + 1, numbers.c.number - 1)
        .where(numbers.c.number > numbers.c.before + 1)
        .order_by(numbers.c.kind, numbers.c.number)
    )
    return [Gap(kind, first, last) for kind, first, last in found]


class MissingOut(msgspec.Struct, frozen=True, kw_only=True):
    """A device of whose records some numbers never came (`since` is when that was noticed), or came twice: it was put
    back to a backup.
    """

    device_id: str
    device_name: str
    staff_id: str
    staff_name: str
    kind: str
    missing: int
    twice: int
    since: datetime | None
    last_seen_at: datetime | None
    waiting: int | None


async def list_missing(session: AsyncSession, caller: Caller) -> Sequence[MissingOut]:
    """Devices with gaps, the oldest gap first; `missing_numbers` names the numbers of one."""
    query = (
        select(
            RecordNumbers.device_id,
            Device.name.label("device_name"),
            Device.staff_id,
            Staff.name.label("staff_name"),
            RecordNumbers.kind,
            RecordNumbers.missing,
            RecordNumbers.twice,
            RecordNumbers.missing_since.label("since"),
            Device.last_seen_at,
            Device.waiting,
        )
        .join(Device, Device.id == RecordNumbers.device_id)
        .join(Staff, Staff.id == Device.staff_id)
        .where(or_(RecordNumbers.missing > 0, RecordNumbers.twice > 0))
    )
    oldest = RecordNumbers.missing_since.asc().nulls_last()
    shown = scoped(query, Device.organisation_id, caller).order_by(oldest, RecordNumbers.device_id)
    return [MissingOut(**row) for row in (await session.execute(shown)).mappings()]


async def count_devices(session: AsyncSession) -> int:
    query = select(func.count(RecordNumbers.device_id.distinct())).where(RecordNumbers.missing > 0)
    return await session.scalar(query) or 0


async def count_numbers(session: AsyncSession, database: DatabaseName) -> None:
    """Counts anew how far the numbers have come of every device of the person whose database this is."""
    if database.kind == "unit":
        return
    devices = await session.execute(
        select(Device.id, Device.organisation_id).where(Device.staff_id == database.owner).order_by(Device.id)
    )
    for device_id, organisation_id in devices.all():
        before = await session.get(RecordNumbers, (device_id, database.kind), with_for_update=True)
        now = await _count(session, database, device_id, before)
        known_since = before.missing_since if before and before.missing else None
        since = (known_since or datetime.now(UTC)) if now.missing else None
        if before is None and not now.highest:
            continue
        row = insert(RecordNumbers).values(
            device_id=device_id, kind=database.kind, missing_since=since, **msgspec.structs.asdict(now)
        )
        new = {name: row.excluded[name] for name in (*now.__struct_fields__, "missing_since")}
        await session.execute(row.on_conflict_do_update(index_elements=["device_id", "kind"], set_=new))
        subject = (device_id, organisation_id)
        if now.missing and known_since is None:
            facts = {"of": database.kind, "missing": now.missing, "after": now.whole_up_to}
            await _report(session, "records.missing", subject, facts)
        if now.twice > (before.twice if before else 0):
            await _report(session, "records.number_twice", subject, {"of": database.kind, "twice": now.twice})


class _Counted(msgspec.Struct, frozen=True):
    whole_up_to: int
    highest: int
    missing: int
    twice: int


async def _count(
    session: AsyncSession, database: DatabaseName, device_id: str, before: RecordNumbers | None
) -> _Counted:
    """Only what stands in the owner's own databases counts: anybody may write any device's id and number into his."""
    whole = whole_up_to = before.whole_up_to if before else 0
    own = (
        IntakeEntry.device_id == device_id,
        IntakeEntry.kind == database.kind,
        IntakeEntry.database.startswith(f"{database.kind}_{database.owner}_", autoescape=True),
    )
    found = await session.scalars(
        select(IntakeEntry.record_number)
        .where(*own, IntakeEntry.record_number > whole_up_to)
        .distinct()
        .order_by(IntakeEntry.record_number)
    )
    numbers = [number for number in found if number is not None]
    for number in numbers:
        if number != whole + 1:
            break
        whole = number
    highest = numbers[-1] if numbers else whole_up_to
    here = await _count_twice(session, database, device_id)
    return _Counted(whole, highest, highest - whole_up_to - len(numbers), max(here, before.twice if before else 0))


async def _count_twice(session: AsyncSession, database: DatabaseName, device_id: str) -> int:
    """Numbers of records in this database that another record of the device carries, in whichever quarter."""
    other = aliased(IntakeEntry)
    taken = (IntakeEntry.outcome != "quarantined", other.outcome != "quarantined")
    query = (
        select(func.count(IntakeEntry.record_number.distinct()))
        .join(
            other,
            (other.device_id == IntakeEntry.device_id)
            & (other.kind == IntakeEntry.kind)
            & (other.record_number == IntakeEntry.record_number)
            & (other.doc_id != IntakeEntry.doc_id)
            & other.database.startswith(f"{database.kind}_{database.owner}_", autoescape=True),
        )
        .where(IntakeEntry.database == str(database), IntakeEntry.device_id == device_id, *taken)
    )
    return await session.scalar(query) or 0


async def _report(session: AsyncSession, what: str, subject: tuple[str, str], facts: dict[str, Any]) -> None:
    device_id, organisation_id = subject
    _log.warning(what, device_id=device_id, **facts)
    await audit.record(session, None, what, "device", device_id, facts, organisation_id=organisation_id)
    await events.announce(session, what, device_id, organisation_id, **facts)
