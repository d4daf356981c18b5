"""Records of hazards, suspected leaks and third-party works taken into the tables."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.hazards.service.leaks import record_leak
from backend.hazards.service.reporting import record_hazard
from backend.hazards.service.works import record_works
from backend.positions import service as positions
from backend.taken import Take, Taken, Waiting
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported


async def take_hazard(session: AsyncSession, taken: Taken[HazardReported]) -> Waiting | None:
    await record_hazard(session, taken)
    await positions.note_seen(session, taken)
    return None


async def take_leak(session: AsyncSession, taken: Taken[LeakSuspected]) -> Waiting | None:
    await record_leak(session, taken)
    await positions.note_seen(session, taken)
    return None


async def take_works(session: AsyncSession, taken: Taken[ThirdPartyWorksReported]) -> Waiting | None:
    first_is_here = await record_works(session, taken)
    await positions.note_seen(session, taken)
    record = taken.record
    return None if first_is_here or not record.works_id else Waiting((record.works_id,))


TAKES: dict[str, Take] = {
    "hazard.reported": take_hazard,
    "leak.suspected": take_leak,
    "works.reported": take_works,
}
