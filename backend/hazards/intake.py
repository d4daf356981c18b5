"""Records of hazards, suspected leaks and third-party works taken into the tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.hazards.service.leaks import record_leaks
from backend.hazards.service.reporting import pipes_near, record_hazards
from backend.hazards.service.works import record_works
from backend.taken import Take, Taken, Waiting
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported


async def take_findings(session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
    """All that was found outdoors together: the nearest pipes are asked for once."""
    near = await pipes_near(session, takens)
    await record_hazards(session, _of(takens, HazardReported), near)
    await record_leaks(session, _of(takens, LeakSuspected), near)
    works = _of(takens, ThirdPartyWorksReported)
    here = await record_works(session, works, near)
    named = {taken.record.id: taken.record.works_id for taken in works if taken.record.works_id}
    return {record_id: Waiting((works_id,)) for record_id, works_id in named.items() if works_id not in here}


def _of(takens: Sequence[Taken[Any]], kind: type[Any]) -> list[Taken[Any]]:
    return [taken for taken in takens if isinstance(taken.record, kind)]


TAKES: dict[str, Take] = {
    "hazard.reported": take_findings,
    "leak.suspected": take_findings,
    "works.reported": take_findings,
}
