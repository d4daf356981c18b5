"""Gas alarms at customers' (可燃气体报警器): restaurants and industrial users shall have one. E5.8.3-7."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.bulk import one_of, upsert_rows
from backend.customers.models import Customer, CustomerGasAlarm
from backend.customers.schemas import GasAlarmIn, GasAlarmOut
from backend.customers.service import ledger
from backend.scope import Caller
from backend.taken import Taken
from sync.databases import BEIJING

# Of the list of the check at delivery.
CHECK_ITEM = "alarm"


async def find_gas_alarm(session: AsyncSession, caller: Caller, customer_id: str) -> GasAlarmOut:
    """What is known of it; `state` is empty while nobody has looked."""
    customer = await ledger.find_row(session, caller, customer_id)
    row = await session.get(CustomerGasAlarm, customer.id, populate_existing=True)
    if row is None:
        return GasAlarmOut(state="", number="", checked_on=None, record_id="")
    return msgspec.convert(row, GasAlarmOut, from_attributes=True)


async def set_gas_alarm(session: AsyncSession, caller: Caller, customer_id: str, given: GasAlarmIn) -> GasAlarmOut:
    customer = await ledger.find_row(session, caller, customer_id, change=True)
    row = {
        "customer_id": customer.id,
        "organisation_id": customer.organisation_id,
        **msgspec.structs.asdict(given),
        "at": datetime.now(UTC),
        "record_id": "",
    }
    await upsert_rows(session, CustomerGasAlarm, [row], key=("customer_id",))
    facts = {"state": given.state, "number": given.number, "checked_on": str(given.checked_on or "")}
    place = customer.organisation_id
    await audit.record(session, caller, "customer.gas_alarm", "customer", customer.id, facts, organisation_id=place)
    await events.announce(session, "customer.changed", customer.id, place)
    return await find_gas_alarm(session, caller, customer_id)


async def note_checks(session: AsyncSession, checks: Sequence[tuple[Taken[Any], str, bool]]) -> None:
    """What drivers saw (record, customer, whether it is fitted and works): the newest counts, in any order of arrival;
    its number is the office's.
    """
    newest: dict[str, dict[str, Any]] = {}
    for taken, customer_id, works in sorted(checks, key=lambda check: (check[0].recorded_at, check[0].record.id)):
        if customer_id:
            newest[customer_id] = {
                "customer_id": customer_id,
                "state": "fitted" if works else "missing",
                "number": "",
                "checked_on": taken.recorded_at.astimezone(BEIJING).date(),
                "at": taken.recorded_at,
                "record_id": taken.record.id,
            }
    if not newest:
        return
    known = await session.execute(select(Customer.id, Customer.organisation_id).where(one_of(Customer.id, newest)))
    rows = [newest[customer_id] | {"organisation_id": place} for customer_id, place in known]
    await upsert_rows(
        session,
        CustomerGasAlarm,
        sorted(rows, key=lambda row: str(row["customer_id"])),
        key=("customer_id",),
        change=("state", "checked_on", "at", "record_id"),
        where="(excluded.at, excluded.record_id) > (t.at, t.record_id)",
    )
