"""Records of hazards, suspected leaks and third-party works taken into the tables."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from backend.hazards.service.leaks import record_leaks
from backend.hazards.service.reporting import record_hazards
from backend.hazards.service.works import record_works
from backend.positions import service as positions
from backend.taken import NONE_WAIT, Take, Taken, Waiting
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported


async def take_hazards(session: AsyncSession, takens: Sequence[Taken[HazardReported]]) -> Mapping[str, Waiting]:
    await record_hazards(session, takens)
    await positions.note_seen(session, takens)
    return NONE_WAIT


async def take_leaks(session: AsyncSession, takens: Sequence[Taken[LeakSuspected]]) -> Mapping[str, Waiting]:
    await record_leaks(session, takens)
    await positions.note_seen(session, takens)
    return NONE_WAIT


async def take_works(session: AsyncSession, takens: Sequence[Taken[ThirdPartyWorksReported]]) -> Mapping[str, Waiting]:
    here = await record_works(session, takens)
    await positions.note_seen(session, takens)
    named = {taken.record.id: taken.record.works_id for taken in takens if taken.record.works_id}
    return {record_id: Waiting((works_id,)) for record_id, works_id in named.items() if works_id not in here}


TAKES: dict[str, Take] = {
    "hazard.reported": take_hazards,
    "leak.suspected": take_leaks,
    "works.reported": take_works,
}
