"""Who is found by an administrator, and what a unit's administrator leaves alone."""

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.rules import ROLES
from backend.scope import Caller, Grant
from tests.factories.accounts import make_company, make_device, make_staff


def admin_of(place: object, company_id: str) -> Caller:
    grant = Grant(place.id, place.path, ROLES["company_admin"].rights)  # type: ignore[attr-defined]
    return Caller(staff_id="x", company_id=company_id, grants=(grant,))


class TestListPeople:
    async def test_another_companys_people_are_invisible(self, session: AsyncSession) -> None:
        ours, theirs = await make_company(session), await make_company(session)
        own = await make_staff(session, ours)
        await make_staff(session, theirs)
        page = await accounts.list_people(session, admin_of(ours.company, ours.company.id))
        assert ([one.id for one in page.items], page.total) == ([own.id], 1)

    async def test_filters_narrow_together_and_total_counts_all(self, session: AsyncSession) -> None:
        company = await make_company(session)
        caller = admin_of(company.company, company.company.id)
        walker = await make_staff(session, company, roles=["inspector"], units=[company.other_unit])
        driver = await make_staff(session, company, roles=["driver"], name="演示-王送气")
        left = await make_staff(session, company, roles=["driver"], name="演示-已离职")
        await accounts.set_active(session, caller, left.id, active=False)
        asked = {
            "role": [driver.id],
            "unit": [walker.id],
            "name": [driver.id],
            "left": [left.id],
        }
        answers = {
            "role": await accounts.list_people(session, caller, role="driver", active=True),
            "unit": await accounts.list_people(session, caller, unit_id=company.other_unit.id),
            "name": await accounts.list_people(session, caller, search="王送"),
            "left": await accounts.list_people(session, caller, active=False),
        }
        assert {name: [one.id for one in page.items] for name, page in answers.items()} == asked
        first = await accounts.list_people(session, caller, limit=1)
        assert (len(first.items), first.total) == (1, 3)

    async def test_says_units_roles_and_phones_in_use(self, session: AsyncSession) -> None:
        company = await make_company(session)
        caller = admin_of(company.company, company.company.id)
        staff = await make_staff(session, company, roles=["inspector"])
        await make_device(session, staff)
        lost = await make_device(session, staff)
        await accounts.revoke_device(session, caller, lost.id)
        (one,) = (await accounts.list_people(session, caller)).items
        assert [unit.name for unit in one.units] == [company.unit.name]
        assert [(grant.role_zh, grant.organisation_name) for grant in one.grants] == [("巡检员", company.company.name)]
        assert one.devices == 1


class TestSetUnits:
    async def test_a_units_administrator_leaves_other_units_alone(self, session: AsyncSession) -> None:
        company = await make_company(session)
        staff = await make_staff(session, company, units=[company.unit, company.other_unit])
        await accounts.set_units(session, admin_of(company.unit, company.company.id), staff.id, [])
        assert [unit.id for unit in await accounts.units_of(session, staff.id)] == [company.other_unit.id]
        await accounts.set_units(session, admin_of(company.company, company.company.id), staff.id, [])
        assert list(await accounts.units_of(session, staff.id)) == []


class TestRolesToGive:
    async def test_nobody_is_offered_a_role_beyond_his_own(self, session: AsyncSession) -> None:
        company = await make_company(session)
        offered = accounts.roles_to_give(admin_of(company.company, company.company.id))
        assert "dispatcher" in offered
        assert "system_admin" not in offered
