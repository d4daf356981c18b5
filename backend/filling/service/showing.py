"""Fillings as the office, the public and the regulator see them."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend.accounts import service as accounts
from backend.errors import MissingError
from backend.filling.models import Filling, FillingAfterCheck, FillingCheck
from backend.filling.rules import State
from backend.filling.schemas import CheckAfterOut, CheckBeforeOut, FillingDetail, FillingOut, LastFilling
from backend.filling.service.settling import checks_of, counts
from backend.pages import Page
from backend.scope import Caller, scoped, within
from sync.documents.filling import basic_date

_COMPUTED = {"station_name", "staff_name", "filled_on", "last_filled_on", "final_net_kg"}
_COPIED = tuple(name for name in FillingOut.__struct_fields__ if name not in _COMPUTED)
# What the regulator reads of each: E5.8.8-3, and how it ended.
_REPORTED = (
    *("code", "filling_company", "inspection_company", "gun_number", "gross_kg", "net_kg", "tare_kg", "residue_kg"),
    *("medium", "filled_on", "last_filled_on", "filler_number", "scale_number", "started_at", "ended_at", "ended"),
    *("organisation_id", "station_name", "final_net_kg", "state"),
)


async def list_fillings(
    session: AsyncSession,
    caller: Caller,
    *,
    since: date | None = None,
    until: date | None = None,
    search: str = "",
    organisation_id: str = "",
    staff_id: str = "",
    gun_number: str = "",
    state: State | None = None,
    doubted: bool = False,
    withdrawn: bool = False,
    limit: int = 100,
    offset: int = 0,
) -> Page[FillingOut]:
    """Newest first; `since` and `until` are days of filling, both included. Replaced ones are left out, withdrawn ones
    shown only where asked for. `search`: part of the cylinder's code or the filler's number.
    """
    wanted: list[ColumnElement[bool]] = [within(Filling.organisation_id, caller), Filling.corrected_by == ""]
    wanted.append(Filling.withdrawn_at.is_not(None) if withdrawn else Filling.withdrawn_at.is_(None))
    pairs = (
        (Filling.organisation_id, organisation_id),
        (Filling.staff_id, staff_id),
        (Filling.gun_number, gun_number),
        (Filling.state, state),
    )
    wanted += [column == value for column, value in pairs if value]
    if since is not None:
        wanted.append(Filling.filled_on >= since)
    if until is not None:
        wanted.append(Filling.filled_on <= until)
    if search:
        wanted.append(
            Filling.code.icontains(search, autoescape=True) | Filling.filler_number.icontains(search, autoescape=True)
        )
    if doubted:
        wanted.append(func.cardinality(Filling.doubts) > 0)
    total = await session.scalar(select(func.count(Filling.id)).where(*wanted))
    query = select(Filling).where(*wanted).order_by(Filling.at.desc(), Filling.id.desc()).limit(limit).offset(offset)
    rows = (await session.scalars(query.execution_options(populate_existing=True))).all()
    return Page(await _lines(session, rows), total or 0)


async def _lines(session: AsyncSession, rows: Sequence[Filling]) -> list[FillingOut]:
    names = await accounts.staff_names(session, [row.staff_id for row in rows])
    stations = await accounts.organisations_by_id(session, [row.organisation_id for row in rows])
    earlier = await _filled_before(session, [row.id for row in rows])
    checks = await checks_of(session, [row.id for row in rows])
    return [
        FillingOut(
            station_name=stations[row.organisation_id].name,
            staff_name=names.get(row.staff_id, ""),
            filled_on=basic_date(row.filled_on),
            last_filled_on=_basic(earlier.get(row.id) or row.last_filled_on),
            final_net_kg=_final_net_kg(row, checks[row.id]),
            **{name: getattr(row, name) for name in _COPIED},
        )
        for row in rows
    ]


def _basic(day: date | None) -> str:
    return basic_date(day) if day else ""


def _final_net_kg(row: Filling, checks: Sequence[FillingAfterCheck]) -> float:
    if not checks:
        return row.net_kg
    last = checks[-1]
    gross_kg = last.reweighed_gross_kg if last.drained_gross_kg is None else last.drained_gross_kg
    return round(gross_kg - row.tare_kg, 3)


async def _filled_before(session: AsyncSession, filling_ids: Sequence[str]) -> dict[str, date]:
    """末次充装: when the cylinder was filled the time before, by the company's records."""
    earlier = aliased(Filling)
    last = (
        select(earlier.filled_on)
        .where(
            earlier.company_id == Filling.company_id,
            earlier.code == Filling.code,
            earlier.at < Filling.at,
            earlier.corrected_by == "",
            earlier.withdrawn_at.is_(None),
        )
        .order_by(earlier.at.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = await session.execute(select(Filling.id, last).where(Filling.id.in_(filling_ids)))
    return {filling_id: day for filling_id, day in rows if day is not None}


async def find_filling(session: AsyncSession, caller: Caller, filling_id: str) -> FillingDetail:
    query = scoped(select(Filling).where(Filling.id == filling_id), Filling.organisation_id, caller)
    row: Filling | None = await session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise MissingError("filling.unknown", "没有这条充装记录。", "There is no such filling.")
    before: FillingCheck | None = await session.scalar(
        scoped(select(FillingCheck).where(FillingCheck.id == row.check_id), FillingCheck.organisation_id, caller)
    )
    checks = (await checks_of(session, [row.id]))[row.id]
    names = await accounts.staff_names(session, [each.staff_id for each in (*checks, *((before,) if before else ()))])
    return FillingDetail(
        filling=(await _lines(session, [row]))[0],
        before=_shown(CheckBeforeOut, before, names) if before else None,
        after=[_shown(CheckAfterOut, check, names) for check in checks],
        photos=row.photos,
        note=row.note,
    )


def _shown(kind: type[Any], row: FillingCheck | FillingAfterCheck, names: dict[str, str]) -> Any:
    own = [name for name in kind.__struct_fields__ if name != "staff_name"]
    return kind(staff_name=names.get(row.staff_id, ""), **{name: getattr(row, name) for name in own})


async def last_filling(session: AsyncSession, company_id: str, code: str) -> LastFilling | None:
    """What anybody may know of a cylinder's last filling: no names, no places."""
    query = select(Filling).where(Filling.company_id == company_id, Filling.code == code, *counts())
    row = await session.scalar(query.order_by(Filling.at.desc(), Filling.id.desc()).limit(1))
    if row is None:
        return None
    net_kg = _final_net_kg(row, (await checks_of(session, [row.id]))[row.id])
    return LastFilling(filled_on=row.filled_on, filling_company=row.filling_company, medium=row.medium, net_kg=net_kg)


async def regulator_items(session: AsyncSession, filling_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """气瓶充装记录 (T2-10): the fields of E5.8.8-3, days as YYYYMMDD; the filler by his staff number, no names."""
    rows = (await session.scalars(select(Filling).where(Filling.id.in_(filling_ids), *counts()))).all()
    return {line.id: {name: getattr(line, name) for name in _REPORTED} for line in await _lines(session, rows)}
