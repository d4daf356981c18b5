"""Stations brought in a spreadsheet: good rows are taken, each bad one is named with what is wrong in it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.errors import AppError, UnusableError
from backend.lists import Columns
from backend.pages import EXPORT_MOST
from backend.scope import Caller
from backend.stations import service
from backend.stations.schemas import RejectedRow, StationImport, StationIn, StationLine
from backend.tables import Cell, Head, date_of, find_head, read_table, text_of

# Field -> heads by which it is known; the export writes the first.
HEADS: dict[str, tuple[str, ...]] = {
    "code": ("场站编号", "编号"),
    "name": ("场站名称", "名称"),
    "kind": ("场站类型", "类型"),
    "organisation": ("所属单位", "单位"),
    "address": ("地址",),
    "lon": ("经度",),
    "lat": ("纬度",),
    "capacity_t": ("储存规模 t", "储存规模", "容量"),
    "manager": ("负责人", "站长"),
    "manager_phone": ("负责人电话", "电话"),
    "opened_on": ("投用日期", "启用日期"),
    "state": ("状态",),
}
KINDS = {"storage": "储配站", "supply": "供应站", "point": "供应点"}
STATES = {"open": "在用", "closed": "停用"}
_KIND_OF = {word: kind for kind, word in KINDS.items()} | {kind: kind for kind in KINDS}
_STATE_OF = {word: state for state, word in STATES.items()} | {state: state for state in STATES}


_WORDS: dict[str, Callable[[StationLine], str]] = {
    "kind": lambda line: KINDS[line.kind],
    "state": lambda line: STATES[line.state],
    "organisation": lambda line: line.organisation_name,
}
# What is exported, the import reads again.
COLUMNS: Columns = [(heads[0], _WORDS.get(field, field)) for field, heads in HEADS.items()]


async def import_stations(session: AsyncSession, caller: Caller, content: bytes, *, dry_run: bool) -> StationImport:
    """A station whose code is on record is changed, another one added; a trial leaves everything as it was."""
    rows = read_table(content)
    head = find_head(rows, HEADS)
    if lacking := [HEADS[field][0] for field in ("code", "name", "kind") if field not in head.columns]:
        raise UnusableError(
            "import.heads",
            f"表头缺少：{'、'.join(lacking)}。",
            f"The heads lack: {', '.join(lacking)}.",
            action="按导出的表格填写",
            action_en="Fill in the table as it is exported",
        )
    units = {one.name: one.id for one in await accounts.list_organisations(session, caller) if one.kind == "unit"}
    listed = await service.list_stations(session, caller, state="", limit=EXPORT_MOST)
    known = {line.code: line for line in listed.items}
    added = changed = 0
    rejected: list[RejectedRow] = []
    seen: set[str] = set()
    whole = await session.begin_nested()
    for number, row in enumerate(rows[head.row + 1 :], start=head.row + 2):
        if not any(text_of(cell) for cell in row):
            continue
        try:
            async with session.begin_nested():
                given = _read(row, head, units, known)
                if given.code in seen:
                    raise UnusableError("station.twice", "表中编号重复。", "The code stands twice in the table.")
                seen.add(given.code)
                if given.code in known:
                    await service.change_station(session, caller, known[given.code].id, given)
                    changed += 1
                else:
                    await service.create_station(session, caller, given)
                    added += 1
        except AppError as error:
            code = _text(row, head, "code")
            rejected.append(RejectedRow(row=number, code=code, zh=error.detail, en=error.detail_en))
    await (whole.rollback() if dry_run else whole.commit())
    return StationImport(added=added, changed=changed, rejected=rejected, unknown_heads=head.unknown, dry_run=dry_run)


def _text(row: Sequence[Cell], head: Head, field: str) -> str:
    column = head.columns.get(field)
    return text_of(row[column]) if column is not None and column < len(row) else ""


def _read(row: Sequence[Cell], head: Head, units: Mapping[str, str], known: Mapping[str, StationLine]) -> StationIn:
    """What the table has no column for stays as it is on record."""
    before = known.get(_text(row, head, "code"))
    fields: dict[str, Any] = {name: getattr(before, name) for name in StationIn.__struct_fields__} if before else {}
    for field in head.columns:
        if field != "organisation":
            fields[field] = _value(field, row, head)
    unit = _text(row, head, "organisation")
    if unit or before is None:
        if not unit and len(units) == 1:
            unit = next(iter(units))
        if not unit:
            raise UnusableError("station.unit", "没有填写“所属单位”。", "The unit is not given.")
        if unit not in units:
            raise UnusableError("station.unit", f"没有单位“{unit}”。", f"There is no unit {unit!r} within your reach.")
        fields["organisation_id"] = units[unit]
    try:
        return msgspec.convert(fields, StationIn)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`") if "$." in str(error) else ""
        name = HEADS[field][0] if field in HEADS else "所属单位"
        raise UnusableError("station.field", f"“{name}”填写有误。", f"{name}: {error}") from error


def _value(field: str, row: Sequence[Cell], head: Head) -> Any:
    text = _text(row, head, field)
    if field == "kind":
        return _KIND_OF.get(text, text)
    if field == "state":
        return _STATE_OF.get(text, text) if text else "open"
    try:
        if field in {"lon", "lat", "capacity_t"}:
            return float(text) if text else None
        if field == "opened_on":
            column = head.columns[field]
            return date_of(row[column] if column < len(row) else None)
    except ValueError as error:
        name = HEADS[field][0]
        raise UnusableError("station.field", f"“{name}”填写有误：{text}", f"{name} cannot be {text!r}.") from error
    return text
