"""How a hazard comes to be: reported by a worker, opened by a failed check at delivery, or confirmed from a leak."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.changes import service as changes
from backend.customers import service as customers
from backend.hazards.models import Hazard, HazardStep
from backend.intake import service as intake
from backend.network import service as network
from backend.positions.rules import cgcs2000, point_wkt
from backend.reference import service as reference
from backend.taken import Taken
from sync.databases import BEIJING
from sync.documents.envelope import Position
from sync.documents.hazards import HazardReported

# Farther from every pipe, a finding is not linked to one; the phone uses the same distance.
NEAREST_PIPE_WITHIN_M = 50.0


async def pipe_near(session: AsyncSession, organisation_id: str, pipe_id: str, position: Position | None) -> str:
    """The pipe that the worker named, else the nearest one."""
    if pipe_id or position is None:
        return pipe_id
    lon, lat = cgcs2000(position)
    found = await network.nearest_pipe(session, organisation_id, lon=lon, lat=lat, within_m=NEAREST_PIPE_WITHIN_M)
    return found.id if found else ""


async def corrected(session: AsyncSession, taken: Taken[Any], company_of_target: str | None) -> str:
    """What a report is about: the one that it corrects, else itself. Another company's is not its to correct: such a
    report stands for itself, and the office hears of it.
    """
    record = taken.record
    if not record.corrects or company_of_target in {None, taken.company_id}:
        return str(record.corrects or record.id)
    facts = {"staff_id": taken.staff_id, "at": taken.recorded_at}
    await intake.open_conflict(
        session, taken.organisation_id, "record.other_company", [record.id, record.corrects], facts
    )
    return str(record.id)


async def record_hazard(session: AsyncSession, taken: Taken[HazardReported]) -> str:
    """The hazard's id: a report's own, or that of the report it corrects. What the office decided stays."""
    record = taken.record
    company_id = await session.scalar(select(Hazard.company_id).where(Hazard.id == record.corrects))
    hazard_id = await corrected(session, taken, company_id)
    customer_id = await customers.own_id(session, record.customer_id, taken.company_id)
    told: dict[str, Any] = {
        "told_at": taken.recorded_at,
        "told_id": record.id,
        "source": record.source,
        "hazard_type": record.hazard_type,
        "address": record.address,
        "detail": record.detail or record.note,
        "temporary_control": record.temporary_control,
        "customer_id": customer_id,
        "pipe_id": record.pipe_id
        if record.customer_id
        else await pipe_near(session, taken.organisation_id, record.pipe_id, record.position),
        "point": point_wkt(record.position),
        "accuracy_m": record.position.accuracy_m if record.position else None,
        "proposed_grade": record.proposed_grade,
    }
    hazard = await _open(session, taken, hazard_id, told, photos=list(record.photos))
    if hazard is not None:
        await _tell(session, hazard, taken, told)
    return hazard_id


async def _tell(session: AsyncSession, hazard: Hazard, taken: Taken[HazardReported], told: dict[str, Any]) -> None:
    """The newest telling is believed, whatever the order of arrival; pictures add up."""
    before = (hazard.told_at, hazard.told_id)
    if hazard.told_id == taken.record.id:
        return
    if hazard.told_at is None or (hazard.told_at, hazard.told_id) < (taken.recorded_at, taken.record.id):
        for name, value in told.items():
            setattr(hazard, name, value)
    hazard.reported_at = min(hazard.reported_at, taken.recorded_at)
    hazard.photos = [*hazard.photos, *(p for p in taken.record.photos if p not in hazard.photos)]
    if (hazard.told_at, hazard.told_id) != before:
        hazard.version += 1
    await session.flush()
    await announce(session, hazard)


async def _open(
    session: AsyncSession, taken: Taken[Any], hazard_id: str, fields: dict[str, Any], *, photos: list[str]
) -> Hazard | None:
    """None when it was opened here and now; else the one that is there already, locked."""
    found: Hazard | None = await session.scalar(select(Hazard).where(Hazard.id == hazard_id).with_for_update())
    if found is not None:
        return found
    await open_hazard(
        session,
        hazard_id=hazard_id,
        organisation_id=taken.organisation_id,
        company_id=taken.company_id,
        reported_at=taken.recorded_at,
        reported_by=taken.staff_id,
        fields={"task_id": taken.record.task_id, "photos": photos} | fields,
    )
    return None


async def open_hazard(
    session: AsyncSession,
    *,
    hazard_id: str,
    organisation_id: str,
    company_id: str,
    reported_at: datetime,
    reported_by: str,
    fields: dict[str, Any],
) -> None:
    day = reported_at.astimezone(BEIJING).date()
    number = await reference.next_number(session, company_id, "hazard", day)
    row = insert(Hazard).values(
        id=hazard_id,
        organisation_id=organisation_id,
        company_id=company_id,
        number=f"YH-{day:%Y%m%d}-{number:02d}",
        reported_at=reported_at,
        reported_by=reported_by,
        stage="pending_review",
        stage_since=datetime.now(UTC),
        **fields,
    )
    await session.execute(row.on_conflict_do_nothing(index_elements=["id"]))
    hazard = await session.get_one(Hazard, hazard_id)
    session.add(
        HazardStep(
            hazard_id=hazard_id,
            organisation_id=organisation_id,
            action="report",
            from_stage="",
            to_stage="pending_review",
            staff_id=reported_by,
            at=reported_at,
            facts={},
        )
    )
    await session.flush()
    await announce(session, hazard)


async def announce(session: AsyncSession, hazard: Hazard) -> None:
    """To the console and to the regulator's feed."""
    await changes.changed(session, "T2-14", hazard.id, hazard.organisation_id)
    await events.announce(session, "hazard.changed", hazard.id, hazard.organisation_id, stage=hazard.stage)


async def ensure_check_hazard(session: AsyncSession, taken: Taken[Any], *, failed: list[str]) -> str:
    """The hazard of a failed check at delivery. The phone reports it under the check's own number, but may be lost
    before it does: then the check alone opens it, and the report fills it in when it comes.
    """
    check = taken.record
    hazard_id: str = check.id.replace("delivery.checked:", "hazard.reported:")
    fields = {
        "source": "delivery_check",
        "hazard_type": "other",
        "proposed_grade": "general",
        "customer_id": await customers.own_id(session, check.customer_id, taken.company_id),
        "detail": "、".join(failed),
        "point": point_wkt(check.position),
        "accuracy_m": check.position.accuracy_m if check.position else None,
    }
    await _open(session, taken, hazard_id, fields, photos=list(check.photos))
    hazard = await session.get_one(Hazard, hazard_id)
    hazard.origin_id = check.id
    await session.flush()
    return hazard_id
