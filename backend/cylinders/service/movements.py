"""Where each cylinder has been: what was recorded of it, and who holds it now, folded from that."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.bulk import Row, insert_new, one_of
from backend.changes import service as changes
from backend.cylinders.models import Cylinder, CylinderMovement
from backend.cylinders.rules import Contradiction, Custody, Holder, Movement, MovementKind, fold
from backend.cylinders.service.dead_tags import bury_scrapped
from backend.cylinders.service.posting import document_id, post
from backend.cylinders.service.stays import write_stays
from backend.intake import service as intake
from backend.positions.rules import point_wkt
from backend.taken import Taken
from sync.documents.cylinders import CylinderScan
from sync.rules.cylinders import stamp_differs

_IN_ORDER = (CylinderMovement.at, CylinderMovement.record_id, CylinderMovement.kind)


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """One cylinder of a record, as its movement is to be written."""

    kind: MovementKind
    scan: CylinderScan
    vehicle: str = ""
    station_id: str = ""
    customer_id: str = ""
    inspection_body: str = ""
    detail: str = ""


async def record_movements(session: AsyncSession, recorded: Sequence[tuple[Taken[Any], Sequence[Scanned]]]) -> None:
    """Each cylinder of these records, once; then who holds it is folded anew."""
    known = await known_cylinders(session, [(t.company_id, each.scan) for t, scanned in recorded for each in scanned])
    rows = [_movement(taken, each, known) for taken, scanned in recorded for each in scanned]
    rows.sort(key=lambda row: (row["record_id"], row["kind"], row["code"]))
    await insert_new(session, CylinderMovement, rows)
    await refold(session, {row["cylinder_id"] for row in rows if row["cylinder_id"] is not None})


def _movement(taken: Taken[Any], each: Scanned, known: Mapping[tuple[str, CylinderScan], str | None]) -> Row:
    company_id, scan = taken.company_id, each.scan
    return {
        "record_id": taken.record.id,
        "organisation_id": taken.organisation_id,
        "company_id": company_id,
        "cylinder_id": known[company_id, scan],
        "code": scan.code,
        "kind": each.kind,
        "at": taken.recorded_at,
        "staff_id": taken.staff_id,
        "vehicle": each.vehicle,
        "station_id": each.station_id,
        "customer_id": each.customer_id,
        "task_id": taken.record.task_id,
        "method": scan.method,
        "detail": each.detail,
        "inspection_body": each.inspection_body,
        "stamped": scan.stamped,
        "stamp_photo": scan.photo if scan.stamped else "",
        "point": point_wkt(taken.record.position),
    }


def _key(scan: CylinderScan) -> str:
    """The phone knows a cylinder by its reference document or by the bare id."""
    return scan.cylinder_id.rpartition(":")[2]


async def known_cylinders(
    session: AsyncSession, scans: Collection[tuple[str, CylinderScan]]
) -> dict[tuple[str, CylinderScan], str | None]:
    """The cylinder's id for each company and scan, by the id that the phone knew, else by the code."""
    rows = await session.execute(
        select(Cylinder.company_id, Cylinder.id, Cylinder.code).where(
            one_of(Cylinder.company_id, {company_id for company_id, _ in scans}),
            or_(
                one_of(Cylinder.id, {key for _, scan in scans if (key := _key(scan))}),
                one_of(Cylinder.code, {scan.code for _, scan in scans}),
            ),
        )
    )
    found: dict[tuple[str, str], str] = {}
    for company_id, cylinder_id, code in rows:
        found |= {(company_id, cylinder_id): cylinder_id, (company_id, code): cylinder_id}
    return {
        (company_id, scan): found.get((company_id, _key(scan))) or found.get((company_id, scan.code))
        for company_id, scan in scans
    }


async def adopt(session: AsyncSession, cylinder_ids: Collection[str]) -> None:
    """New archives take over what was recorded under their codes before anybody had entered them."""
    entered = select(Cylinder.id, Cylinder.company_id, Cylinder.code).where(one_of(Cylinder.id, sorted(cylinder_ids)))
    new = entered.subquery()
    await session.execute(
        update(CylinderMovement)
        .where(
            CylinderMovement.company_id == new.c.company_id,
            CylinderMovement.cylinder_id.is_(None),
            CylinderMovement.code == new.c.code,
        )
        .values(cylinder_id=new.c.id)
        .execution_options(synchronize_session=False)
    )
    await refold(session, cylinder_ids)


async def adopt_strays(session: AsyncSession, *, limit: int = 500) -> int:
    """Archives that were not folded yet, and movements that were being written while their archive was."""
    unfolded = select(Cylinder.id).where(Cylinder.last_heard_at.is_(None)).order_by(Cylinder.id).limit(limit)
    found = set(await session.scalars(unfolded))
    met = and_(CylinderMovement.company_id == Cylinder.company_id, CylinderMovement.code == Cylinder.code)
    strays = select(Cylinder.id).join(CylinderMovement, met).where(CylinderMovement.cylinder_id.is_(None))
    found |= set(await session.scalars(strays.distinct().limit(limit)))
    await adopt(session, found)
    return len(found)


async def drop_movements(session: AsyncSession, record_ids: Collection[str]) -> None:
    """What these records moved, they did not: they were corrected or voided."""
    gone = delete(CylinderMovement).where(one_of(CylinderMovement.record_id, sorted(record_ids)))
    moved = await session.scalars(gone.returning(CylinderMovement.cylinder_id))
    await refold(session, {cylinder_id for cylinder_id in moved if cylinder_id is not None})


async def refold(session: AsyncSession, cylinder_ids: Collection[str]) -> None:
    """Holders and contradictions from all movements; a contradiction that a later arrival explains is taken back."""
    if not cylinder_ids:
        return
    # In one order always: two batches that move the same cylinders wait for each other instead of dead-locking.
    # (FOR NO KEY UPDATE: the movements just written refer to them, those of the other batch too.)
    query = select(Cylinder).where(one_of(Cylinder.id, sorted(cylinder_ids))).order_by(Cylinder.id)
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    cylinders = (await session.scalars(locked)).all()
    movements = await _movements_of_each(session, cylinder_ids)
    custodies = {cylinder.id: custody_of(cylinder, movements[cylinder.id]) for cylinder in cylinders}
    moved = [cylinder for cylinder in cylinders if _hand_on(cylinder, custodies[cylinder.id], movements[cylinder.id])]
    await session.flush()
    await write_stays(session, custodies, movements)
    found = [each for cylinder in cylinders for each in _contradictions(cylinder, custodies[cylinder.id])]
    found += [each for cylinder in cylinders for each in _other_stamps(cylinder, movements[cylinder.id])]
    await intake.retract_conflicts(
        session,
        subjects=[document_id(cylinder) for cylinder in cylinders],
        kind_prefix="cylinder.",
        keep=[(each.kind, each.record_ids) for each in found],
    )
    await intake.open_conflicts(session, found)
    await _tell(session, moved)


def _hand_on(cylinder: Cylinder, custody: Custody, movements: Sequence[CylinderMovement]) -> bool:
    """Whether somebody else holds it now."""
    holder = custody.holder
    moved = (cylinder.holder_kind, cylinder.holder_id) != holder.key
    cylinder.holder_kind, cylinder.holder_id = holder.kind, holder.id
    cylinder.holder_since, cylinder.last_record_id = holder.since, holder.record_id
    cylinder.last_heard_at = max((m.at for m in movements), default=cylinder.registered_at)
    return moved


async def _tell(session: AsyncSession, moved: Sequence[Cylinder]) -> None:
    """The office at once, the regulator at its next reading; phones of what is scrapped."""
    scrapped = [each for each in moved if each.holder_kind == "scrapped" and not each.scrapped]
    for cylinder in scrapped:
        cylinder.scrapped = True
        await post(session, cylinder)
    await bury_scrapped(session, scrapped)
    await changes.changed_all(session, "T2-05", {cylinder.id: cylinder.organisation_id for cylinder in moved})
    await events.announce_all(
        session, [events.Event("cylinder.moved", cylinder.id, cylinder.organisation_id) for cylinder in moved]
    )


def _contradictions(cylinder: Cylinder, custody: Custody) -> list[intake.Contradiction]:
    facts = {"cylinder_id": cylinder.id, "code": cylinder.code}
    return [
        intake.Contradiction(cylinder.organisation_id, f"cylinder.{each.kind}", _records(cylinder, each), facts)
        for each in custody.contradictions
    ]


def _other_stamps(cylinder: Cylinder, movements: Sequence[CylinderMovement]) -> list[intake.Contradiction]:
    known = {"cylinder_id": cylinder.id, "code": cylinder.code}
    return [
        intake.Contradiction(
            cylinder.organisation_id,
            "cylinder.stamp_differs",
            (row.record_id, document_id(cylinder)),
            known | {"stamped": row.stamped, "photo": row.stamp_photo},
        )
        for row in movements
        if row.withdrawn_at is None and stamp_differs(cylinder.code, row.stamped)
    ]


def _records(cylinder: Cylinder, each: Contradiction) -> tuple[str, ...]:
    return tuple(filter(None, (each.earlier, each.later, document_id(cylinder))))


async def _movements_of_each(session: AsyncSession, cylinder_ids: Collection[str]) -> dict[str, list[CylinderMovement]]:
    found: dict[str, list[CylinderMovement]] = {cylinder_id: [] for cylinder_id in cylinder_ids}
    query = select(CylinderMovement).where(one_of(CylinderMovement.cylinder_id, sorted(cylinder_ids)))
    for row in await session.scalars(query.order_by(*_IN_ORDER)):
        if row.cylinder_id is not None:
            found[row.cylinder_id].append(row)
    return found


async def movements_of(session: AsyncSession, cylinder_id: str) -> Sequence[CylinderMovement]:
    query = select(CylinderMovement).where(CylinderMovement.cylinder_id == cylinder_id)
    return (await session.scalars(query.order_by(*_IN_ORDER))).all()


def custody_of(cylinder: Cylinder, movements: Sequence[CylinderMovement]) -> Custody:
    # What was recorded before anybody entered it began where it was entered.
    since = min([cylinder.registered_at, *(row.at for row in movements)])
    registered = Holder("station", cylinder.registered_with, since)
    return fold(
        registered,
        [
            Movement(
                record_id=row.record_id,
                kind=msgspec.convert(row.kind, Any),
                at=row.at,
                staff_id=row.staff_id,
                station_id=row.station_id,
                customer_id=row.customer_id,
                inspection_body=row.inspection_body,
            )
            for row in movements
            if row.withdrawn_at is None
        ],
    )
