"""Hazards, suspected leaks and third-party works over HTTP."""

from datetime import datetime
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.hazards import service
from backend.hazards.rules import Stage
from backend.hazards.schemas import (
    ConfirmLeak,
    Decide,
    Dispatch,
    Extend,
    HazardLine,
    HazardOut,
    Lane,
    LeakOut,
    Reasoned,
    Recheck,
    Rectify,
    WorksOut,
)
from backend.pages import EXPORT_MOST, Limit, Offset, Page, csv_response
from backend.scope import Caller, requires

GEOJSON = "application/geo+json"
_VIEW = [requires("hazard.view")]
_DECIDE = [requires("hazard.decide")]
_HEADS = {
    "number": "编号",
    "reported_at": "上报时间",
    "reported_by_name": "上报人",
    "source": "来源",
    "hazard_type": "类型",
    "address": "地址",
    "proposed_grade": "初判等级",
    "grade": "核定等级",
    "stage": "阶段",
    "department": "责任部门",
    "responsible_name": "责任人",
    "due_on": "期限",
    "overdue": "逾期",
    "extended": "延期次数",
    "supervised": "挂牌督办",
    "closed_at": "销号时间",
}


@get("/hazards", guards=_VIEW)
async def list_hazards(
    session: AsyncSession,
    caller: Caller,
    *,
    stage: Stage | None = None,
    grade: str = "",
    hazard_type: str = "",
    department: str = "",
    source: str = "",
    customer_id: str = "",
    overdue: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
    search: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[HazardLine]:
    return await service.list_hazards(
        session,
        caller,
        stage=stage,
        grade=grade,
        hazard_type=hazard_type,
        department=department,
        source=source,
        customer_id=customer_id,
        overdue=overdue,
        since=since,
        until=until,
        search=search,
        limit=limit,
        offset=offset,
    )


@get("/hazards.csv", guards=_VIEW)
async def export_hazards(
    session: AsyncSession,
    caller: Caller,
    *,
    stage: Stage | None = None,
    grade: str = "",
    overdue: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Response[bytes]:
    """隐患台账."""
    page = await service.list_hazards(
        session, caller, stage=stage, grade=grade, overdue=overdue, since=since, until=until, limit=EXPORT_MOST
    )
    return csv_response("hazards", _HEADS, page.items)


@get("/hazards.geojson", guards=_VIEW)
async def hazards_geojson(
    session: AsyncSession, caller: Caller, *, grade: str = "", hazard_type: str = "", with_closed: bool = False
) -> Response[bytes]:
    found = await service.hazards_geojson(
        session, caller, grade=grade, hazard_type=hazard_type, with_closed=with_closed
    )
    return Response(found, media_type=GEOJSON)


@get("/hazards/board", guards=_VIEW)
async def board(
    session: AsyncSession,
    caller: Caller,
    *,
    grade: str = "",
    hazard_type: str = "",
    department: str = "",
    search: str = "",
) -> list[Lane]:
    return await service.board(
        session, caller, grade=grade, hazard_type=hazard_type, department=department, search=search
    )


@get("/hazards/{hazard_id:str}", guards=_VIEW)
async def find_hazard(session: AsyncSession, caller: Caller, hazard_id: str) -> HazardOut:
    return await service.find_hazard(session, caller, hazard_id)


@post("/hazards/{hazard_id:str}/decide", status_code=200, guards=_DECIDE)
async def decide(session: AsyncSession, caller: Caller, hazard_id: str, data: Decide) -> HazardOut:
    return await service.decide_grade(session, caller, hazard_id, data)


@post("/hazards/{hazard_id:str}/dismiss", status_code=200, guards=_DECIDE)
async def dismiss(session: AsyncSession, caller: Caller, hazard_id: str, data: Reasoned) -> HazardOut:
    return await service.dismiss_hazard(session, caller, hazard_id, data)


@post("/hazards/{hazard_id:str}/dispatch", status_code=200, guards=_DECIDE)
async def dispatch(session: AsyncSession, caller: Caller, hazard_id: str, data: Dispatch) -> HazardOut:
    return await service.dispatch_hazard(session, caller, hazard_id, data)


@post("/hazards/{hazard_id:str}/rectify", status_code=200, guards=_DECIDE)
async def rectify(session: AsyncSession, caller: Caller, hazard_id: str, data: Rectify) -> HazardOut:
    return await service.rectify_hazard(session, caller, hazard_id, data)


@post("/hazards/{hazard_id:str}/recheck", status_code=200, guards=_DECIDE)
async def recheck(session: AsyncSession, caller: Caller, hazard_id: str, data: Recheck) -> HazardOut:
    return await service.close_hazard(session, caller, hazard_id, data)


@post("/hazards/{hazard_id:str}/return", status_code=200, guards=_DECIDE)
async def send_back(session: AsyncSession, caller: Caller, hazard_id: str, data: Reasoned) -> HazardOut:
    return await service.return_hazard(session, caller, hazard_id, data)


@post("/hazards/{hazard_id:str}/extend", status_code=200, guards=_DECIDE)
async def extend(session: AsyncSession, caller: Caller, hazard_id: str, data: Extend) -> HazardOut:
    return await service.extend_hazard(session, caller, hazard_id, data)


@post("/hazards/{hazard_id:str}/supervise", status_code=200, guards=_DECIDE)
async def supervise(session: AsyncSession, caller: Caller, hazard_id: str, data: Reasoned) -> HazardOut:
    return await service.supervise_hazard(session, caller, hazard_id, data)


@get("/leaks", guards=_VIEW)
async def list_leaks(
    session: AsyncSession,
    caller: Caller,
    *,
    shown: Annotated[str, QueryParameter(name="state")] = "open",
    since: datetime | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[LeakOut]:
    return await service.list_leaks(session, caller, state=shown, since=since, limit=limit, offset=offset)


@get("/leaks/{leak_id:str}", guards=_VIEW)
async def find_leak(session: AsyncSession, caller: Caller, leak_id: str) -> LeakOut:
    return await service.find_leak(session, caller, leak_id)


@post("/leaks/{leak_id:str}/confirm", status_code=200, guards=_DECIDE)
async def confirm_leak(session: AsyncSession, caller: Caller, leak_id: str, data: ConfirmLeak) -> HazardOut:
    return await service.confirm_leak(session, caller, leak_id, data)


@post("/leaks/{leak_id:str}/dismiss", status_code=200, guards=_DECIDE)
async def dismiss_leak(session: AsyncSession, caller: Caller, leak_id: str, data: Reasoned) -> LeakOut:
    return await service.dismiss_leak(session, caller, leak_id, data)


@get("/works", guards=_VIEW)
async def list_works(
    session: AsyncSession,
    caller: Caller,
    *,
    shown: Annotated[str, QueryParameter(name="state")] = "open",
    since: datetime | None = None,
    search: str = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[WorksOut]:
    return await service.list_works(
        session, caller, state=shown, since=since, search=search, limit=limit, offset=offset
    )


@get("/works/{works_id:str}", guards=_VIEW)
async def find_works(session: AsyncSession, caller: Caller, works_id: str) -> WorksOut:
    return await service.find_works(session, caller, works_id)


@post("/works/{works_id:str}/end", status_code=200, guards=_DECIDE)
async def end_works(session: AsyncSession, caller: Caller, works_id: str, data: Reasoned) -> WorksOut:
    return await service.end_works(session, caller, works_id, data)


router = Router(
    "/api",
    tags=["hazards"],
    route_handlers=[
        list_hazards,
        export_hazards,
        hazards_geojson,
        board,
        find_hazard,
        decide,
        dismiss,
        dispatch,
        rectify,
        recheck,
        send_back,
        extend,
        supervise,
        list_leaks,
        find_leak,
        confirm_leak,
        dismiss_leak,
        list_works,
        find_works,
        end_works,
    ],
)
