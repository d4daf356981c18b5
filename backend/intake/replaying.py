"""Takes what the office holds back once more, from the stored bytes and under the rules of now."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.intake import quarantined
from backend.intake.owners import hold_person
from backend.intake.rules import Arrived, storable
from backend.intake.schemas import ReplayOut
from backend.intake.taking import Setup, take_after_all
from backend.scope import Caller


async def replay(session: AsyncSession, caller: Caller, quarantine_id: str, setup: Setup) -> ReplayOut:
    """Taken now, its receipt turns to accepted; else it stays open with what speaks against it today."""
    row = await quarantined.find_quarantined(session, caller, quarantine_id, lock=True)
    quarantined.require_open(row)
    arrived = Arrived(
        id=row.doc_id,
        rev=row.rev,
        seq=row.seq,
        body=row.body,
        deleted=row.deleted,
        attachment=row.attachment,
    )
    database = quarantined.database_of(row)
    await hold_person(session, database.owner)
    refused = await take_after_all(session, database, arrived, setup, row.received_at)
    if refused is None:
        await quarantined.close(session, caller, row, "taken", "")
        return ReplayOut("taken")
    row.code, row.detail = refused.code, storable(refused.detail)
    await session.flush()
    return ReplayOut("open", refused.code)
