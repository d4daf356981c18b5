"""Certificates: only for who may, counted down day by day, and sent to the phones that ask for them."""

from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.models import Organisation, Staff
from backend.audit import AuditEntry
from backend.certificates import service as certificates
from backend.intake.models import OutboxDocument
from backend.vehicles import service as vehicles
from backend.vehicles.schemas import VehicleIn
from sync.databases import unit_database
from sync.documents import decode_backend
from tests.factories.accounts import Company, bearer, make_company, make_device, make_organisation, make_staff
from tests.factories.certificates import certificate_in, in_days, make_certificate
from tests.factories.taken import office


async def held_by_phones(session: AsyncSession, unit: Organisation) -> list[Any]:
    """The certificates that a unit's phones hold."""
    rows = await session.execute(
        select(OutboxDocument.doc_id, OutboxDocument.body).where(
            OutboxDocument.database == unit_database(unit.id),
            OutboxDocument.doc_id.startswith("reference.certificate:"),
            OutboxDocument.body.is_not(None),
        )
    )
    return [decode_backend(doc_id, body) for doc_id, body in rows]


class Office:
    def __init__(self, client: AsyncTestClient[Any], company: Company, staff: Staff) -> None:
        self.client, self.company, self.staff = client, company, staff
        self.headers = bearer(client, staff)

    async def post(self, **fields: Any) -> Any:
        body = msgspec.to_builtins(certificate_in(self.company, **fields))
        return await self.client.post("/api/certificates", headers=self.headers, json=body)

    async def list(self, **params: Any) -> list[Any]:
        answer = await self.client.get("/api/certificates", headers=self.headers, params=params)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


@pytest.fixture
async def keeper(client: AsyncTestClient[Any], session: AsyncSession) -> Office:
    company = await make_company(session)
    return Office(client, company, await make_staff(session, company, roles=["company_admin"]))


class TestWhoMay:
    async def test_a_filler_may_neither_read_nor_write(
        self, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        company = await make_company(session)
        driver = Office(client, company, await make_staff(session, company, roles=["driver"]))
        assert (await driver.post()).status_code == 403
        assert (await client.get("/api/certificates", headers=driver.headers)).status_code == 403

    async def test_another_companys_are_neither_seen_nor_changed_nor_made(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        theirs = await make_company(session)
        made = await make_certificate(session, theirs, await make_staff(session, theirs))
        assert await keeper.list() == []
        url = f"/api/certificates/{made.id}"
        assert (await keeper.client.get(url, headers=keeper.headers)).status_code == 404
        body = {"reason": "x"}
        withdrawn = await keeper.client.post(f"{url}/withdraw", headers=keeper.headers, json=body)
        assert withdrawn.status_code == 404
        assert (await keeper.post(holder_id=theirs.company.id)).status_code == 404

    async def test_a_regulator_reads_his_subtree_and_writes_nothing(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        await keeper.post()
        officer = await make_staff(session, keeper.company, roles=["supervisor"], on=keeper.company.province)
        his = Office(keeper.client, keeper.company, officer)
        assert len(await his.list()) == 1
        assert (await his.post(number="N-2")).status_code == 403


class TestRecord:
    async def test_it_is_entered_shown_changed_and_written_down(self, keeper: Office, session: AsyncSession) -> None:
        made = await keeper.post(number="TS-1")
        assert made.status_code == 201, made.text
        shown = made.json()
        assert (shown["kind_zh"], shown["holder_name"], shown["state"]) == (
            "气瓶充装许可证",
            keeper.company.company.name,
            "valid",
        )
        body = msgspec.to_builtins(certificate_in(keeper.company, number="TS-1", expires_on=in_days(10)))
        url = f"/api/certificates/{shown['id']}"
        changed = (await keeper.client.put(url, headers=keeper.headers, json=body)).json()
        assert (changed["state"], changed["due_within"], changed["days_left"]) == ("due", 30, 10)
        entries = await session.scalars(select(AuditEntry.action).where(AuditEntry.subject_id == shown["id"]))
        assert entries.all() == ["certificate.saved", "certificate.saved"]

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"kind": "poetic_licence"}, 422, "certificate.kind"),
            ({"issued_on": in_days(800)}, 422, "certificate.dates"),
            ({"holder_id": "nobody"}, 404, "certificate.holder_unknown"),
            ({"holder_kind": "ship"}, 400, "request.malformed"),
        ],
    )
    async def test_what_cannot_be_is_told(self, keeper: Office, fields: dict[str, Any], status: int, code: str) -> None:
        body = msgspec.to_builtins(certificate_in(keeper.company)) | msgspec.to_builtins(fields)
        answer = await keeper.client.post("/api/certificates", headers=keeper.headers, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    async def test_a_number_stands_once(self, keeper: Office) -> None:
        answers = [await keeper.post(number="TS-1") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 409]

    async def test_it_stays_with_its_holder(self, keeper: Office) -> None:
        made = (await keeper.post()).json()
        person = {"holder_kind": "staff", "holder_id": keeper.staff.id, "kind": "filler"}
        body = msgspec.to_builtins(certificate_in(keeper.company, **person))
        answer = await keeper.client.put(f"/api/certificates/{made['id']}", headers=keeper.headers, json=body)
        assert answer.json()["code"] == "certificate.holder"


class TestReminders:
    @pytest.mark.parametrize(
        ("days", "state", "within"),
        [(61, "valid", None), (60, "due", 60), (30, "due", 30), (7, "due", 7), (0, "due", 7), (-1, "expired", None)],
    )
    async def test_it_is_reminded_of_60_30_and_7_days_ahead_and_when_it_has_run_out(
        self, keeper: Office, days: int, state: str, within: int | None
    ) -> None:
        await keeper.post(expires_on=in_days(days))
        (shown,) = await keeper.list()
        assert (shown["state"], shown["due_within"]) == (state, within)
        assert len(await keeper.list(state=state)) == 1

    async def test_a_renewed_one_is_reminded_of_no_more(self, keeper: Office) -> None:
        await keeper.post(number="OLD", expires_on=in_days(-3))
        await keeper.post(number="NEW")
        assert {each["number"]: each["state"] for each in await keeper.list()} == {"OLD": "replaced", "NEW": "valid"}
        assert await keeper.list(state="expired") == []

    async def test_the_counts_are_those_of_the_lists(self, keeper: Office) -> None:
        for number, days in enumerate((-9, -1, 3, 20, 25, 59, 400)):
            holder = {"holder_kind": "staff", "holder_id": keeper.staff.id}
            kinds = ("filler", "delivery", "gas_operator", "safety_manager", "pressure_vessel")
            kind = (*kinds, "dangerous_goods_driver", "dangerous_goods_escort")[number]
            assert (await keeper.post(**holder, kind=kind, expires_on=in_days(days))).status_code == 201
        counted = (await keeper.client.get("/api/certificates/expiry", headers=keeper.headers)).json()
        assert counted == {"expired": 2, "due": {"7": 1, "30": 2, "60": 1}}
        assert (len(await keeper.list(state="expired")), len(await keeper.list(state="due"))) == (2, 4)


class TestFillingLicence:
    async def test_a_company_without_a_valid_filling_licence_is_named(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        async def without() -> list[str]:
            answer = await keeper.client.get("/api/certificates/companies-without", headers=keeper.headers)
            return [each["id"] for each in answer.json()]

        assert await without() == [keeper.company.company.id]
        await keeper.post(expires_on=in_days(-1))
        assert await without() == [keeper.company.company.id]
        good = (await keeper.post()).json()
        assert await without() == []
        url = f"/api/certificates/{good['id']}/withdraw"
        await keeper.client.post(url, headers=keeper.headers, json={"reason": "吊销"})
        assert await without() == [keeper.company.company.id]


class TestVehicles:
    async def test_a_vehicle_is_found_by_its_plate_and_holds_its_transport_certificate(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        company = keeper.company
        given = VehicleIn(organisation_id=company.unit.id, code="CL-1", plate="吉·演示09")
        vehicle = await vehicles.create_vehicle(session, office(company, keeper.staff), given)
        url = "/api/certificates/holders"
        found = await keeper.client.get(
            url, headers=keeper.headers, params={"holder_kind": "vehicle", "search": "示09"}
        )
        assert [each["name"] for each in found.json()] == [vehicle.vehicle.plate]
        made = await keeper.post(holder_kind="vehicle", holder_id=vehicle.vehicle.id, kind="road_transport")
        assert (made.json()["holder_code"], made.json()["kind_zh"]) == ("CL-1", "道路运输证")
        assert len(await held_by_phones(session, company.other_unit)) == 1


class TestPhones:
    async def test_all_of_a_companys_phones_hold_its_licence_and_lose_it_when_it_is_withdrawn(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        made = (await keeper.post(number="TS-1")).json()
        units = (keeper.company.unit, keeper.company.other_unit)
        for unit in units:
            (held,) = await held_by_phones(session, unit)
            assert (held.holder_id, held.number, held.expires_on) == (keeper.company.company.id, "TS-1", in_days(730))
        url = f"/api/certificates/{made['id']}/withdraw"
        await keeper.client.post(url, headers=keeper.headers, json={"reason": "吊销"})
        assert [await held_by_phones(session, unit) for unit in units] == [[], []]

    async def test_a_persons_goes_where_he_works_and_follows_him(self, keeper: Office, session: AsyncSession) -> None:
        company = keeper.company
        filler = await make_staff(session, company)
        await keeper.post(holder_kind="staff", holder_id=filler.id, kind="filler")
        assert len(await held_by_phones(session, company.unit)) == 1
        assert await held_by_phones(session, company.other_unit) == []
        caller = office(company, keeper.staff)
        await accounts.set_units(session, caller, filler.id, [company.other_unit.id])
        await session.flush()
        assert await held_by_phones(session, company.unit) == []
        assert len(await held_by_phones(session, company.other_unit)) == 1

    async def test_a_new_unit_gets_what_its_company_holds(self, keeper: Office, session: AsyncSession) -> None:
        await keeper.post()
        new = await make_organisation(session, "unit", parent=keeper.company.company)
        await certificates.post_everywhere(session)
        assert len(await held_by_phones(session, new)) == 1


class TestHandhelds:
    @pytest.mark.requirement("5.8.7-2b")
    async def test_a_fillers_handheld_without_a_valid_explosion_proof_certificate_is_listed_until_it_has_one(
        self, keeper: Office, session: AsyncSession
    ) -> None:
        filler = await make_staff(session, keeper.company, roles=["filler"], name="演示-郑充装")
        driver = await make_staff(session, keeper.company, roles=["driver"])
        device = await make_device(session, filler)
        other = await make_device(session, filler)
        await make_device(session, driver)

        async def without() -> set[str]:
            answer = await keeper.client.get("/api/certificates/handhelds-without", headers=keeper.headers)
            return {each["id"] for each in answer.json()}

        assert await without() == {device.id, other.id}
        held = {"holder_kind": "device", "kind": "explosion_proof", "number": "CNEx 21.0007"}
        for each in (device, other):
            # One certificate covers every handheld of its model, and each of them once.
            made = await keeper.post(**held, holder_id=each.id, covers="演示手持机 HT-7", expires_on=in_days(20))
            assert made.status_code == 201, made.text
        again = await keeper.post(**held, holder_id=device.id, expires_on=in_days(20))
        assert (again.status_code, again.json()["code"]) == (409, "certificate.number_taken")
        assert await without() == set()
        sent = await held_by_phones(session, keeper.company.unit)
        assert {each.holder_id for each in sent if each.kind == "explosion_proof"} == {device.id, other.id}
        assert [each.kind for each in await held_by_phones(session, keeper.company.other_unit)] == []
        due = await keeper.list(state="due", holder_kind="device")
        assert {(each["covers"], each["due_within"]) for each in due} == {("演示手持机 HT-7", 30)}

    async def test_another_companys_handheld_gets_none(
        self, keeper: Office, client: AsyncTestClient[Any], session: AsyncSession
    ) -> None:
        other = await make_company(session)
        device = await make_device(session, await make_staff(session, other, roles=["filler"]))
        made = await keeper.post(holder_kind="device", kind="explosion_proof", holder_id=device.id)
        assert made.status_code == 404
        answer = await client.get("/api/certificates/handhelds-without", headers=keeper.headers)
        assert answer.json() == []
