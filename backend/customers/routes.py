"""The customers' ledger over HTTP."""

from typing import Annotated

import msgspec
from litestar import Router, delete, get, post, put
from sqlalchemy.ext.asyncio import AsyncSession

from backend.customers import service
from backend.customers.schemas import (
    ComparedCard,
    CustomerFilters,
    CustomerIn,
    CustomerOut,
    GasAlarmIn,
    GasAlarmOut,
    IdentityOut,
    PaperIn,
    Registration,
)
from backend.errors import MissingError
from backend.lists import list_routes
from backend.scope import Caller, requires

_VIEW = [requires("customer.view")]
_EDIT = [requires("customer.edit")]
_CUSTOMERS = (
    ("客户代码", "code"),
    ("客户姓名", "name"),
    ("客户类别", "category"),
    ("用气地址", "address"),
    ("电话后四位", "phone_last4"),
    ("身份证号已登记", "identity_given"),
    ("开户时间", "opened_on"),
    ("信息齐全", "complete"),
    ("缺项", "missing"),
)


@get("/registration", guards=_VIEW)
async def registration(session: AsyncSession, caller: Caller) -> Registration:
    return await service.registration(session, caller)


@post("/", guards=_EDIT)
async def create_customer(session: AsyncSession, caller: Caller, data: CustomerIn) -> CustomerOut:
    return await service.create_customer(session, caller, data)


@get("/{customer_id:str}", guards=_VIEW)
async def find_customer(session: AsyncSession, caller: Caller, customer_id: str) -> CustomerOut:
    return await service.find_customer(session, caller, customer_id)


@put("/{customer_id:str}", guards=_EDIT)
async def change_customer(session: AsyncSession, caller: Caller, customer_id: str, data: CustomerIn) -> CustomerOut:
    return await service.change_customer(session, caller, customer_id, data)


@get("/{customer_id:str}/identity", guards=_EDIT)
async def reveal_identity(session: AsyncSession, caller: Caller, customer_id: str) -> IdentityOut:
    """Audited."""
    return IdentityOut(await service.reveal_identity(session, caller, customer_id))


@get("/{customer_id:str}/identity-cards", guards=_EDIT)
async def compare_cards(session: AsyncSession, caller: Caller, customer_id: str) -> list[ComparedCard]:
    """What drivers took down beside what the office read on the card. Audited."""
    return await service.compare_cards(session, caller, customer_id)


@put("/{customer_id:str}/papers/{kind:str}", guards=_EDIT)
async def set_paper(session: AsyncSession, caller: Caller, customer_id: str, kind: str, data: PaperIn) -> CustomerOut:
    known = next((paper for paper in service.PAPERS if paper == kind), None)
    if known is None:
        raise MissingError("paper.unknown", "没有这种资料。", "There is no such paper.", kinds=service.PAPERS)
    return await service.set_paper(session, caller, customer_id, known, data)


@get("/{customer_id:str}/gas-alarm", guards=_VIEW)
async def find_gas_alarm(session: AsyncSession, caller: Caller, customer_id: str) -> GasAlarmOut:
    return await service.find_gas_alarm(session, caller, customer_id)


@put("/{customer_id:str}/gas-alarm", guards=_EDIT)
async def set_gas_alarm(session: AsyncSession, caller: Caller, customer_id: str, data: GasAlarmIn) -> GasAlarmOut:
    return await service.set_gas_alarm(session, caller, customer_id, data)


@delete("/{customer_id:str}", guards=_EDIT)
async def erase_customer(
    session: AsyncSession, caller: Caller, customer_id: str, reason: Annotated[str, msgspec.Meta(min_length=1)]
) -> None:
    """For good: the person's key is destroyed."""
    await service.erase_customer(session, caller, customer_id, reason)


router = Router(
    "/api/customers",
    tags=["customers"],
    route_handlers=[
        *list_routes("/", service.list_customers, CustomerFilters, _CUSTOMERS, guards=_VIEW),
        registration,
        create_customer,
        find_customer,
        change_customer,
        reveal_identity,
        compare_cards,
        set_paper,
        find_gas_alarm,
        set_gas_alarm,
        erase_customer,
    ],
)
