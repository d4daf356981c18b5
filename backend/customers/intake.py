"""Real-name registration and papers, taken from workers' records."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from backend.customers import service as customers
from backend.taken import NONE_WAIT, Take, Taken, Waiting


async def take_completions(session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
    await customers.take_completions(session, takens)
    return NONE_WAIT


async def take_papers(session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
    await customers.take_papers(session, takens)
    return NONE_WAIT


TAKES: dict[str, Take] = {"customer.completed": take_completions, "customer.paper_done": take_papers}
