"""Real-name registration and papers from phones: sealed on the way, folded in any order, the office's word stays."""

import itertools
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.audit import AuditEntry
from backend.customers import service as customers
from backend.customers.models import Customer
from backend.customers.schemas import PaperIn
from backend.deliveries import service as deliveries
from backend.intake.models import Conflict
from backend.personal_keys import data_dir, office_public_pem
from backend.photos.models import Photo
from backend.photos.service import PhotoStore
from sync.documents.customers import CustomerCompleted, CustomerPaperDone, CustomerPersonal
from sync.documents.envelope import new_id
from sync.sealed import seal_for_office
from tests.factories.customers import IDENTITY, customer_in
from tests.factories.deliveries import Station, checked, completed, make_order, make_station
from tests.factories.taken import MORNING, record, take

HOUR = timedelta(hours=1)


def completion(session: AsyncSession, station: Station, *, by: Any = None, **personal: str) -> CustomerCompleted:
    record_id = new_id("customer.completed")
    text = msgspec.json.encode(CustomerPersonal(**personal))
    made = record(
        CustomerCompleted,
        by or station.driver,
        customer_id=station.customer_id,
        given=tuple(personal),
        identity_photo="photo:card",
        photos=("photo:card",),
        sealed=seal_for_office(office_public_pem(data_dir(session)), text, record_id),
    )
    return msgspec.structs.replace(made, id=record_id)


async def kinds(session: AsyncSession) -> list[str]:
    return sorted((await session.scalars(select(Conflict.kind))).all())


class TestCompleted:
    @pytest.mark.requirement("5.8.3-07")
    async def test_what_the_driver_took_down_completes_the_record(self, session: AsyncSession) -> None:
        station = await make_station(session, phone="", identity_number="")
        fact = completion(session, station, phone="100-0000-0777", identity_number=IDENTITY)
        await take(session, station.company, station.driver, fact)
        found = await customers.find_customer(session, station.caller, station.customer_id)
        assert (found.customer.missing, found.phone, found.identity_masked) == (
            (),
            "100-0000-0777",
            "220100********0017",
        )
        assert found.identity_photo == "photo:card"
        entry = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "customer.completed"))).one()
        assert entry.actor_id == station.driver.id

    async def test_neither_the_record_nor_a_table_holds_the_number(self, session: AsyncSession) -> None:
        station = await make_station(session, identity_number="")
        fact = completion(session, station, identity_number=IDENTITY)
        assert IDENTITY.encode() not in msgspec.json.encode(fact)
        await take(session, station.company, station.driver, fact)
        rows = await session.scalars(select(func.row_to_json(Customer.__table__.table_valued())))
        audited = await session.scalars(select(AuditEntry.facts))
        assert IDENTITY not in "".join(map(str, [*rows, *audited]))

    async def test_the_order_of_arrival_does_not_matter_and_the_office_learns_of_both(
        self, session: AsyncSession
    ) -> None:
        ends = []
        for turn in itertools.permutations(range(2)):
            station = await make_station(session, phone="")
            facts = [
                (station.driver, completion(session, station, phone="100-0000-0001"), MORNING),
                (
                    station.other_driver,
                    completion(session, station, by=station.other_driver, phone="100-0000-0002"),
                    MORNING + HOUR,
                ),
            ]
            for number in turn:
                staff, fact, at = facts[number]
                await take(session, station.company, staff, fact, at=at)
            found = await customers.find_customer(session, station.caller, station.customer_id)
            conflict = (
                await session.scalars(select(Conflict).where(Conflict.organisation_id == station.company.unit.id))
            ).one()
            ends.append((found.phone, conflict.kind, conflict.record_ids == sorted(fact.id for _, fact, _ in facts)))
        assert ends == [("100-0000-0001", "customer.differs", True)] * 2

    async def test_what_the_office_wrote_stays(self, session: AsyncSession) -> None:
        station = await make_station(session)
        await take(session, station.company, station.driver, completion(session, station, phone="100-0000-0999"))
        found = await customers.find_customer(session, station.caller, station.customer_id)
        assert found.phone == "100-0000-0402"
        assert await kinds(session) == ["customer.differs"]

    async def test_a_wrong_number_is_not_kept_and_the_office_is_told(self, session: AsyncSession) -> None:
        station = await make_station(session, identity_number="")
        wrong = completion(session, station, identity_number=IDENTITY[:-1] + "8")
        await take(session, station.company, station.driver, wrong)
        found = await customers.find_customer(session, station.caller, station.customer_id)
        assert not found.customer.identity_given
        assert await kinds(session) == ["customer.identity_wrong"]

    async def test_a_text_sealed_for_another_office_is_told(self, session: AsyncSession) -> None:
        station = await make_station(session, phone="")
        fact = msgspec.structs.replace(completion(session, station, phone="100-0000-0777"), sealed="AAAA")
        await take(session, station.company, station.driver, fact)
        assert await kinds(session) == ["customer.not_opened"]

    async def test_another_companys_driver_completes_nothing(self, session: AsyncSession) -> None:
        ours, theirs = await make_station(session, phone=""), await make_station(session)
        await take(session, theirs.company, theirs.driver, completion(session, ours, phone="100-0000-0666"))
        assert (await customers.find_customer(session, ours.caller, ours.customer_id)).phone == ""

    async def test_nothing_is_kept_of_somebody_who_was_erased(self, session: AsyncSession) -> None:
        station = await make_station(session, phone="")
        await customers.erase_customer(session, station.caller, station.customer_id, "本人要求")
        await take(session, station.company, station.driver, completion(session, station, phone="100-0000-0777"))
        assert (await customers.find_customer(session, station.caller, station.customer_id)).phone == ""

    async def test_a_delivery_that_came_before_the_completion_is_no_breach(self, session: AsyncSession) -> None:
        station = await make_station(session, phone="")
        made = await make_order(session, station)
        early = completed(station, made.order.id, "35-1", check_id="delivery.checked:x")
        late = completed(station, made.order.id, "35-2", check_id="delivery.checked:y")
        await take(session, station.company, station.driver, early, at=MORNING - HOUR)
        await take(session, station.company, station.driver, late, at=MORNING + HOUR)
        fact = completion(session, station, phone="100-0000-0777")
        await take(session, station.company, station.driver, fact)
        left = await session.scalars(select(Conflict).where(Conflict.kind == "delivery.incomplete_customer"))
        assert [early.id in conflict.record_ids for conflict in left] == [True]


class TestCompanyCustomers:
    async def test_a_restaurant_needs_its_safety_officer(self, session: AsyncSession) -> None:
        given = {"category": "catering", "identity_kind": "organisation", "identity_number": "91350100M000100Y43"}
        station = await make_station(session, **given)
        before = await customers.find_customer(session, station.caller, station.customer_id)
        assert before.customer.missing == ("safety_officer",)
        unfinished = await customers.list_customers(session, station.caller, complete=False)
        assert [line.id for line in unfinished.items] == [station.customer_id]
        fact = completion(session, station, safety_officer="演示-安负责")
        await take(session, station.company, station.driver, fact)
        assert (await customers.find_customer(session, station.caller, station.customer_id)).customer.complete


def paper(station: Station, task_id: str, kind: Any = "agreement") -> CustomerPaperDone:
    return record(
        CustomerPaperDone,
        station.driver,
        customer_id=station.customer_id,
        task_id=task_id,
        kind=kind,
        number="HT-2026-0007",
        photos=("photo:contract",),
    )


class TestPapers:
    @pytest.mark.requirement("5.8.3-04")
    @pytest.mark.requirement("5.8.3-05")
    async def test_a_photographed_contract_stands_with_its_customer_and_its_delivery(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        made = await make_order(session, station)
        done = completed(station, made.order.id, "35-1", check_id="delivery.checked:x")
        await take(session, station.company, station.driver, paper(station, made.order.id))
        await take(session, station.company, station.driver, done, at=MORNING + HOUR)
        found = await customers.find_customer(session, station.caller, station.customer_id)
        assert [(p.kind, p.number, p.photos) for p in found.paper_records] == [
            ("agreement", "HT-2026-0007", ["photo:contract"])
        ]
        (delivery,) = (await deliveries.list_deliveries(session, station.caller)).items
        assert (delivery.agreement_on, [p.photos for p in delivery.papers]) == ("2026-11-23", [["photo:contract"]])
        order = await deliveries.find_order(session, station.caller, made.order.id)
        assert [p.id for p in order.papers] == [p.id for p in found.paper_records]

    @pytest.mark.requirement("E5.8.4-7")
    async def test_each_check_at_delivery_counts_as_the_in_home_check_and_waits_for_review(
        self, session: AsyncSession
    ) -> None:
        station = await make_station(session)
        await take(session, station.company, station.driver, checked(station, "task.delivery:x"))
        whole = await customers.registration(session, station.caller)
        assert (whole.done_percent["in_home_check"], whole.reviewed_percent["in_home_check"]) == (100.0, 0.0)
        reviewed = PaperIn(done_on=MORNING.date(), reviewed=True)
        await customers.set_paper(session, station.caller, station.customer_id, "in_home_check", reviewed)
        whole = await customers.registration(session, station.caller)
        assert whole.reviewed_percent["in_home_check"] == 100.0
        found = await customers.find_customer(session, station.caller, station.customer_id)
        papers = {p.kind: p for p in found.papers}
        assert papers["in_home_check"].done_by == station.driver.id

    async def test_the_newest_counts_whatever_came_first(self, session: AsyncSession) -> None:
        for turn in itertools.permutations(range(2)):
            station = await make_station(session)
            told = [(paper(station, ""), MORNING), (paper(station, ""), MORNING + timedelta(days=30))]
            for number in turn:
                await take(session, station.company, station.driver, told[number][0], at=told[number][1])
            found = await customers.find_customer(session, station.caller, station.customer_id)
            assert [p.record_id for p in found.papers if p.kind == "agreement"] == [told[1][0].id]

    async def test_the_drivers_card_says_since_when_there_is_a_contract(self, session: AsyncSession) -> None:
        station = await make_station(session)
        assert (await customers.card(session, station.customer_id)).agreement_on == ""
        await take(session, station.company, station.driver, paper(station, ""))
        assert (await customers.card(session, station.customer_id)).agreement_on == "2026-11-23"


class TestPictures:
    async def test_pictures_of_the_erased_go_also_those_that_arrive_later(
        self, session: AsyncSession, tmp_path: Any
    ) -> None:
        store = PhotoStore(tmp_path / "photos")
        station = await make_station(session)
        await take(session, station.company, station.driver, paper(station, ""))
        await customers.erase_customer(session, station.caller, station.customer_id, "本人要求")
        for photo_id, original in (("photo:contract", "photo:raw"), ("photo:raw", ""), ("photo:other", "")):
            await store.put(photo_id, b"\xff\xd8 picture", sealed=True)
            session.add(
                Photo(
                    id=photo_id,
                    organisation_id=station.company.unit.id,
                    company_id=station.company.company.id,
                    staff_id=station.driver.id,
                    device_id="phone",
                    record_id="x",
                    role="marked",
                    source="camera",
                    original_id=original,
                    personal=True,
                    length_bytes=10,
                    width=1,
                    height=1,
                    recorded_at=MORNING,
                )
            )
        await session.flush()
        assert await customers.delete_pictures_of_the_erased(session, store) == 2
        left = [path.name for path in (tmp_path / "photos").rglob("*") if path.is_file()]
        assert left == ["other"]

    async def test_a_picture_of_a_person_does_not_lie_readable_on_the_disk(self, tmp_path: Any) -> None:
        store = PhotoStore(tmp_path / "photos")
        await store.put("photo:0a", b"\xff\xd8 signature", sealed=True)
        (path,) = [path for path in (tmp_path / "photos").rglob("*") if path.is_file()]
        assert b"signature" not in path.read_bytes()
        assert await store.get("photo:0a") == b"\xff\xd8 signature"


class TestOffice:
    async def test_what_the_office_saves_is_the_offices_from_then_on(self, session: AsyncSession) -> None:
        station = await make_station(session, phone="", code="KH-OFFICE")
        await take(session, station.company, station.driver, completion(session, station, phone="100-0000-0001"))
        given = customer_in(station.company, code="KH-OFFICE", phone="100-0000-0003")
        await customers.change_customer(session, station.caller, station.customer_id, given)
        earlier = completion(session, station, phone="100-0000-0009")
        await take(session, station.company, station.driver, earlier, at=MORNING - HOUR)
        assert (await customers.find_customer(session, station.caller, station.customer_id)).phone == "100-0000-0003"
