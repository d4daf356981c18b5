"""The ledger: what is sealed, what is complete, and what is left when somebody is erased."""

from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.customers import service as customers
from backend.customers.models import Customer, PersonKey
from backend.customers.schemas import PaperIn
from backend.errors import AppError
from backend.reference import service as reference
from tests.factories.accounts import Company, bearer, make_company, make_staff
from tests.factories.customers import IDENTITY, customer_in, make_customer
from tests.factories.taken import office


@pytest.fixture
async def company(session: AsyncSession) -> Company:
    return await make_company(session)


class TestCreate:
    async def test_an_inspector_may_not(
        self, client: AsyncTestClient[Any], session: AsyncSession, company: Company
    ) -> None:
        inspector = await make_staff(session, company, roles=["inspector"])
        answer = await client.post(
            "/api/customers/",
            headers=bearer(client, inspector),
            json={"organisation_id": company.unit.id, "code": "KH-1"},
        )
        assert answer.status_code == 403

    async def test_a_wrong_check_digit_blocks_and_nothing_is_kept(
        self, session: AsyncSession, company: Company
    ) -> None:
        staff = await make_staff(session, company)
        with pytest.raises(AppError) as refused:
            await make_customer(session, company, staff, identity_number=IDENTITY[:-1] + "8")
        assert refused.value.code == "identity.check_digit"
        assert await session.scalar(select(func.count()).select_from(Customer)) == 0

    async def test_the_same_code_twice_is_refused(self, session: AsyncSession, company: Company) -> None:
        staff = await make_staff(session, company)
        await make_customer(session, company, staff, code="KH-A")
        with pytest.raises(AppError) as refused:
            await make_customer(session, company, staff, code="KH-A")
        assert refused.value.code == "customer.code_taken"


class TestSealing:
    async def test_neither_number_nor_telephone_stands_in_the_tables(
        self, session: AsyncSession, company: Company
    ) -> None:
        staff = await make_staff(session, company)
        await make_customer(session, company, staff)
        rows = await session.scalars(select(func.row_to_json(Customer.__table__.table_valued())))
        written = "".join(str(row) for row in rows)
        audited = "".join(str(facts) for facts in await session.scalars(select(AuditEntry.facts)))
        assert "演示-孙客户" in written
        assert IDENTITY not in written + audited
        assert "100-0000-0402" not in written + audited

    async def test_lists_and_pages_show_only_the_ends_of_the_number(
        self, client: AsyncTestClient[Any], session: AsyncSession, company: Company
    ) -> None:
        keeper = await make_staff(session, company, roles=["station_keeper"])
        made = await make_customer(session, company, keeper)
        headers = bearer(client, keeper)
        page = await client.get(f"/api/customers/{made.customer.id}", headers=headers)
        listed = await client.get("/api/customers/", headers=headers)
        assert IDENTITY not in page.text + listed.text
        assert page.json()["identity_masked"] == "220100********0017"

    async def test_who_reads_the_whole_number_is_written_down(self, session: AsyncSession, company: Company) -> None:
        staff = await make_staff(session, company)
        made = await make_customer(session, company, staff)
        caller = office(company, staff)
        assert await customers.reveal_identity(session, caller, made.customer.id) == IDENTITY
        await session.flush()
        reader = await session.scalar(select(AuditEntry.actor_id).where(AuditEntry.action == "customer.identity_read"))
        assert reader == staff.id

    async def test_one_persons_seal_does_not_open_as_anothers(self, session: AsyncSession, company: Company) -> None:
        staff = await make_staff(session, company)
        first, second = [await make_customer(session, company, staff) for _ in range(2)]
        rows = {row.id: row for row in await session.scalars(select(Customer))}
        rows[second.customer.id].identity_sealed = rows[first.customer.id].identity_sealed
        await session.flush()
        with pytest.raises(AppError) as refused:
            await customers.find_customer(session, office(company, staff), second.customer.id)
        assert refused.value.code == "customer.master_key"


class TestErase:
    async def test_the_key_is_gone_and_so_is_what_was_readable(self, session: AsyncSession, company: Company) -> None:
        staff = await make_staff(session, company)
        made = await make_customer(session, company, staff)
        caller = office(company, staff)
        await customers.erase_customer(session, caller, made.customer.id, "本人要求")
        assert await session.scalar(select(PersonKey.wrapped)) is None
        found = await customers.find_customer(session, caller, made.customer.id)
        assert (found.customer.name, found.customer.address, found.phone, found.identity_masked) == ("", "", "", "")
        with pytest.raises(AppError) as refused:
            await customers.change_customer(session, caller, made.customer.id, customer_in(company))
        assert refused.value.status == 410


class TestCompleteness:
    @pytest.mark.parametrize(
        ("fields", "missing"),
        [
            ({}, ()),
            ({"phone": ""}, ("phone",)),
            ({"identity_number": None, "name": " "}, ("name", "identity_number")),
            ({"district": "", "road": "", "house": ""}, ("address",)),
        ],
    )
    async def test_what_is_missing_is_named_and_found_by_the_filter(
        self, session: AsyncSession, company: Company, fields: dict[str, Any], missing: tuple[str, ...]
    ) -> None:
        staff = await make_staff(session, company)
        made = await make_customer(session, company, staff, **fields)
        assert made.customer.missing == missing
        whole = await customers.list_customers(session, office(company, staff), complete=True)
        rest = await customers.list_customers(session, office(company, staff), complete=False)
        assert (whole.total, rest.total) == ((0, 1) if missing else (1, 0))

    async def test_the_company_decides_what_is_needed(self, session: AsyncSession, company: Company) -> None:
        staff = await make_staff(session, company)
        made = await make_customer(session, company, staff, phone="")
        caller = office(company, staff)
        fields = (await reference.find_settings(session, company.company.id)).fields
        relaxed = type(fields)(
            company_name=fields.company_name,
            emergency_phone="100-0000-0110",
            leak_alarm_ppm=500.0,
            leak_emergency_ppm=10_000.0,
            customer_required_fields=("name",),
        )
        await reference.change_settings(session, caller, company.company.id, relaxed)
        assert (await customers.find_customer(session, caller, made.customer.id)).customer.complete


class TestSearch:
    async def test_by_the_end_of_the_telephone_and_never_across_companies(
        self, session: AsyncSession, company: Company
    ) -> None:
        staff = await make_staff(session, company)
        await make_customer(session, company, staff)
        other = await make_company(session)
        stranger = await make_staff(session, other)
        assert (await customers.list_customers(session, office(company, staff), search="0402")).total == 1
        assert (await customers.list_customers(session, office(other, stranger), search="0402")).total == 0


class TestRegistration:
    async def test_done_and_reviewed_are_counted_apart(self, session: AsyncSession, company: Company) -> None:
        staff = await make_staff(session, company)
        caller = office(company, staff)
        first, _ = [await make_customer(session, company, staff) for _ in range(2)]
        done = PaperIn(done_on=first.customer.opened_on)
        await customers.set_paper(session, caller, first.customer.id, "agreement", done)
        found = await customers.registration(session, caller)
        assert (found.customers, found.named, found.complete) == (2, 2, 2)
        assert (found.done_percent["agreement"], found.reviewed_percent["agreement"]) == (50.0, 0.0)
