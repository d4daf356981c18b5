"""The hub's databases as the office sees them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Staff
from backend.intake.databases import Agreement, DatabaseFilter, count_databases, list_databases
from backend.intake.models import HubDatabase, HubManifest, OutboxDocument
from backend.scope import Caller, Grant
from tests.factories.accounts import Company, make_company, make_staff

NOW = datetime.now(UTC)


def caller_of(company: Company) -> Caller:
    grant = Grant(company.company.id, company.company.path, frozenset({"devices.manage"}))
    return Caller(staff_id="boss", company_id=company.company.id, grants=(grant,))


@pytest.fixture
async def company(session: AsyncSession) -> Company:
    return await make_company(session)


@pytest.fixture
async def li(session: AsyncSession, company: Company) -> Staff:
    """With last quarter's database dropped, this one's in order, photos that differ; his unit's not compared yet."""
    staff = await make_staff(session, company)

    def database(kind: str, quarter: str, **fields: Any) -> str:
        owner = company.unit.id if kind == "unit" else staff.id
        name = f"{kind}_{owner}" + (f"_{quarter}" if quarter else "")
        session.add(HubDatabase(name=name, kind=kind, owner_id=owner, quarter=quarter, **fields))
        return name

    def compared(name: str, *, verified: bool, hours: int, **found: int) -> None:
        session.add(HubManifest(database=name, verified=verified, compared_at=NOW - timedelta(hours=hours), **found))

    compared(database("user", "20263", dropped_at=NOW), verified=True, hours=900)
    name = database("user", "20264", read_at=NOW)
    compared(name, verified=True, hours=1, documents=40)
    session.add(OutboxDocument(database=name, doc_id="x:1", body=b"{}", sha256=b""))
    compared(database("media", "20264"), verified=False, hours=2, missed=3, gone=1)
    database("unit", "")
    await session.flush()
    return staff


class TestCountDatabases:
    async def test_all_within_reach_are_counted_together(
        self, session: AsyncSession, company: Company, li: Staff
    ) -> None:
        assert await count_databases(session, caller_of(company)) == Agreement(
            kept=3,
            verified=1,
            dropped=1,
            oldest_comparison_at=NOW - timedelta(hours=2),
            missed=3,
            gone=1,
            rewritten=0,
        )

    async def test_another_companys_are_not(self, session: AsyncSession, li: Staff) -> None:
        other = caller_of(await make_company(session))
        assert (await count_databases(session, other)).kept == 0
        assert (await list_databases(session, other, DatabaseFilter())).total == 0


class TestListDatabases:
    async def test_what_needs_a_look_comes_first(self, session: AsyncSession, company: Company, li: Staff) -> None:
        page = await list_databases(session, caller_of(company), DatabaseFilter())
        assert [(one.kind, one.verified) for one in page.items][-1] == ("user", True)
        user = page.items[-1]
        assert (user.owner_name, user.documents, user.pending, user.quarter) == (li.name, 40, 1, "20264")

    @pytest.mark.parametrize(
        ("wanted", "kinds"),
        [
            ({"state": "unverified"}, {"media", "unit"}),
            ({"state": "dropped"}, {"user"}),
            ({"kind": "media"}, {"media"}),
            ({"search": "李巡检"}, {"user", "media"}),
            ({"search": "nobody"}, set()),
        ],
    )
    async def test_filters_keep_what_is_asked_for(
        self, session: AsyncSession, company: Company, li: Staff, wanted: dict[str, Any], kinds: set[str]
    ) -> None:
        page = await list_databases(session, caller_of(company), DatabaseFilter(**wanted))
        assert {one.kind for one in page.items} == kinds
        assert page.total == len(kinds)
