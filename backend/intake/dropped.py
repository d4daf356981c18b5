"""Dropped databases made again: a phone still has something for them, or an archive comes back."""

from collections.abc import Sequence

import structlog
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.intake.models import HubDatabase
from backend.intake.service import OUTBOX_CHANNEL
from sync.databases import parse_database

_log = structlog.get_logger(__name__)


async def reopen(session: AsyncSession, staff_id: str, names: Sequence[str]) -> list[str]:
    """Has those of these that are this person's and were dropped made again, empty; which they were.

    What a phone sends into them is compared with the log: only what is new is taken, the rest is answered once more.
    """
    his = [name for name in names if (found := parse_database(name)) and found.owner == staff_id]
    dropped = await session.scalars(
        select(HubDatabase.name).where(
            HubDatabase.name.in_(his), HubDatabase.kind != "unit", HubDatabase.dropped_at.is_not(None)
        )
    )
    again = sorted(dropped)
    if again:
        _log.warning("quarter.reopened", databases=again)
        await provision_again(session, again)
    return again


async def dropped_names(session: AsyncSession, staff_id: str) -> frozenset[str]:
    """Databases of this person that are gone for good: no phone need ask for them."""
    names = await session.scalars(
        select(HubDatabase.name).where(HubDatabase.owner_id == staff_id, HubDatabase.dropped_at.is_not(None))
    )
    return frozenset(names)


async def provision_again(session: AsyncSession, names: Sequence[str]) -> None:
    await session.execute(
        update(HubDatabase)
        .where(HubDatabase.name.in_(names))
        .values(provisioned=False, dropped_at=None, wish=HubDatabase.wish + 1)
    )
    await session.execute(text(f"NOTIFY {OUTBOX_CHANNEL}"))
