"""What an import would do: each row against its file, the archive and the tags."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.bulk import Row, one_of
from backend.cylinders.importing.rows import Flaw, ReadRow, order_flaws
from backend.cylinders.models import Cylinder
from backend.cylinders.rules import plain_uid
from backend.cylinders.schemas import RejectedRow
from backend.cylinders.service.dead_tags import dead_among
from backend.cylinders.tag_models import CylinderTag
from backend.reference import service as reference
from backend.reference.schemas import InspectionPeriod
from backend.scope import Caller


class Plan(msgspec.Struct):
    """What is to be written of a file, and what not."""

    created: list[Row]
    changed: dict[str, Row]
    unchanged: int
    rejected: list[RejectedRow]


async def plan_import(
    session: AsyncSession,
    caller: Caller | None,
    rows: Sequence[ReadRow],
    place: reference.Place,
    *,
    keep_existing: bool,
) -> Plan:
    held = await _held(session, place.company_id, {row.code for row in rows if row.code})
    tags = {uid for row in rows if (uid := plain_uid(row.fields.get("tag_uid", "")))}
    carried = await _carried(session, place.company_id, tags)
    dead = await dead_among(session, tags)
    periods = (await reference.find_periods(session, place.company_id)).entries
    reach = {unit.id for unit in await accounts.units_under(session, place.company_id) if may_edit(caller, unit.path)}

    def sift() -> Plan:
        plan = Plan([], {}, 0, [])
        codes: dict[str, int] = {}
        uids: dict[str, int] = {}
        for row in rows:
            there = held.get(row.code)
            flaws = [*row.flaws, *_repeats(row, codes, uids)]
            flaws += _against(row, there, reach, keep_existing=keep_existing)
            flaws += _tag_flaws(row, carried, dead, there)
            merged = _merged(row, there, place, periods)
            flaws += order_flaws(merged)
            if flaws:
                plan.rejected.append(_rejected(row, flaws))
            elif there is None:
                plan.created.append(merged)
            elif changed := {name: value for name, value in merged.items() if there[name] != value}:
                plan.changed[there["id"]] = changed
            else:
                plan.unchanged += 1
        return plan

    return await asyncio.to_thread(sift)


def may_edit(caller: Caller | None, path: str) -> bool:
    return caller is None or caller.holds("cylinder.edit", path)


async def _held(session: AsyncSession, company_id: str, codes: set[str]) -> dict[str, Row]:
    table = Cylinder.__table__
    query = select(table).where(table.c.company_id == company_id, one_of(table.c.code, sorted(codes)))
    return {row["code"]: dict(row) for row in (await session.execute(query)).mappings()}


async def _carried(session: AsyncSession, company_id: str, tags: set[str]) -> dict[str, tuple[str, str]]:
    """Plain UID -> id and code of the cylinder that carries it, or was the first to: no other ever may, of whatever
    company (5.8.6-4b). Which one of another company it is, is nobody's business here.
    """
    uid = func.upper(func.replace(Cylinder.tag_uid, ":", ""))
    named = (Cylinder.id, Cylinder.code, Cylinder.company_id)
    carried = select(uid, *named).where(Cylinder.tag_uid != "", one_of(uid, sorted(tags)))
    owners = select(CylinderTag.uid, *named).join(Cylinder, Cylinder.id == CylinderTag.cylinder_id)
    found = [
        *(await session.execute(carried)),
        *(await session.execute(owners.where(one_of(CylinderTag.uid, sorted(tags))))),
    ]
    return {
        tag: (cylinder_id, code if owner == company_id else "另一企业 / another company")
        for tag, cylinder_id, code, owner in found
    }


def _repeats(row: ReadRow, codes: dict[str, int], uids: dict[str, int]) -> list[Flaw]:
    found = []
    if row.code and (first := codes.setdefault(row.code, row.number)) != row.number:
        found.append(Flaw("duplicate_code", f"编号与第 {first} 行重复", f"the code repeats that of row {first}"))
    uid = plain_uid(row.fields.get("tag_uid", ""))
    if uid and (first := uids.setdefault(uid, row.number)) != row.number:
        found.append(Flaw("duplicate_tag", f"标签与第 {first} 行重复", f"the tag repeats that of row {first}"))
    return found


def _against(row: ReadRow, there: Row | None, reach: set[str], *, keep_existing: bool) -> list[Flaw]:
    """What is in the archive already, or is missing for a new one."""
    if there is None:
        # (Of a size that there is not, its own flaw speaks.)
        missing = "specification" not in row.fields and not any(f.code == "unknown_specification" for f in row.flaws)
        return [Flaw("no_specification", "新气瓶缺少规格", "a new cylinder needs its size")] if missing else []
    if there["organisation_id"] not in reach:
        return [Flaw("of_another_station", "编号已属于其他站", "the code is another station's cylinder")]
    differs = any(there[name] != value for name, value in _said_of(row, there).items())
    if differs and there["scrapped"]:
        return [Flaw("scrapped", "该编号的气瓶已报废，不得再用", "the cylinder of this code is scrapped")]
    if row.fields.get("scrapped") and not there["scrapped"]:
        return [Flaw("scrap_apart", "在用气瓶的报废请单独登记原因", "record the scrapping with its reason instead")]
    if differs and keep_existing:
        return [Flaw("in_archive", "编号已在档案中，内容不同", "the code is in the archive with other data")]
    return []


def _said_of(row: ReadRow, there: Row | None) -> Row:
    """Of one that is there: when it was registered stays, and a tag written otherwise is the same tag."""
    fields = dict(row.fields)
    if there is not None:
        fields.pop("registered_at", None)
        if plain_uid(fields.get("tag_uid", "")) == plain_uid(there["tag_uid"]):
            fields.pop("tag_uid", None)
    return fields


def _tag_flaws(
    row: ReadRow, carried: Mapping[str, tuple[str, str]], dead: Mapping[str, str], there: Row | None
) -> list[Flaw]:
    uid = plain_uid(row.fields.get("tag_uid", ""))
    if not uid or (there is not None and plain_uid(there["tag_uid"]) == uid):
        return []
    if uid in dead:
        return [Flaw("dead_tag", "标签已报废或剥离，不得再用", "the tag is dead and is never used again")]
    cylinder_id, code = carried.get(uid, ("", ""))
    if cylinder_id and (there is None or there["id"] != cylinder_id):
        return [Flaw("tag_taken", f"标签属于另一只气瓶（{code}）", f"the tag belongs to another cylinder ({code})")]
    if there is not None and there["tag_uid"]:
        return [Flaw("other_tag", "气瓶已有标签，换标签请单独办理", "it has a tag: a new one is bound apart")]
    return []


def _merged(row: ReadRow, there: Row | None, place: reference.Place, periods: Sequence[InspectionPeriod]) -> Row:
    """The archive as it will be; of one that is there, the fields that the row or the table of periods gives."""
    fields = _said_of(row, there)
    base = (
        there
        if there is not None
        else _BLANK | {"company_id": place.company_id, "organisation_id": place.organisation_id}
    )
    whole = base | fields
    found = reference.deadlines(
        periods,
        standard=whole["standard"],
        specification=whole["specification"],
        made_on=whole["made_on"],
        last_inspected_on=whole["last_inspected_on"],
    )
    fields["next_inspection_on"] = whole["next_inspection_on"] or found.next_inspection_on
    fields["service_ends_on"] = whole["service_ends_on"] or found.service_ends_on
    if there is not None:
        return {name: whole[name] for name in ("made_on", "last_inspected_on")} | fields
    return whole | fields | {"code": row.code}


_BLANK: Row = {
    "factory_number": "",
    "specification": "",
    "standard": "",
    "medium": "LPG",
    "tag_uid": "",
    "manufacturer": "",
    "made_on": None,
    "last_inspected_on": None,
    "next_inspection_on": None,
    "service_ends_on": None,
    "tare_kg": None,
    "water_capacity_l": None,
    "inspected_by": "",
    "owned": True,
    "scrapped": False,
    "tag_torn": False,
    "inspection_failed": False,
    "storage_position": "",
}


def _rejected(row: ReadRow, flaws: Sequence[Flaw]) -> RejectedRow:
    return RejectedRow(
        row=row.number,
        code=row.code,
        reasons=tuple(flaw.code for flaw in flaws),
        reason_zh="；".join(flaw.zh for flaw in flaws),
        reason_en="; ".join(flaw.en for flaw in flaws),
        cells=row.cells,
    )
