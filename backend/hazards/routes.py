"""Hazards, suspected leaks and third-party works over HTTP."""

from litestar import Response, Router, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from backend.hazards import service
from backend.hazards.schemas import (
    ConfirmLeak,
    Decide,
    Dispatch,
    Extend,
    HazardFilters,
    HazardOut,
    Lane,
    LeakFilters,
    LeakOut,
    Reasoned,
    Recheck,
    Rectify,
    WorksFilters,
    WorksOut,
)
from backend.lists import list_routes
from backend.scope import Caller, requires

GEOJSON = "application/geo+json"
_VIEW = [requires("hazard.view")]
_DECIDE = [requires("hazard.decide")]
_HAZARDS = (
    ("编号", "number"),
    ("上报时间", "reported_at"),
    ("上报人", "reported_by_name"),
    ("来源", "source"),
    ("类型", "hazard_type"),
    ("地址", "address"),
    ("初判等级", "proposed_grade"),
    ("核定等级", "grade"),
    ("阶段", "stage"),
    ("责任部门", "department"),
    ("责任人", "responsible_name"),
    ("期限", "due_on"),
    ("逾期", "overdue"),
    ("延期次数", "extended"),
    ("挂牌督办", "supervised"),
    ("销号时间", "closed_at"),
)
_LEAKS = (
    ("时间", "at"),
    ("上报人", "reported_by_name"),
    ("读数 ppm", "reading_ppm"),
    ("复测 ppm", "retest_ppm"),
    ("报警限 ppm", "alarm_limit_ppm"),
    ("仪器", "instrument_id"),
    ("检定有效期至", "instrument_verified_until"),
    ("地址", "address"),
    ("经度", "lon"),
    ("纬度", "lat"),
    ("处置", "action"),
    ("状态", "state"),
    ("结果时间", "settled_at"),
    ("结果", "settlement"),
)
_WORKS = (
    ("发现时间", "found_at"),
    ("最近报告", "last_at"),
    ("报告次数", "reports"),
    ("上报人", "reported_by_name"),
    ("施工单位", "contractor"),
    ("联系人", "contact"),
    ("电话", "contact_phone"),
    ("机械", "machinery"),
    ("与管距离 m", "distance_to_pipe_m"),
    ("进度", "progress"),
    ("地址", "address"),
    ("经度", "lon"),
    ("纬度", "lat"),
    ("状态", "state"),
    ("结束时间", "ended_at"),
)


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


@get("/leaks/{leak_id:str}", guards=_VIEW)
async def find_leak(session: AsyncSession, caller: Caller, leak_id: str) -> LeakOut:
    return await service.find_leak(session, caller, leak_id)


@post("/leaks/{leak_id:str}/confirm", status_code=200, guards=_DECIDE)
async def confirm_leak(session: AsyncSession, caller: Caller, leak_id: str, data: ConfirmLeak) -> HazardOut:
    return await service.confirm_leak(session, caller, leak_id, data)


@post("/leaks/{leak_id:str}/dismiss", status_code=200, guards=_DECIDE)
async def dismiss_leak(session: AsyncSession, caller: Caller, leak_id: str, data: Reasoned) -> LeakOut:
    return await service.dismiss_leak(session, caller, leak_id, data)


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
        *list_routes("/hazards", service.list_hazards, HazardFilters, _HAZARDS, guards=_VIEW),
        *list_routes("/leaks", service.list_leaks, LeakFilters, _LEAKS, guards=_VIEW),
        *list_routes("/works", service.list_works, WorksFilters, _WORKS, guards=_VIEW),
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
        find_leak,
        confirm_leak,
        dismiss_leak,
        find_works,
        end_works,
    ],
)
