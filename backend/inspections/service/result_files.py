"""An inspection body's list of results from Excel or CSV: good rows taken, each other one told."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import UnusableError
from backend.inspections.schemas import RefusedResult, Result, ResultIn, ResultsReport
from backend.inspections.service.results import Flaw, Sheet, differs, flaw_of, open_sheet, write_results
from backend.scope import Caller
from backend.tables import Cell, date_of, find_head, lost_digits, read_table, text_of

_HEADS = {
    "code": ("气瓶编号", "二维码", "钢印号", "气瓶条码", "气瓶编码", "编号", "cylinder code"),
    "result": ("检验结果", "检验结论", "结果", "结论", "result"),
    "inspected_on": ("检验日期", "检验时间", "本次检验日期", "inspected on", "inspected"),
    "next_inspection_on": ("下次检验日期", "下次检验", "下次检验年月", "有效期至", "next inspection"),
    "report_number": ("报告编号", "检验报告编号", "证书编号", "report"),
    "note": ("备注", "说明", "不合格原因", "note"),
}
_WORDS: dict[str, Result] = {
    "合格": "passed",
    "passed": "passed",
    "pass": "passed",
    "不合格": "failed",
    "报废": "failed",
    "判废": "failed",
    "failed": "failed",
    "fail": "failed",
    "维修": "repair",
    "待修": "repair",
    "返修": "repair",
    "repair": "repair",
}


async def take_results_file(
    session: AsyncSession, caller: Caller, batch_id: str, content: bytes, *, dry_run: bool
) -> ResultsReport:
    sheet = await open_sheet(session, caller, batch_id)
    table = await asyncio.to_thread(read_table, content)
    head = find_head(table, _HEADS)
    if missing := [_HEADS[name][0] for name in ("code", "result", "inspected_on") if name not in head.columns]:
        raise UnusableError(
            "inspection.no_column",
            f"表里缺少列：{'、'.join(missing)}。",
            f"The table lacks columns: {', '.join(missing)}.",
            missing=missing,
        )
    good: dict[str, ResultIn] = {}
    rejected: list[RefusedResult] = []
    seen: set[str] = set()
    read = unchanged = 0
    for number, row in enumerate(table[head.row + 1 :], head.row + 2):
        if not any(text_of(cell) for cell in row):
            continue
        read += 1
        found = _read(row, head.columns)
        flaw = found if isinstance(found, Flaw) else _flaw(sheet, found, seen)
        if flaw is not None:
            code = text_of(_cell(row, head.columns, "code"))
            rejected.append(
                RefusedResult(row=number, code=code, reason=flaw.code, reason_zh=flaw.zh, reason_en=flaw.en)
            )
        elif isinstance(found, ResultIn) and differs(sheet, found):
            good[found.code] = found
        else:
            unchanged += 1
    if good and not dry_run:
        await write_results(session, caller, sheet, list(good.values()))
    return ResultsReport(dry_run=dry_run, read=read, taken=len(good), unchanged=unchanged, rejected=tuple(rejected))


def _flaw(sheet: Sheet, found: ResultIn, seen: set[str]) -> Flaw | None:
    if found.code in seen:
        return Flaw("duplicate_code", "编号在表里重复", "the code stands twice in the table")
    seen.add(found.code)
    return flaw_of(sheet, found)


def _cell(row: Sequence[Cell], columns: Mapping[str, int], name: str) -> Cell:
    column = columns.get(name, len(row))
    return row[column] if column < len(row) else None


def _read(row: Sequence[Cell], columns: Mapping[str, int]) -> ResultIn | Flaw:
    said = {name: text_of(_cell(row, columns, name)) for name in _HEADS}
    if not said["code"] or lost_digits(_cell(row, columns, "code")):
        return Flaw("no_code", "缺少气瓶编号，或编号存成了数字", "the code is missing or was kept as a number")
    result = _WORDS.get(said["result"].casefold())
    if result is None:
        return Flaw(
            "unknown_result",
            f"检验结果应为合格、不合格或维修：{said['result']}",
            f"the result is none of passed, failed, repair: {said['result']}",
        )
    try:
        inspected = date_of(_cell(row, columns, "inspected_on"))
        due: date | None = date_of(_cell(row, columns, "next_inspection_on"), month_end=True)
    except ValueError as error:
        return Flaw("bad_date", f"日期无效：{error}", f"no date: {error}")
    if inspected is None:
        return Flaw("no_date", "缺少检验日期", "the date of the inspection is missing")
    return ResultIn(
        code=said["code"],
        result=result,
        inspected_on=inspected,
        next_inspection_on=due,
        report_number=said["report_number"][:200],
        note=said["note"][:200],
    )
