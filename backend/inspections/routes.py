"""Inspections and repairs over HTTP."""

from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from sqlalchemy.ext.asyncio import AsyncSession

from backend.inspections import service
from backend.inspections.schemas import (
    BatchFilters,
    BatchIn,
    BatchOut,
    RepairIn,
    RepairOut,
    ResultsIn,
    ResultsReport,
)
from backend.lists import list_routes
from backend.scope import Caller, requires
from backend.tables import read_upload, xlsx_response

_VIEW = [requires("cylinder.view")]
_EDIT = [requires("cylinder.edit")]
_LARGEST_BODY = 1 << 26
# The sheet that goes with the cylinders; filled in by the inspection body it is read again as their results.
SHEET_HEADS = {
    "code": "气瓶编号",
    "specification": "规格",
    "due_on": "应检日期",
    "result": "检验结果",
    "inspected_on": "检验日期",
    "next_inspection_on": "下次检验日期",
    "report_number": "报告编号",
    "note": "备注",
}
_BATCHES = (
    ("送检单号", "number"),
    ("所属站", "organisation_name"),
    ("检验机构", "inspection_body"),
    ("送检日期", "sent_on"),
    ("经办人", "staff_name"),
    ("送检", "total"),
    ("未返回", "out"),
    ("合格", "passed"),
    ("不合格", "failed"),
    ("备注", "note"),
)
_RESULTS = {"passed": "合格", "failed": "不合格", "": ""}


class ResultsForm(msgspec.Struct, kw_only=True):
    file: UploadFile
    dry_run: bool = False


@post("/batches", guards=_EDIT)
async def send_batch(session: AsyncSession, caller: Caller, data: BatchIn) -> BatchOut:
    return await service.send_batch(session, caller, data)


@get("/batches/{batch_id:str}", guards=_VIEW)
async def find_batch(session: AsyncSession, caller: Caller, batch_id: str) -> BatchOut:
    return await service.find_batch(session, caller, batch_id)


@get("/batches/{batch_id:str}/sheet.xlsx", guards=_VIEW)
async def print_sheet(session: AsyncSession, caller: Caller, batch_id: str) -> Response[bytes]:
    found = await service.find_batch(session, caller, batch_id)
    items = [msgspec.structs.replace(item, result=_RESULTS[item.result]) for item in found.items]
    return xlsx_response(found.batch.number, SHEET_HEADS, items)


@post("/batches/{batch_id:str}/results", status_code=200, guards=_EDIT)
async def record_results(session: AsyncSession, caller: Caller, batch_id: str, data: ResultsIn) -> BatchOut:
    return await service.record_results(session, caller, batch_id, data.results)


@post("/batches/{batch_id:str}/results-file", status_code=200, guards=_EDIT, request_max_body_size=_LARGEST_BODY)
async def take_results_file(
    session: AsyncSession,
    caller: Caller,
    batch_id: str,
    data: Annotated[ResultsForm, Body(media_type=RequestEncodingType.MULTI_PART)],
) -> ResultsReport:
    content = await read_upload(data.file)
    return await service.take_results_file(session, caller, batch_id, content, dry_run=data.dry_run)


@delete("/batches/{batch_id:str}/items/{item_id:str}", status_code=200, guards=_EDIT)
async def withdraw_item(session: AsyncSession, caller: Caller, batch_id: str, item_id: str) -> BatchOut:
    return await service.withdraw_item(session, caller, batch_id, item_id)


@post("/repairs", guards=_EDIT)
async def record_repair(session: AsyncSession, caller: Caller, data: RepairIn) -> RepairOut:
    return await service.record_repair(session, caller, data)


@get("/repairs", guards=_VIEW)
async def list_repairs(session: AsyncSession, caller: Caller, cylinder_id: str) -> list[RepairOut]:
    return await service.list_repairs(session, caller, cylinder_id)


router = Router(
    "/api/inspections",
    tags=["inspections"],
    route_handlers=[
        *list_routes("/batches", service.list_batches, BatchFilters, _BATCHES, guards=_VIEW),
        send_batch,
        find_batch,
        print_sheet,
        record_results,
        take_results_file,
        withdraw_item,
        record_repair,
        list_repairs,
    ],
)
