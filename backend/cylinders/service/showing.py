"""Cylinders as the office sees them: lists, and one with its chain."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.bulk import one_of
from backend.customers import service as customers
from backend.cylinders.models import Cylinder, CylinderMovement
from backend.cylinders.rules import DUE_SOON_DAYS, State, state_of
from backend.cylinders.schemas import ContradictionOut, CylinderLine, CylinderOut, MovementOut, ReasonOut
from backend.cylinders.service.movements import custody_of, movements_of
from backend.cylinders.service.posting import POSTED, document, unknown
from backend.pages import Page
from backend.scope import Caller, scoped, within
from sync.databases import BEIJING
from sync.rules.cylinders import verdict

_ARCHIVED = (
    "factory_number",
    "standard",
    "last_inspected_on",
    "tare_kg",
    "water_capacity_l",
    "inspected_by",
    "registered_at",
)
_LISTED = (
    *(name for name in (*POSTED, *_ARCHIVED) if name in CylinderLine.__struct_fields__),
    *("id", "organisation_id", "storage_position", "holder_kind", "holder_id", "holder_since"),
)
_REPORTED = (
    *("code", "factory_number", "specification", "standard", "medium", "tag_uid", "manufacturer", "made_on"),
    *("last_inspected_on", "next_inspection_on", "service_ends_on", "tare_kg", "water_capacity_l", "owned"),
    *("scrapped", "tag_torn", "registered_at"),
)


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
    at_customers: Sequence[str] = (),
    tagged: bool | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Page[CylinderLine]:
    """`search`: part of the code, factory number or tag UID (with or without colons); those at one of `at_customers`
    are found besides. `tagged`: with or without a tag (5.8.6), scrapped ones aside.
    """
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
                and_(Cylinder.holder_kind == "customer", one_of(Cylinder.holder_id, at_customers)),
            )
        )
    if tagged is not None:
        wanted += [~Cylinder.scrapped, (Cylinder.tag_uid != "") == tagged]
    if state is not None:
        wanted.append(_is(state, datetime.now(BEIJING).date()))
    total = await session.scalar(select(func.count(Cylinder.id)).where(*wanted))
    query = select(Cylinder).where(*wanted).order_by(Cylinder.code, Cylinder.id).limit(limit).offset(offset)
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    return Page(await lines_of(session, rows), total or 0)


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


async def lines_of(session: AsyncSession, rows: Sequence[Cylinder]) -> list[CylinderLine]:
    names = await holder_names(session, rows)
    stations = await accounts.organisations_by_id(session, {row.organisation_id for row in rows})
    today = datetime.now(BEIJING).date()
    return [
        CylinderLine(
            state=state_of(
                scrapped=row.scrapped,
                service_ends_on=row.service_ends_on,
                next_inspection_on=row.next_inspection_on,
                today=today,
            ),
            organisation_name=stations[row.organisation_id].name,
            holder_name=names.get(row.holder_id, ""),
            **{name: getattr(row, name) for name in _LISTED},
        )
        for row in rows
    ]


async def holder_names(session: AsyncSession, rows: Sequence[Cylinder]) -> dict[str, str]:
    def held_by(kind: str) -> list[str]:
        return sorted({row.holder_id for row in rows if row.holder_kind == kind})

    names = await accounts.staff_names(session, held_by("vehicle"))
    found = await customers.names_of(session, held_by("customer"))
    names |= {key: line.name or line.code for key, line in found.items()}
    stations = await accounts.organisations_by_id(session, held_by("station"))
    names |= {key: station.name for key, station in stations.items()}
    # An inspection body is known by its name alone.
    return names | {name: name for name in held_by("inspection_body")}


async def find_cylinder(session: AsyncSession, caller: Caller, cylinder_id: str) -> CylinderOut:
    query = select(Cylinder).where(Cylinder.id == cylinder_id)
    cylinder: Cylinder | None = await session.scalar(
        scoped(query, Cylinder.organisation_id, caller).execution_options(populate_existing=True)
    )
    if cylinder is None:
        raise unknown()
    movements = await movements_of(session, cylinder.id)
    names = await accounts.staff_names(session, [movement.staff_id for movement in movements])
    custody = custody_of(cylinder, movements)
    judged = verdict(document(cylinder), cylinder.code, datetime.now(BEIJING).date(), "delivery")
    own = [name for name in MovementOut.__struct_fields__ if name not in {"staff_name", "lon", "lat"}]
    points = await _points(session, cylinder.id)
    return CylinderOut(
        cylinder=(await lines_of(session, [cylinder]))[0],
        allowed=judged.allowed,
        reasons=[ReasonOut(reason.code, reason.zh, reason.en) for reason in judged.reasons],
        chain=[
            MovementOut(
                staff_name=names.get(m.staff_id, ""),
                lon=points[m.id][0] if m.id in points else None,
                lat=points[m.id][1] if m.id in points else None,
                **{name: getattr(m, name) for name in own},
            )
            for m in reversed(movements)
        ],
        contradictions=[ContradictionOut(c.kind, c.earlier, c.later) for c in custody.contradictions],
        **{name: getattr(cylinder, name) for name in _ARCHIVED},
    )


async def _points(session: AsyncSession, cylinder_id: str) -> dict[int, tuple[float, float]]:
    move = CylinderMovement
    query = select(move.id, func.ST_X(move.point), func.ST_Y(move.point))
    rows = await session.execute(query.where(move.cylinder_id == cylinder_id, move.point.is_not(None)))
    return {key: (lon, lat) for key, lon, lat in rows}


async def regulator_items(session: AsyncSession, cylinder_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Row T2-05: the archive, and where it is now; at whose home is not told."""
    rows = (await session.scalars(select(Cylinder).where(Cylinder.id.in_(cylinder_ids)))).all()
    names = await holder_names(session, [row for row in rows if row.holder_kind != "customer"])
    return {
        row.id: {
            **{name: getattr(row, name) for name in _REPORTED},
            "holder": {
                "kind": row.holder_kind,
                "name": names.get(row.holder_id, ""),
                "since": row.holder_since,
                "record_id": row.last_record_id,
            },
        }
        for row in rows
    }


async def scrapped_among(session: AsyncSession, cylinder_ids: Collection[str]) -> set[str]:
    query = select(Cylinder.id).where(one_of(Cylinder.id, sorted(cylinder_ids)), Cylinder.scrapped)
    return set(await session.scalars(query))
