"""The cylinders' archive, and where each has been: who holds it now is folded from the facts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.bulk import Row, insert_new, one_of
from backend.customers import service as customers
from backend.cylinders.models import Cylinder, CylinderMovement
from backend.cylinders.rules import DUE_SOON_DAYS, Custody, Holder, Movement, State, fold, state_of
from backend.cylinders.schemas import (
    ContradictionOut,
    CylinderIn,
    CylinderLine,
    CylinderOut,
    MovementOut,
    ReasonOut,
)
from backend.db import new_key
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.intake import service as intake
from backend.pages import Page
from backend.reference import service as reference
from backend.scope import Caller, scoped, within
from backend.taken import Taken
from sync.databases import BEIJING
from sync.documents import reference as documents
from sync.documents.cylinders import CylinderScan
from sync.rules.cylinders import verdict

# What a phone needs for its verdict, offline.
_POSTED = (
    *("code", "specification", "medium", "tag_uid", "manufacturer", "made_on", "next_inspection_on"),
    *("service_ends_on", "owned", "scrapped", "tag_torn"),
)
_LISTED = (*("id", "organisation_id", *_POSTED, "storage_position", "holder_kind", "holder_id", "holder_since"),)


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """One cylinder of a record, as its movement is to be written."""

    kind: str
    scan: CylinderScan
    vehicle: str = ""
    station_id: str = ""
    customer_id: str = ""
    detail: str = ""


async def create_cylinder(session: AsyncSession, caller: Caller, given: CylinderIn) -> CylinderOut:
    place = await reference.find_place(session, given.organisation_id, caller=caller, right="cylinder.edit")
    taken = select(Cylinder.id).where(Cylinder.company_id == place.company_id, Cylinder.code == given.code)
    if await session.scalar(taken) is not None:
        raise ConflictingError("cylinder.code_taken", "气瓶编号已存在。", "There is a cylinder of that code.")
    now = datetime.now(UTC)
    cylinder = Cylinder(
        id=new_key(),
        company_id=place.company_id,
        registered_at=now,
        holder_kind="station",
        holder_id=given.organisation_id,
        holder_since=now,
    )
    await _write(session, caller, cylinder, given)
    await _adopt(session, cylinder)
    return await find_cylinder(session, caller, cylinder.id)


async def change_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str, given: CylinderIn) -> CylinderOut:
    query = scoped(select(Cylinder).where(Cylinder.id == cylinder_id), Cylinder.organisation_id, caller)
    cylinder: Cylinder | None = await session.scalar(query.with_for_update())
    if cylinder is None:
        raise _unknown()
    await reference.find_place(session, cylinder.organisation_id, caller=caller, right="cylinder.edit")
    await reference.find_place(session, given.organisation_id, caller=caller, right="cylinder.edit")
    if given.organisation_id != cylinder.organisation_id:
        await intake.withdraw(session, unit_id=cylinder.organisation_id, document_id=_document_id(cylinder))
    await _write(session, caller, cylinder, given)
    return await find_cylinder(session, caller, cylinder.id)


async def _write(session: AsyncSession, caller: Caller, cylinder: Cylinder, given: CylinderIn) -> None:
    if given.made_on and given.service_ends_on and given.service_ends_on <= given.made_on:
        raise UnusableError("cylinder.service_ends", "使用年限早于制造年月。", "Its service ends before it was made.")
    for name in CylinderIn.__struct_fields__:
        setattr(cylinder, name, getattr(given, name))
    cylinder.tag_uid = given.tag_uid.strip().upper()
    session.add(cylinder)
    await session.flush()
    await audit.record(
        session,
        caller,
        "cylinder.saved",
        "cylinder",
        cylinder.id,
        {"code": cylinder.code, "scrapped": cylinder.scrapped},
        organisation_id=cylinder.organisation_id,
    )
    await _post(session, cylinder)
    await events.announce(session, "cylinder.changed", cylinder.id, cylinder.organisation_id)


def _document_id(cylinder: Cylinder) -> str:
    return documents.reference_id("reference.cylinder", cylinder.id)


def _document(cylinder: Cylinder) -> documents.Cylinder:
    return documents.Cylinder(id=_document_id(cylinder), **{name: getattr(cylinder, name) for name in _POSTED})


async def _post(session: AsyncSession, cylinder: Cylinder) -> None:
    """Written again only where what a verdict needs has changed: intake compares the content."""
    await intake.post(session, unit_id=cylinder.organisation_id, document=_document(cylinder))


async def _adopt(session: AsyncSession, cylinder: Cylinder) -> None:
    """Movements that were recorded before anybody had entered the cylinder."""
    await session.execute(
        update(CylinderMovement)
        .where(
            CylinderMovement.company_id == cylinder.company_id,
            CylinderMovement.cylinder_id.is_(None),
            CylinderMovement.code == cylinder.code,
        )
        .values(cylinder_id=cylinder.id)
    )
    await refold(session, [cylinder.id])


async def list_cylinders(
    session: AsyncSession,
    caller: Caller,
    *,
    search: str = "",
    organisation_id: str = "",
    specification: str = "",
    state: State | None = None,
    holder_kind: str = "",
    holder_id: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[CylinderLine]:
    """`search`: part of the code, factory number or tag UID (with or without colons)."""
    wanted: list[ColumnElement[bool]] = [within(Cylinder.organisation_id, caller)]
    pairs = (
        (Cylinder.organisation_id, organisation_id),
        (Cylinder.specification, specification),
        (Cylinder.holder_kind, holder_kind),
        (Cylinder.holder_id, holder_id),
    )
    wanted += [column == value for column, value in pairs if value]
    if search:
        uid = search.replace(":", "").replace(" ", "").upper()
        wanted.append(
            or_(
                Cylinder.code.icontains(search, autoescape=True),
                Cylinder.factory_number.icontains(search, autoescape=True),
                func.replace(Cylinder.tag_uid, ":", "").contains(uid, autoescape=True),
            )
        )
    if state is not None:
        wanted.append(_is(state, datetime.now(BEIJING).date()))
    total = await session.scalar(select(func.count(Cylinder.id)).where(*wanted))
    query = select(Cylinder).where(*wanted).order_by(Cylinder.code, Cylinder.id).limit(limit).offset(offset)
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    return Page(await _lines(session, rows), total or 0)


def _is(state: State, today: date) -> ColumnElement[bool]:
    """`rules.state_of`, asked of the table."""
    ended = func.coalesce(Cylinder.service_ends_on < today, False)
    overdue = func.coalesce(Cylinder.next_inspection_on < today, False)
    soon = func.coalesce(Cylinder.next_inspection_on <= today + timedelta(days=DUE_SOON_DAYS), False)
    alive = ~Cylinder.scrapped
    by_state: dict[State, ColumnElement[bool]] = {
        "scrapped": Cylinder.scrapped.is_(True),
        "service_ended": alive & ended,
        "overdue": alive & ~ended & overdue,
        "due_soon": alive & ~ended & ~overdue & soon,
        "normal": alive & ~ended & ~overdue & ~soon,
    }
    return by_state[state]


async def _lines(session: AsyncSession, rows: Sequence[Cylinder]) -> list[CylinderLine]:
    names = await _holder_names(session, rows)
    today = datetime.now(BEIJING).date()
    return [
        CylinderLine(
            state=state_of(
                scrapped=row.scrapped,
                service_ends_on=row.service_ends_on,
                next_inspection_on=row.next_inspection_on,
                today=today,
            ),
            holder_name=names.get(row.holder_id, ""),
            **{name: getattr(row, name) for name in _LISTED},
        )
        for row in rows
    ]


async def _holder_names(session: AsyncSession, rows: Sequence[Cylinder]) -> dict[str, str]:
    def held_by(kind: str) -> list[str]:
        return sorted({row.holder_id for row in rows if row.holder_kind == kind})

    names = await accounts.staff_names(session, held_by("vehicle"))
    found = await customers.names_of(session, held_by("customer"))
    names |= {key: line.name or line.code for key, line in found.items()}
    for station_id in held_by("station"):
        names[station_id] = (await accounts.find_organisation(session, station_id)).name
    return names


async def find_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str) -> CylinderOut:
    query = select(Cylinder).where(Cylinder.id == cylinder_id)
    cylinder: Cylinder | None = await session.scalar(
        scoped(query, Cylinder.organisation_id, caller).execution_options(populate_existing=True)
    )
    if cylinder is None:
        raise _unknown()
    movements = await _movements(session, cylinder.id)
    names = await accounts.staff_names(session, [movement.staff_id for movement in movements])
    custody = _custody(cylinder, movements)
    judged = verdict(_document(cylinder), cylinder.code, datetime.now(BEIJING).date(), "delivery")
    own = [name for name in MovementOut.__struct_fields__ if name != "staff_name"]
    archive = ("factory_number", "standard", "last_inspected_on", "tare_kg", "water_capacity_l", "registered_at")
    return CylinderOut(
        cylinder=(await _lines(session, [cylinder]))[0],
        allowed=judged.allowed,
        reasons=[ReasonOut(reason.code, reason.zh, reason.en) for reason in judged.reasons],
        chain=[
            MovementOut(staff_name=names.get(m.staff_id, ""), **{name: getattr(m, name) for name in own})
            for m in reversed(movements)
        ],
        contradictions=[ContradictionOut(c.kind, c.earlier, c.later) for c in custody.contradictions],
        **{name: getattr(cylinder, name) for name in archive},
    )


def _unknown() -> MissingError:
    return MissingError("cylinder.unknown", "没有这个气瓶。", "There is no such cylinder.")


async def record_movements(session: AsyncSession, recorded: Sequence[tuple[Taken[Any], Sequence[Scanned]]]) -> None:
    """Each cylinder of these records, once; then who holds it is folded anew."""
    known = await _known(session, recorded)
    rows = [_movement(taken, each, known) for taken, scanned in recorded for each in scanned]
    rows.sort(key=lambda row: (row["record_id"], row["kind"], row["code"]))
    await insert_new(session, CylinderMovement, rows)
    await refold(session, {row["cylinder_id"] for row in rows if row["cylinder_id"] is not None})


def _movement(taken: Taken[Any], each: Scanned, known: Mapping[tuple[str, str], str]) -> Row:
    company_id, scan = taken.company_id, each.scan
    return {
        "record_id": taken.record.id,
        "organisation_id": taken.organisation_id,
        "company_id": company_id,
        "cylinder_id": known.get((company_id, _key(scan))) or known.get((company_id, scan.code)),
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
    }


def _key(scan: CylinderScan) -> str:
    """The phone knows a cylinder by its reference document or by the bare id."""
    return scan.cylinder_id.rpartition(":")[2]


async def _known(
    session: AsyncSession, recorded: Sequence[tuple[Taken[Any], Sequence[Scanned]]]
) -> dict[tuple[str, str], str]:
    """Cylinder ids by company and id, and by company and code."""
    scans = [each.scan for _, scanned in recorded for each in scanned]
    rows = await session.execute(
        select(Cylinder.company_id, Cylinder.id, Cylinder.code).where(
            one_of(Cylinder.company_id, {taken.company_id for taken, _ in recorded}),
            or_(
                one_of(Cylinder.id, {key for scan in scans if (key := _key(scan))}),
                one_of(Cylinder.code, {scan.code for scan in scans}),
            ),
        )
    )
    found: dict[tuple[str, str], str] = {}
    for company_id, cylinder_id, code in rows:
        found |= {(company_id, cylinder_id): cylinder_id, (company_id, code): cylinder_id}
    return found


async def refold(session: AsyncSession, cylinder_ids: Collection[str]) -> None:
    """Holders and contradictions from all movements; a contradiction that a later arrival explains is taken back."""
    if not cylinder_ids:
        return
    # In one order always: two batches that move the same cylinders wait for each other instead of dead-locking.
    # (FOR NO KEY UPDATE: the movements just written refer to them, those of the other batch too.)
    query = select(Cylinder).where(one_of(Cylinder.id, sorted(cylinder_ids))).order_by(Cylinder.id)
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    cylinders = (await session.scalars(locked)).all()
    movements = await _movements_of(session, cylinder_ids)
    moved: list[events.Event] = []
    found: list[intake.Contradiction] = []
    for cylinder in cylinders:
        custody = _custody(cylinder, movements[cylinder.id])
        holder = custody.holder
        if (cylinder.holder_kind, cylinder.holder_id) != (holder.kind, holder.id):
            moved.append(events.Event("cylinder.moved", cylinder.id, cylinder.organisation_id))
        cylinder.holder_kind, cylinder.holder_id = holder.kind, holder.id
        cylinder.holder_since, cylinder.last_record_id = holder.since, holder.record_id
        found += _contradictions(cylinder, custody)
    await session.flush()
    await intake.retract_conflicts(
        session,
        subjects=[_document_id(cylinder) for cylinder in cylinders],
        kind_prefix="cylinder.",
        keep=[(each.kind, each.record_ids) for each in found],
    )
    await intake.open_conflicts(session, found)
    await events.announce_all(session, moved)


def _contradictions(cylinder: Cylinder, custody: Custody) -> list[intake.Contradiction]:
    facts = {"cylinder_id": cylinder.id, "code": cylinder.code}
    return [
        intake.Contradiction(
            cylinder.organisation_id, f"cylinder.{each.kind}", (each.earlier, each.later, _document_id(cylinder)), facts
        )
        for each in custody.contradictions
    ]


async def _movements_of(session: AsyncSession, cylinder_ids: Collection[str]) -> dict[str, list[CylinderMovement]]:
    found: dict[str, list[CylinderMovement]] = {cylinder_id: [] for cylinder_id in cylinder_ids}
    query = select(CylinderMovement).where(one_of(CylinderMovement.cylinder_id, sorted(cylinder_ids)))
    for row in await session.scalars(query.order_by(CylinderMovement.at, CylinderMovement.record_id)):
        if row.cylinder_id is not None:
            found[row.cylinder_id].append(row)
    return found


async def _movements(session: AsyncSession, cylinder_id: str) -> Sequence[CylinderMovement]:
    query = select(CylinderMovement).where(CylinderMovement.cylinder_id == cylinder_id)
    return (await session.scalars(query.order_by(CylinderMovement.at, CylinderMovement.record_id))).all()


def _custody(cylinder: Cylinder, movements: Sequence[CylinderMovement]) -> Custody:
    registered = Holder("station", cylinder.organisation_id, cylinder.registered_at)
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
            )
            for row in movements
        ],
    )
