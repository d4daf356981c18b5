"""The end of a quarter: its databases are verified, archived and dropped whole, by the rule and never before.

A person's databases of a quarter (`user_`, `media_`) are dropped together, when
- the quarter is over and nothing has come into them for thirty days, and for longer than the oldest backup of PostGIS
  that may be restored (`backup_days`): a restored PostGIS must find in the hub what it does not know;
- none of his phones that is not revoked may still hold something for them: each has been in contact since the quarter
  ended, said that it holds nothing unsettled of it, and no record number of it is missing;
- the manifest agrees, an archive was written and read back, and nothing has come since.

A phone that asks for a dropped quarter all the same (a revoked one that was found) has it opened again, empty: what it
sends is compared with the log, so that only what is new is taken.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.accounts.models import Device, Staff
from backend.db import Database
from backend.errors import MissingError
from backend.intake import gaps, service
from backend.intake.archives import Archived, ArchiveError, Archives
from backend.intake.dropped import provision_again
from backend.intake.hub import HubClient, HubError
from backend.intake.hub_admin import drop_database
from backend.intake.manifest import Finding, compare
from backend.intake.models import HubDatabase, HubManifest, IntakeEntry, OutboxDocument, RecordNumbers
from backend.intake.outbox import NOBODY, hold_database
from backend.photos.service import PhotoStore
from backend.settings import Settings
from sync.databases import BEIJING, DatabaseName, parse_database, quarter_of
from sync.documents.receipts import QuarterClosed

LEAST_AGE = timedelta(days=30)
_LOCK = 7_345_103

_log = structlog.get_logger(__name__)


class Quarter(msgspec.Struct, frozen=True):
    """The databases of one person and quarter that the hub still has."""

    staff_id: str
    quarter: str
    names: tuple[str, ...]


class PhoneState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a phone's own records: `unsettled` names databases, or is None for an app that does not tell.

    `whole`: every number up to the highest that came into these databases is in.
    """

    last_seen_at: datetime | None
    waiting: int | None
    unsettled: Sequence[str] | None
    whole: bool


class _HeldUpError(Exception):
    """Something speaks against dropping this quarter now."""


def end_of(quarter: str) -> datetime:
    """The first moment after it: 20264 -> 2027-01-01 00:00 in Beijing."""
    year, number = int(quarter[:4]), int(quarter[4])
    return datetime(year + number // 4, number % 4 * 3 + 1, 1, tzinfo=BEIJING)


def is_old(quarter: str, last_change_at: datetime | None, now: datetime, backup_days: int) -> bool:
    since = max(end_of(quarter), last_change_at or end_of(quarter))
    return now - since > max(LEAST_AGE, timedelta(days=backup_days))


def may_still_hold(phone: PhoneState, quarter: Quarter) -> bool:
    """Whether this phone may have a record of the quarter that PostGIS has not; in doubt it may."""
    if not phone.whole or phone.last_seen_at is None or phone.last_seen_at < end_of(quarter.quarter):
        return True
    if phone.unsettled is None:
        return phone.waiting != 0
    return not set(quarter.names).isdisjoint(phone.unsettled)


async def close_old(settings: Settings, database: Database, hub: HubClient, *, now: datetime) -> list[Quarter]:
    """Closes each quarter that the rule allows; one worker at a time does it."""
    photos = PhotoStore.of(settings)
    archives = Archives(settings.data_dir / "archives", photos)
    closed = []
    async with database.alone(_LOCK) as alone:
        if not alone:
            return []
        await _drop_left_over(database, hub)
        for quarter in await _old_quarters(database, now, settings.backup_days):
            try:
                await _close(database, hub, photos, archives, quarter)
            except _HeldUpError as reason:
                _log.info("quarter.held_up", staff_id=quarter.staff_id, quarter=quarter.quarter, reason=str(reason))
            except (ArchiveError, HubError, OSError) as error:
                _log.warning(
                    "quarter.not_closed", staff_id=quarter.staff_id, quarter=quarter.quarter, reason=str(error)
                )
            else:
                closed.append(quarter)
    return closed


async def _old_quarters(database: Database, now: datetime, backup_days: int) -> list[Quarter]:
    async with database.sessions() as session:
        rows = await session.execute(
            select(
                HubDatabase.owner_id,
                HubDatabase.quarter,
                func.array_agg(HubDatabase.name),
                func.max(HubDatabase.read_at),
            )
            .where(HubDatabase.kind != "unit", HubDatabase.dropped_at.is_(None), HubDatabase.quarter < quarter_of(now))
            .group_by(HubDatabase.owner_id, HubDatabase.quarter)
            .order_by(HubDatabase.quarter, HubDatabase.owner_id)
        )
        return [
            Quarter(owner_id, quarter, tuple(sorted(names)))
            for owner_id, quarter, names, last_change_at in rows
            if is_old(quarter, last_change_at, now, backup_days)
        ]


async def _close(database: Database, hub: HubClient, photos: PhotoStore, archives: Archives, quarter: Quarter) -> None:
    async with database.sessions() as session, session.begin():
        for name in quarter.names:
            await gaps.count_numbers(session, _parsed(name))
        await _require_no_phone_holds(session, quarter)
    findings = {name: await compare(database, hub, photos, name) for name in quarter.names}
    if differing := [name for name, finding in findings.items() if not finding.verified]:
        raise _HeldUpError(f"hub and PostGIS differ in {', '.join(differing)}")
    kept = {name: await _archived(database, hub, archives, finding) for name, finding in findings.items()}
    try:
        await _shut(hub, findings)
        async with database.sessions() as session, session.begin():
            await _require_no_phone_holds(session, quarter)
            await _let_go(session, quarter, kept)
    except BaseException:
        # The door is opened again by the outbox.
        async with database.sessions() as session, session.begin():
            await provision_again(session, quarter.names)
        raise
    for name in quarter.names:
        await drop_database(hub, name)


def _parsed(name: str) -> DatabaseName:
    found = parse_database(name)
    assert found is not None, f"{name} is no name of a hub database"
    return found


async def _require_no_phone_holds(session: AsyncSession, quarter: Quarter) -> None:
    devices = (
        await session.scalars(
            select(Device).where(Device.staff_id == quarter.staff_id, Device.revoked_at.is_(None)).order_by(Device.id)
        )
    ).all()
    for device in devices:
        state = PhoneState(
            last_seen_at=device.last_seen_at,
            waiting=device.waiting,
            unsettled=device.unsettled,
            whole=await _is_whole(session, device.id, quarter),
        )
        if may_still_hold(state, quarter):
            raise _HeldUpError(f"device {device.id} may still hold records of it")


async def _is_whole(session: AsyncSession, device_id: str, quarter: Quarter) -> bool:
    rows = await session.execute(
        select(IntakeEntry.kind, func.max(IntakeEntry.record_number))
        .where(IntakeEntry.database.in_(quarter.names), IntakeEntry.device_id == device_id)
        .group_by(IntakeEntry.kind)
    )
    for kind, highest in rows.all():
        counted = await session.get(RecordNumbers, (device_id, kind))
        if highest is not None and (counted is None or counted.whole_up_to < highest):
            return False
    return True


async def _archived(database: Database, hub: HubClient, archives: Archives, finding: Finding) -> Archived:
    kept = await archives.keep(hub, finding.database)
    if kept.digest != finding.digest:
        raise _HeldUpError(f"something came into {finding.database} meanwhile")
    async with database.sessions() as session, session.begin():
        await session.execute(
            update(HubManifest)
            .where(HubManifest.database == finding.database)
            .values(
                archive_path=kept.path,
                archive_sha256=kept.sha256,
                archived_seq=finding.seq,
                archived_at=datetime.now(UTC),
            )
        )
    return kept


async def _shut(hub: HubClient, findings: Mapping[str, Finding]) -> None:
    """Nobody writes any more; what came since the comparison shows in the sequence."""
    for name in findings:
        await hub.set_members(name, [NOBODY])
    newest = await hub.sequences(list(findings))
    if changed := [name for name, finding in findings.items() if newest.get(name) != finding.seq]:
        raise _HeldUpError(f"something came into {', '.join(changed)} meanwhile")


async def _let_go(session: AsyncSession, quarter: Quarter, kept: Mapping[str, Archived]) -> None:
    """The decision: from this commit on the databases are to be gone."""
    for name in quarter.names:
        await hold_database(session, name)
    pending = await session.scalar(
        select(OutboxDocument.doc_id).where(
            OutboxDocument.database.in_(quarter.names), OutboxDocument.version != OutboxDocument.sent_version
        )
    )
    if pending is not None:
        raise _HeldUpError(f"{pending} is still to be written there")
    await session.execute(delete(OutboxDocument).where(OutboxDocument.database.in_(quarter.names)))
    now = datetime.now(UTC)
    await session.execute(update(HubDatabase).where(HubDatabase.name.in_(quarter.names)).values(dropped_at=now))
    statement = QuarterClosed(
        id=f"quarter.closed:{quarter.staff_id}_{quarter.quarter}",
        staff_id=quarter.staff_id,
        quarter=quarter.quarter,
        closed_at=now,
    )
    await service.post(session, staff_id=quarter.staff_id, document=statement)
    facts = {
        name: {"archive": one.path, "sha256": one.sha256.hex(), "documents": one.documents}
        for name, one in kept.items()
    }
    organisation_id = await session.scalar(select(Staff.organisation_id).where(Staff.id == quarter.staff_id)) or ""
    subject = f"{quarter.staff_id}_{quarter.quarter}"
    await audit.record(session, None, "quarter.closed", "quarter", subject, facts, organisation_id=organisation_id)


async def _drop_left_over(database: Database, hub: HubClient) -> None:
    """A worker that ended between the decision and the deed."""
    async with database.sessions() as session:
        dropped = await session.scalars(select(HubDatabase.name).where(HubDatabase.dropped_at.is_not(None)))
        names = set(dropped)
    if not names:
        return
    for name in sorted(names.intersection(await hub.list_databases())):
        _log.warning("quarter.dropped_late", database=name)
        await drop_database(hub, name)


async def restore(settings: Settings, database: Database, hub: HubClient, name: str) -> int:
    """Brings a dropped database back from its archive; how many documents it has. Raises `MissingError`."""
    async with database.sessions() as session:
        manifest = await session.get(HubManifest, name)
        row = await session.get(HubDatabase, name)
    if parse_database(name) is None or manifest is None or row is None or not manifest.archive_path:
        raise MissingError("archive.unknown", "没有这个库的归档。", "There is no archive of this database.")
    archives = Archives(settings.data_dir / "archives", PhotoStore.of(settings))
    await hub.create_database(name)
    count = await archives.write_back(hub, manifest.archive_path)
    async with database.sessions() as session, session.begin():
        await provision_again(session, [name])
        await audit.record(session, None, "quarter.restored", "hub_database", name, {"documents": count})
    return count
