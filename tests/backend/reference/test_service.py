"""Lists and limits: who may change them, and that every unit's phones get them."""

from typing import Any

import msgspec
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.intake.models import OutboxDocument
from backend.personal_keys import data_dir, office_key
from backend.reference import service as reference
from backend.reference.defaults import LISTS
from sync.databases import unit_database
from sync.documents import FIELD_TYPES, decode_backend
from sync.documents.forms import form_of
from sync.documents.reference import ChoiceList, CompanySettings, ListEntry
from sync.sealed import open_sealed, seal_for_office
from tests.factories.accounts import bearer, make_company, make_organisation, make_staff
from tests.factories.taken import office


class TestChangeList:
    async def test_a_dispatcher_may_not(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        company = await make_company(session)
        staff = await make_staff(session, company, roles=["dispatcher"])
        answer = await client.put(
            "/api/company/lists/machinery",
            headers=bearer(client, staff),
            json={"entries": [{"code": "a", "zh": "甲", "en": "A"}]},
        )
        assert answer.status_code == 403

    async def test_each_unit_gets_the_next_version(self, client: AsyncTestClient[Any], session: AsyncSession) -> None:
        company = await make_company(session)
        admin = await make_staff(session, company, roles=["company_admin"])
        answer = await client.put(
            "/api/company/lists/machinery",
            headers=bearer(client, admin),
            json={"entries": [{"code": "drone", "zh": "无人机", "en": "Drone"}]},
        )
        assert answer.json()["version"] == 1
        for unit in (company.unit, company.other_unit):
            row = await session.get_one(OutboxDocument, (unit_database(unit.id), "reference.list:machinery"))
            found = decode_backend(row.doc_id, row.body or b"")
            assert isinstance(found, ChoiceList)
            assert [entry.zh for entry in found.entries] == ["无人机"]

    async def test_other_companies_keep_theirs(self, session: AsyncSession) -> None:
        ours, theirs = await make_company(session), await make_company(session)
        admin = await make_staff(session, ours)
        entry = ListEntry(code="drone", zh="无人机", en="Drone")
        await reference.change_list(session, office(ours, admin), ours.company.id, "machinery", [entry])
        assert (await reference.find_list(session, theirs.company.id, "machinery")).version == 0

    async def test_a_code_that_stands_twice_is_refused(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        admin = await make_staff(session, company, roles=["company_admin"])
        entry = {"code": "a", "zh": "甲", "en": "A"}
        answer = await client.put(
            "/api/company/lists/machinery", headers=bearer(client, admin), json={"entries": [entry, entry]}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "list.duplicate_code")


class TestSettings:
    async def test_an_emergency_below_the_alarm_is_refused(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        admin = await make_staff(session, company, roles=["company_admin"])
        fields = msgspec.to_builtins((await reference.find_settings(session, company.company.id)).fields)
        answer = await client.put(
            "/api/company/settings", headers=bearer(client, admin), json=fields | {"leak_emergency_ppm": 10.0}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "settings.limits")


class TestPostReference:
    async def test_a_new_unit_has_every_list_and_the_limits(self, session: AsyncSession) -> None:
        company = await make_company(session)
        await reference.post_reference(session, company.company.id)
        rows = await session.scalars(
            select(OutboxDocument.doc_id).where(OutboxDocument.database == unit_database(company.unit.id))
        )
        assert set(rows) == {f"reference.list:{name}" for name in LISTS} | {"reference.settings:company"}

    async def test_a_unit_that_is_made_later_gets_them_too_and_nothing_is_written_twice(
        self, session: AsyncSession
    ) -> None:
        company = await make_company(session)
        await reference.post_everywhere(session)
        later = await make_organisation(session, "unit", parent=company.company)
        await reference.post_everywhere(session)
        rows = await session.execute(select(OutboxDocument.database, OutboxDocument.version))
        versions: dict[str, set[int]] = {}
        for database, version in rows:
            versions.setdefault(database, set()).add(version)
        assert versions[unit_database(later.id)] == versions[unit_database(company.unit.id)] == {1}


def test_every_list_that_a_form_asks_for_is_there() -> None:
    asked = {field.choices for struct in FIELD_TYPES.values() for field in form_of(struct) if field.choices}
    assert asked <= set(LISTS)


def test_every_entry_has_both_languages_and_a_code_of_its_own() -> None:
    for name, entries in LISTS.items():
        assert all(entry.zh and entry.en for entry in entries), name
        assert len({entry.code for entry in entries}) == len(entries), name


class TestOfficeKey:
    async def test_each_units_phones_get_the_key_that_seals_for_this_office(self, session: AsyncSession) -> None:
        company = await make_company(session)
        await reference.post_reference(session, company.company.id)
        row = await session.get(OutboxDocument, (unit_database(company.unit.id), "reference.settings:company"))
        assert row is not None
        assert row.body is not None
        sent = decode_backend(row.doc_id, row.body)
        assert isinstance(sent, CompanySettings)
        sealed = seal_for_office(sent.personal_key, b"name", "delivery.completed:1")
        assert open_sealed(office_key(data_dir(session)), sealed, "delivery.completed:1") == b"name"
