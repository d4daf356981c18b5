"""Lists and limits over HTTP: read by all staff, changed by an administrator."""

from litestar import Router, get, put
from sqlalchemy.ext.asyncio import AsyncSession

from backend.reference import service
from backend.reference.schemas import (
    InspectionPeriodsIn,
    InspectionPeriodsOut,
    ListIn,
    ListOut,
    SettingsFields,
    SettingsOut,
)
from backend.scope import Caller, requires, signed_in


@get("/lists", guards=[signed_in])
async def list_lists(session: AsyncSession, caller: Caller) -> list[ListOut]:
    return await service.list_lists(session, caller.company_id)


@get("/lists/{name:str}", guards=[signed_in])
async def find_list(session: AsyncSession, caller: Caller, name: str) -> ListOut:
    return await service.find_list(session, caller.company_id, name)


@put("/lists/{name:str}", guards=[requires("accounts.manage")])
async def change_list(session: AsyncSession, caller: Caller, name: str, data: ListIn) -> ListOut:
    return await service.change_list(session, caller, caller.company_id, name, data.entries)


@get("/settings", guards=[signed_in])
async def find_settings(session: AsyncSession, caller: Caller) -> SettingsOut:
    return await service.find_settings(session, caller.company_id)


@put("/settings", guards=[requires("accounts.manage")])
async def change_settings(session: AsyncSession, caller: Caller, data: SettingsFields) -> SettingsOut:
    return await service.change_settings(session, caller, caller.company_id, data)


@get("/inspection-periods", guards=[signed_in])
async def find_periods(session: AsyncSession, caller: Caller) -> InspectionPeriodsOut:
    return await service.find_periods(session, caller.company_id)


@put("/inspection-periods", guards=[requires("accounts.manage")])
async def change_periods(session: AsyncSession, caller: Caller, data: InspectionPeriodsIn) -> InspectionPeriodsOut:
    return await service.change_periods(session, caller, caller.company_id, data.entries)


router = Router(
    "/api/company",
    tags=["company"],
    route_handlers=[
        list_lists,
        find_list,
        change_list,
        find_settings,
        change_settings,
        find_periods,
        change_periods,
    ],
)
