"""待核实: what could not be taken, kept byte for byte until the office takes it after all or dismisses it."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import structlog
from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from backend import audit, events
from backend.db import new_key
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.intake import receipts
from backend.intake.models import QuarantinedDocument
from backend.intake.owners import find_root
from backend.intake.receipts import Answer
from backend.intake.rules import CODES, Arrived, Owner, Refused, key_of, loose_fields, storable
from backend.intake.schemas import QuarantinedOut, QuarantinedPage
from backend.scope import Caller, scoped
from sync.databases import DatabaseName, parse_database

_log = structlog.get_logger(__name__)


async def hold(
    session: AsyncSession,
    database: DatabaseName,
    found: Sequence[tuple[Arrived, Refused]],
    *,
    owner: Owner | None,
    received_at: datetime,
) -> list[Answer]:
    """Keeps them for the office, with an alarm where tampering is likely, and answers the phone."""
    root = await find_root(session) if owner is None else ""
    rows = [_row(database, arrived, refused, owner, root, received_at) for arrived, refused in found]
    session.add_all(rows)
    await session.flush()
    told = []
    for row in rows:
        alarm = CODES[row.code].alarm
        _log.warning("intake.quarantined", doc_id=row.doc_id, database=row.database, code=row.code, alarm=alarm)
        await audit.record(
            session,
            None,
            "record.quarantined",
            "quarantine",
            row.id,
            {"doc_id": row.doc_id, "rev": row.rev, "database": row.database, "code": row.code},
            organisation_id=row.organisation_id,
            actor_id=database.owner,
        )
        facts = {"code": row.code, "alarm": alarm}
        told.append(events.Event("record.quarantined", row.id, row.organisation_id, facts))
    await events.announce_all(session, told)
    return [
        receipts.refused(arrived.id, arrived.rev, row.device_id, refused.code)
        for (arrived, refused), row in zip(found, rows, strict=True)
    ]


def _row(  # noqa: PLR0917 - what came, what is wrong with it, whose it is
    database: DatabaseName, arrived: Arrived, refused: Refused, owner: Owner | None, root: str, received_at: datetime
) -> QuarantinedDocument:
    fields = loose_fields(arrived.body)
    unit_id = fields.get("unit_id")
    organisation_id = root
    if owner is not None:
        # What he wrote there may be anything, a list too.
        his = isinstance(unit_id, str) and unit_id in owner.units
        organisation_id = str(unit_id) if his else owner.company_id
    return QuarantinedDocument(
        id=new_key(),
        database=str(database),
        doc_id=key_of(arrived.id),
        rev=arrived.rev,
        seq=arrived.seq,
        deleted=arrived.deleted,
        code=refused.code,
        detail=storable(refused.detail),
        organisation_id=organisation_id,
        staff_id=database.owner,
        device_id=storable(str(fields.get("device_id", ""))[:120]),
        body=arrived.body,
        attachment=arrived.attachment,
        received_at=received_at,
    )


async def list_quarantined(
    session: AsyncSession,
    caller: Caller,
    *,
    state: str = "open",
    code: str = "",
    staff_id: str = "",
    limit: int = 50,
    offset: int = 0,
) -> QuarantinedPage:
    """Newest first; without the bodies. `code` and `staff_id` keep one reason, one person."""
    rows = _scoped(caller).where(QuarantinedDocument.state == state)
    rows = rows.where(QuarantinedDocument.code == code) if code else rows
    rows = rows.where(QuarantinedDocument.staff_id == staff_id) if staff_id else rows
    total = await session.scalar(select(func.count()).select_from(rows.subquery()))
    page = rows.order_by(QuarantinedDocument.received_at.desc(), QuarantinedDocument.id.desc())
    without_bytes = (defer(QuarantinedDocument.body), defer(QuarantinedDocument.attachment))
    found = await session.scalars(page.options(*without_bytes).limit(limit).offset(offset))
    return QuarantinedPage(items=[_out(row) for row in found], total=total or 0)


async def show_quarantined(session: AsyncSession, caller: Caller, quarantine_id: str) -> QuarantinedOut:
    """With the body as it came, as text where it is text."""
    row = await find_quarantined(session, caller, quarantine_id)
    return msgspec.structs.replace(_out(row), body=row.body.decode(errors="replace"))


async def find_quarantined(
    session: AsyncSession, caller: Caller, quarantine_id: str, *, lock: bool = False
) -> QuarantinedDocument:
    statement = _scoped(caller).where(QuarantinedDocument.id == quarantine_id)
    row = await session.scalar(statement.with_for_update() if lock else statement)
    if row is None:
        raise MissingError("quarantine.missing", "没有这条待核实记录。", "There is no such quarantined record.")
    return row


async def dismiss(session: AsyncSession, caller: Caller, quarantine_id: str, reason: str) -> None:
    """The office looked at it and will not use it; the phone is told, the bytes stay."""
    if not reason.strip():
        raise UnusableError("quarantine.reason_needed", "请填写不采用的原因。", "Give the reason.")
    row = await find_quarantined(session, caller, quarantine_id, lock=True)
    require_open(row)
    await close(session, caller, row, "dismissed", reason.strip())
    answer = receipts.refused(row.doc_id, row.rev, row.device_id, "dismissed")
    await receipts.send(session, database_of(row), [answer])


def require_open(row: QuarantinedDocument) -> None:
    if row.state != "open":
        raise ConflictingError("quarantine.settled", "这条记录已处理。", "It was settled already.", state=row.state)


def database_of(row: QuarantinedDocument) -> DatabaseName:
    parsed = parse_database(row.database)
    assert parsed is not None, "only databases of the product are read"
    return parsed


async def close(session: AsyncSession, caller: Caller, row: QuarantinedDocument, state: str, reason: str) -> None:
    await session.execute(
        update(QuarantinedDocument)
        .where(QuarantinedDocument.id == row.id)
        .values(state=state, settled_at=datetime.now(UTC), settled_by=caller.staff_id, settled_reason=reason)
    )
    await session.refresh(row)
    facts = {"doc_id": row.doc_id, "code": row.code, "reason": reason}
    action = "record.replayed" if state == "taken" else "record.dismissed"
    await audit.record(session, caller, action, "quarantine", row.id, facts, organisation_id=row.organisation_id)
    await events.announce(session, action, row.id, row.organisation_id)


def _scoped(caller: Caller) -> Select[QuarantinedDocument]:
    return scoped(select(QuarantinedDocument), QuarantinedDocument.organisation_id, caller)


def _out(row: QuarantinedDocument) -> QuarantinedOut:
    words = CODES[row.code]
    return QuarantinedOut(
        id=row.id,
        database=row.database,
        doc_id=row.doc_id,
        rev=row.rev,
        deleted=row.deleted,
        code=row.code,
        reason=words.reason_zh,
        reason_en=words.reason_en,
        detail=row.detail,
        alarm=words.alarm,
        organisation_id=row.organisation_id,
        staff_id=row.staff_id,
        device_id=row.device_id,
        received_at=row.received_at,
        state=row.state,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        settled_reason=row.settled_reason,
    )
