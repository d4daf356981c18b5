"""What a driver took down beside what the office read on the card: both in clear, for who may, and written down."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.customers.schemas import ComparedCard
from backend.customers.service import ledger
from backend.customers.service.cards import on_card, readings_of, taken_down
from backend.reference import service as reference
from backend.scope import Caller


async def compare_cards(session: AsyncSession, caller: Caller, customer_id: str) -> list[ComparedCard]:
    """Newest first, for who may edit the customer; that he looked is written down."""
    customer = await ledger.find_row(session, caller, customer_id)
    await reference.find_place(session, customer.organisation_id, caller=caller, right="customer.edit")
    found = [
        ComparedCard(
            record_id=reading.record_id,
            taken_down=await taken_down(session, reading),
            card=await on_card(session, reading),
        )
        for reading in await readings_of(session, customer_id)
    ]
    facts = {"cards": len(found)}
    unit = customer.organisation_id
    await audit.record(session, caller, "customer.identity_read", "customer", customer.id, facts, organisation_id=unit)
    return found
