"""How a hazard comes to be: reported by a worker, opened by a failed check at delivery, or confirmed from a leak."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import Row, Rows, insert_rows
from backend.changes import service as changes
from backend.customers import service as customers
from backend.hazards.models import Hazard, HazardStep
from backend.intake import service as intake
from backend.network import service as network
from backend.positions.rules import cgcs2000, point_wkt
from backend.reference import service as reference
from backend.taken import Taken
from sync.databases import BEIJING
from sync.documents.hazards import HazardReported

# Farther from every pipe, a finding is not linked to one; the phone uses the same distance.
NEAREST_PIPE_WITHIN_M = 50.0


async def pipes_near(session: AsyncSession, takens: Sequence[Taken[Any]]) -> dict[str, str]:
    """By record: the pipe that the worker named, else the nearest one; empty where there is none, and for what was
    found at a customer's.
    """
    found = {taken.record.id: taken.record.pipe_id for taken in takens}
    asking = [t for t in takens if not t.record.pipe_id and t.record.position is not None and not _indoors(t)]
    places = [network.Place(t.organisation_id, *cgcs2000(t.record.position)) for t in asking]
    near = await network.nearest_pipes(session, places, within_m=NEAREST_PIPE_WITHIN_M)
    return found | {t.record.id: pipe.id for t, pipe in zip(asking, near, strict=True) if pipe is not None}


def _indoors(taken: Taken[Any]) -> bool:
    return bool(getattr(taken.record, "customer_id", ""))


def about(taken: Taken[Any], rows: Rows) -> str:
    """What a report is about: the one that it corrects, else itself. Another company's is not its to correct: such a
    report stands for itself (`foreign` tells the office).
    """
    record = taken.record
    target = rows.get(record.corrects)
    foreign = target is not None and target["company_id"] != taken.company_id
    return str(record.id if foreign else record.corrects or record.id)


async def open_foreign(session: AsyncSession, takens: Iterable[Taken[Any]], abouts: Mapping[str, str]) -> None:
    """The office hears of reports that would have corrected another company's."""
    found = [
        intake.Contradiction(
            taken.organisation_id,
            "record.other_company",
            [taken.record.id, taken.record.corrects],
            {"staff_id": taken.staff_id, "at": taken.recorded_at},
        )
        for taken in takens
        if taken.record.corrects and abouts[taken.record.id] == taken.record.id
    ]
    if found:
        await intake.open_conflicts(session, found)


async def record_hazards(
    session: AsyncSession, takens: Sequence[Taken[HazardReported]], near: Mapping[str, str]
) -> None:
    """A report opens a hazard or corrects one; `near`: the pipe of each. What the office decided stays."""
    rows = await Rows.read(session, Hazard, named_by(takens))
    own = await customers.own_ids(session, ((t.record.customer_id, t.company_id) for t in takens))
    abouts: dict[str, str] = {}
    for taken in takens:
        record = taken.record
        abouts[record.id] = hazard_id = about(taken, rows)
        told = _told(taken, own[record.customer_id, taken.company_id], near[record.id])
        hazard = rows.get(hazard_id)
        if hazard is None:
            rows.add(_opened(taken, hazard_id) | {"photos": list(record.photos)} | told)
        else:
            _tell(hazard, taken, told)
    await open_foreign(session, takens, abouts)
    await write_hazards(session, rows)


def named_by(takens: Iterable[Taken[Any]]) -> set[str]:
    return {key for taken in takens for key in (taken.record.id, taken.record.corrects)}


def _told(taken: Taken[HazardReported], customer_id: str, pipe_id: str) -> Row:
    record = taken.record
    return {
        "told_at": taken.recorded_at,
        "told_id": record.id,
        "source": record.source,
        "hazard_type": record.hazard_type,
        "address": record.address,
        "detail": record.detail or record.note,
        "temporary_control": record.temporary_control,
        "customer_id": customer_id,
        "pipe_id": pipe_id,
        "point": point_wkt(record.position),
        "accuracy_m": record.position.accuracy_m if record.position else None,
        "proposed_grade": record.proposed_grade,
    }


def _tell(hazard: Row, taken: Taken[HazardReported], told: Row) -> None:
    """The newest telling is believed, whatever the order of arrival; pictures add up."""
    before = (hazard["told_at"], hazard["told_id"])
    if hazard["told_id"] == taken.record.id:
        return
    if hazard["told_at"] is None or before < (taken.recorded_at, taken.record.id):
        hazard |= told
    if hazard["id"] == taken.record.id and hazard["company_id"] == taken.company_id:
        # A correction was here before the report itself.
        hazard |= {
            "organisation_id": taken.organisation_id,
            "reported_by": taken.staff_id,
            "task_id": taken.record.task_id or hazard["task_id"],
        }
    hazard["reported_at"] = min(hazard["reported_at"], taken.recorded_at)
    hazard["photos"] = added(hazard["photos"], taken.record.photos)
    if (hazard["told_at"], hazard["told_id"]) != before:
        hazard["version"] += 1


def added(photos: Sequence[str], more: Sequence[str]) -> list[str]:
    return [*photos, *(photo for photo in more if photo not in photos)]


def _opened(taken: Taken[Any], hazard_id: str) -> Row:
    return opened(
        hazard_id,
        organisation_id=taken.organisation_id,
        company_id=taken.company_id,
        reported_at=taken.recorded_at,
        reported_by=taken.staff_id,
        # A correction says nothing of the task in which the thing was found.
        task_id="" if taken.record.corrects else taken.record.task_id,
    )


def opened(hazard_id: str, **fields: Any) -> Row:
    """A hazard that waits for its grade; `write_hazards` numbers it."""
    return {"id": hazard_id, "stage": "pending_review", "stage_since": datetime.now(UTC), **fields}


async def write_hazards(session: AsyncSession, rows: Rows) -> None:
    """Writes what is new or changed, with numbers and histories, and tells console and regulator."""
    new, changed = sorted(rows.new(), key=lambda row: (row["reported_at"], row["id"])), rows.changed()
    await _number(session, new)
    await rows.write(session)
    await insert_rows(session, HazardStep, [_first_step(row) for row in new])
    await _announce(session, [*new, *changed])


async def _number(session: AsyncSession, new: Sequence[Row]) -> None:
    days: dict[tuple[str, date], list[Row]] = {}
    for row in new:
        days.setdefault((row["company_id"], row["reported_at"].astimezone(BEIJING).date()), []).append(row)
    # In one order always: who asks for the same numbers waits instead of dead-locking.
    for (company_id, day), its in sorted(days.items(), key=lambda item: item[0]):
        numbers = await reference.next_numbers(session, company_id, "hazard", day, len(its))
        for row, number in zip(its, numbers, strict=True):
            row["number"] = f"YH-{day:%Y%m%d}-{number:02d}"


def _first_step(hazard: Row) -> Row:
    return {
        "hazard_id": hazard["id"],
        "organisation_id": hazard["organisation_id"],
        "action": "report",
        "from_stage": "",
        "to_stage": "pending_review",
        "staff_id": hazard["reported_by"],
        "at": hazard["reported_at"],
        "facts": {},
    }


async def announce(session: AsyncSession, hazard: Hazard) -> None:
    """To the console and to the regulator's feed."""
    await _announce(session, [{"id": hazard.id, "organisation_id": hazard.organisation_id, "stage": hazard.stage}])


async def _announce(session: AsyncSession, hazards: Sequence[Row]) -> None:
    await changes.changed_all(session, "T2-14", {row["id"]: row["organisation_id"] for row in hazards})
    await events.announce_all(
        session,
        [events.Event("hazard.changed", row["id"], row["organisation_id"], {"stage": row["stage"]}) for row in hazards],
    )


async def ensure_check_hazards(
    session: AsyncSession, failed: Sequence[tuple[Taken[Any], Sequence[str]]]
) -> dict[str, str]:
    """The hazards of failed checks at delivery (each with the words of what failed), by check. The phone reports one
    under the check's own number, but may be lost before it does: then the check alone opens it, and the report fills it
    in when it comes.
    """
    found = {taken.record.id: _hazard_of(taken.record.id) for taken, _ in failed}
    rows = await Rows.read(session, Hazard, found.values())
    own = await customers.own_ids(session, ((t.record.customer_id, t.company_id) for t, _ in failed))
    for taken, words in failed:
        check = taken.record
        hazard = rows.get(found[check.id])
        if hazard is None:
            hazard = rows.add(
                _opened(taken, found[check.id])
                | {
                    "source": "delivery_check",
                    "hazard_type": "other",
                    "proposed_grade": "general",
                    "customer_id": own[check.customer_id, taken.company_id],
                    "detail": "、".join(words),
                    "point": point_wkt(check.position),
                    "accuracy_m": check.position.accuracy_m if check.position else None,
                }
            )
        hazard |= {
            "origin_id": check.id,
            "reported_at": min(hazard["reported_at"], taken.recorded_at),
            "task_id": hazard["task_id"] or check.task_id,
        }
        hazard["photos"] = added(hazard["photos"], check.photos)
    await write_hazards(session, rows)
    return found


def _hazard_of(check_id: str) -> str:
    return check_id.replace("delivery.checked:", "hazard.reported:")
