from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit


async def _three_entries(session: AsyncSession) -> None:
    for number in range(3):
        await audit.record(session, None, "staff.signed_in", "staff", f"s{number}", {"attempt": number})
    await session.flush()


class TestSeal:
    async def test_every_committed_row_is_chained_once(self, session: AsyncSession) -> None:
        await _three_entries(session)
        assert await audit.seal(session) == 3
        assert await audit.seal(session) == 0
        positions = await session.scalars(select(audit.AuditEntry.position).order_by(audit.AuditEntry.id))
        assert positions.all() == [1, 2, 3]

    async def test_an_untouched_chain_holds(self, session: AsyncSession) -> None:
        await _three_entries(session)
        await audit.seal(session)
        assert await audit.find_broken_link(session) is None

    async def test_a_changed_row_is_found(self, session: AsyncSession) -> None:
        await _three_entries(session)
        await audit.seal(session)
        changed = await session.scalar(text("UPDATE audit_entries SET actor_id = 'x' WHERE position = 2 RETURNING id"))
        session.expire_all()
        assert await audit.find_broken_link(session) == changed

    async def test_a_removed_row_is_found(self, session: AsyncSession) -> None:
        await _three_entries(session)
        await audit.seal(session)
        await session.execute(text("DELETE FROM audit_entries WHERE position = 2"))
        session.expire_all()
        assert await audit.find_broken_link(session) is not None
