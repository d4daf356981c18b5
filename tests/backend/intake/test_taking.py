"""What comes into a phone's database is taken once or held back with a reason, and nothing is lost."""

import secrets
import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import select, update

from backend.accounts.models import Device
from backend.intake.gaps import Gap, missing_numbers
from backend.intake.models import IntakeEntry
from backend.photos.models import Photo
from sync.documents.envelope import Position, new_id
from tests.backend.intake.conftest import hire
from tests.factories import records


class TestRefused:
    """Held back byte for byte, told to the phone, and good neighbours are taken."""

    @pytest.mark.parametrize(
        ("spoil", "code"),
        [
            ({"staff_id": "somebody else"}, "wrong_owner"),
            ({"device_id": "another phone"}, "wrong_device"),
            ({"unit_id": "another unit"}, "wrong_unit"),
            ({"hazard_type": ""}, "unreadable"),
            ({"record_number": 0}, "unreadable"),
            ({"record_number": 2**70}, "unreadable"),
            ({"unheard_of": 1}, "unreadable"),
            ({"type": "visit.failed"}, "unreadable"),
            ({"note": "a\0b"}, "unreadable"),
            ({"recorded": {"at": "2026-11-23T00:00:00Z", "boot_id": "b", "monotonic_s": 1e300}}, "unreadable"),
            ({"recorded": "yesterday"}, "unreadable"),
            ({"schema_version": 99, "colour": "red"}, "newer_schema"),
            ({"_id": f"hazard.closed:{uuid.uuid4()}"}, "unknown_type"),
            ({"_id": "no type at all"}, "unknown_type"),
            ({"_id": "hazard.reported:not-a-uuid"}, "unreadable"),
            ({"_rev": f"2-{uuid.uuid4().hex}"}, "not_first_generation"),
            ({"unit_id": ["east"]}, "unreadable"),
            ({"unit_id": {"a": 1}, "device_id": {"b": 2}}, "unreadable"),
        ],
    )
    async def test_is_held_with_its_code_and_answered(self, world, li, spoil, code):
        good = li.hazard()
        bad = records.document(li.hazard(), **spoil)
        world.push(li.user, bad, records.document(good))
        assert await world.feed.read(li.user) == 1
        (held,) = await world.quarantine(li)
        assert held.code == code
        assert held.doc_id == bad["_id"]
        sent = {k: v for k, v in bad.items() if not k.startswith("_")}
        assert msgspec.json.decode(held.body) == sent
        answers = await world.answers(li)
        assert answers[bad["_id"]].state == "refused"
        assert answers[bad["_id"]].code == code
        assert answers[bad["_id"]].reason_zh
        assert answers[bad["_id"]].action_zh
        assert answers[good.id].state == "accepted"
        assert list(await world.facts(li)) == [good.id]

    async def test_the_reason_names_the_field(self, world, li):
        world.push(li.user, records.document(li.hazard(), proposed_grade=7))
        await world.feed.read(li.user)
        (held,) = await world.quarantine(li)
        assert "$.proposed_grade" in held.detail

    async def test_nesting_too_deep_for_any_reader_does_not_stop_the_feed(self, world, li):
        deep: list = []
        for _ in range(600):
            deep = [deep]
        good = li.hazard()
        world.push(li.user, records.document(li.hazard(), note=deep), records.document(good))
        assert await world.feed.read(li.user) == 1
        assert [held.code for held in await world.quarantine(li)] == ["unreadable"]

    @pytest.mark.parametrize("make", [lambda: "x:" + secrets.token_urlsafe(6000), lambda: f"task.patrol:{'气' * 3000}"])
    async def test_an_id_longer_than_any_index_does_not_stop_the_feed(self, world, li, make):
        doc_id, good = make(), li.hazard()
        world.push(li.user, {"_id": doc_id, "_rev": "1-a"}, records.document(good))
        assert await world.feed.read(li.user) == 1
        (held,) = await world.quarantine(li)
        assert held.doc_id.startswith(doc_id[:100])
        assert await world.feed.read(li.user) == 0
        assert len(await world.quarantine(li)) == 1

    @pytest.mark.parametrize(
        "doc_id", ["{}\0", "task.patrol:{}\0", "receipt:\0{}", "photo:{}\0", "hazard.reported:{}\0"]
    )
    async def test_an_id_with_a_nul_does_not_stop_the_feed(self, world, li, doc_id):
        good = li.hazard()
        bad = {"_id": doc_id.format(uuid.uuid4().hex), "_rev": "1-a"}
        world.push(li.user, bad, records.document(good))
        assert await world.feed.read(li.user) == 1
        assert len(await world.quarantine(li)) == 1
        assert (await world.answers(li))[good.id].state == "accepted"

    @pytest.mark.parametrize("depth", [300, 600, 900])
    async def test_a_forged_task_nested_deeply_does_not_stop_the_feed(self, world, li, depth):
        deep: list = []
        for _ in range(depth):
            deep = [deep]
        good = li.hazard()
        forged = {"_id": new_id("task.patrol"), "_rev": "1-a", "signature": f"{world.keys.current[0]}.{'A' * 86}"}
        world.push(li.user, {**forged, "x": deep}, records.document(good))
        assert await world.feed.read(li.user) == 1
        assert [held.code for held in await world.quarantine(li)] == ["forged"]

    async def test_a_forged_receipt_raises_an_alarm(self, world, li):
        forged = {"_id": new_id("receipt"), "_rev": f"1-{uuid.uuid4().hex}", "type": "receipt", "signature": "k.AAAA"}
        world.push(li.user, forged)
        await world.feed.read(li.user)
        (held,) = await world.quarantine(li)
        assert held.code == "forged"

    async def test_an_edited_receipt_is_forged(self, world, li):
        world.push(li.user, records.document(li.hazard(hazard_type="x", note="炸")))
        await world.feed.read(li.user)
        (receipt,) = await world.receipts(li)
        document = world.hub.ask("GET", f"{li.user}/{receipt.id}")
        document["entries"][0]["state"] = "accepted"
        world.hub.put(li.user, receipt.id, **{k: v for k, v in document.items() if k != "_id"})
        await world.feed.read(li.user)
        assert sorted(held.code for held in await world.quarantine(li)) == ["forged", "not_taken"]

    async def test_what_the_backend_wrote_is_passed_over(self, world, li):
        world.push(li.user, records.document(li.hazard()))
        await world.feed.read(li.user)
        assert len(await world.receipts(li)) == 1
        await world.feed.read(li.user)
        assert await world.quarantine(li) == []

    async def test_an_edit_of_a_taken_record_never_replaces_it(self, world, li):
        first = records.document(li.hazard(note="first"))
        world.push(li.user, first)
        await world.feed.read(li.user)
        world.hub.put(li.user, first["_id"], **{**{k: v for k, v in first.items() if k != "_id"}, "note": "edited"})
        await world.feed.read(li.user)
        (held,) = await world.quarantine(li)
        assert held.code == "not_first_generation"
        assert b"first" in (await world.facts(li))[first["_id"]].body

    async def test_a_foreign_first_revision_is_the_second_one(self, world, li):
        record = li.hazard(note="first")
        world.push(li.user, records.document(record))
        await world.feed.read(li.user)
        world.push(li.user, records.document(record, _rev=f"1-{'f' * 32}", note="other"))
        await world.feed.read(li.user)
        (held,) = await world.quarantine(li)
        assert held.code == "second_revision"
        assert b"first" in (await world.facts(li))[record.id].body

    async def test_a_losing_foreign_revision_is_seen_too(self, world, li):
        record = li.hazard(note="first")
        world.push(li.user, records.document(record))
        await world.feed.read(li.user)
        world.push(li.user, records.document(record, _rev=f"1-{'0' * 32}", note="other"))
        await world.feed.read(li.user)
        assert [held.code for held in await world.quarantine(li)] == ["second_revision"]

    async def test_a_deleted_record_stays_taken(self, world, li):
        record = records.document(li.hazard())
        world.push(li.user, record)
        await world.feed.read(li.user)
        world.hub.ask("DELETE", f"{li.user}/{record['_id']}?rev={record['_rev']}")
        await world.feed.read(li.user)
        assert [held.code for held in await world.quarantine(li)] == ["deleted"]
        assert list(await world.facts(li)) == [record["_id"]]

    async def test_a_domain_that_fails_costs_only_its_own_record(self, world, li):
        good = [li.hazard() for _ in range(9)]
        bad = li.hazard(note="炸")
        world.push(li.user, *(records.document(r) for r in [*good[:4], bad, *good[4:]]))
        assert await world.feed.read(li.user) == 9
        (held,) = await world.quarantine(li)
        assert (held.doc_id, held.code) == (bad.id, "not_taken")
        assert set(await world.facts(li)) == {r.id for r in good}
        answers = await world.answers(li)
        assert {answers[r.id].state for r in good} == {"accepted"}

    async def test_what_is_refused_is_never_read_twice(self, world, li):
        world.push(li.user, records.document(li.hazard(), hazard_type=""))
        for _ in range(3):
            await world.feed.read(li.user)
        assert len(await world.quarantine(li)) == 1
        assert len(await world.receipts(li)) == 1


class TestAccepted:
    async def test_a_duplicate_changes_nothing(self, world, li):
        document = records.document(li.hazard())
        for _ in range(3):
            world.push(li.user, document)
            await world.feed.read(li.user)
        assert world.taken == [document["_id"]]
        assert len(await world.receipts(li)) == 1

    async def test_the_same_revision_in_another_quarter_is_answered_there(self, world, li):
        document = records.document(li.hazard())
        world.push(li.user, document)
        await world.feed.read(li.user)
        other = f"user_{li.staff_id}_20263"
        world.hub.create(other, "device:x")
        world.push(other, document)
        assert await world.feed.read(other) == 0
        assert world.taken == [document["_id"]]
        await world.carry()
        rows = world.hub.ids(other)
        assert sum(doc_id.startswith("receipt:") for doc_id in rows) == 1

    async def test_one_receipt_for_each_batch_and_device(self, world, li):
        second = uuid.uuid4().hex
        async with world.database.sessions() as session, session.begin():
            row = Device(
                id=second, staff_id=li.staff_id, organisation_id=li.unit_id, name="b", platform="x", app_version="1"
            )
            session.add(row)
        world.push(li.user, *(records.document(li.hazard(device_id=d)) for d in (li.device_id, second) * 3))
        await world.feed.read(li.user)
        found = await world.receipts(li)
        assert sorted(r.device_id for r in found) == sorted([li.device_id, second])
        assert [len(r.entries) for r in found] == [3, 3]

    async def test_a_revoked_phones_earlier_records_are_still_facts(self, world, li):
        async with world.database.sessions() as session, session.begin():
            await session.execute(update(Device).where(Device.id == li.device_id).values(revoked_at=datetime.now(UTC)))
        world.push(li.user, records.document(li.hazard()))
        assert await world.feed.read(li.user) == 1

    async def test_waits_for_what_it_refers_to_and_is_settled_on_arrival(self, world, li):
        later, earlier = li.hazard(), li.hazard()
        world.missing[later.id] = earlier.id
        world.push(li.user, records.document(later))
        await world.feed.read(li.user)
        assert (await world.answers(li))[later.id].state == "waiting"
        world.push(li.user, records.document(earlier))
        await world.feed.read(li.user)
        answers = await world.answers(li)
        assert (answers[later.id].state, answers[earlier.id].state) == ("accepted", "accepted")
        assert (await world.facts(li))[later.id].state == "accepted"

    async def test_what_waited_for_another_persons_record_is_answered_to_its_own_author(self, world, li):
        wang = await hire(world)
        later, earlier = li.hazard(), wang.hazard()
        world.missing[later.id] = earlier.id
        world.push(li.user, records.document(later))
        await world.feed.read(li.user)
        world.push(wang.user, records.document(earlier))
        await world.feed.read(wang.user)
        assert (await world.answers(li))[later.id].state == "accepted"
        assert set(await world.answers(wang)) == {earlier.id}

    async def test_a_mocked_position_abroad_is_accepted_with_remarks(self, world, li):
        position = Position(lon=2.35, lat=48.85, accuracy_m=5, source="gnss", mocked=True)
        record = li.hazard(position=position)
        world.push(li.user, records.document(record))
        await world.feed.read(li.user)
        assert (await world.facts(li))[record.id].remarks == ["position_mocked", "position_abroad"]

    async def test_a_gap_in_the_numbers_shows(self, world, li):
        world.push(li.user, *(records.document(li.hazard(record_number=n)) for n in (1, 2, 5, 9)))
        await world.feed.read(li.user)
        async with world.database.sessions() as session:
            assert await missing_numbers(session, li.device_id) == [Gap("user", 3, 4), Gap("user", 6, 8)]

    async def test_the_log_keeps_each_revision_with_its_hash(self, world, li):
        document = records.document(li.hazard())
        world.push(li.user, document)
        await world.feed.read(li.user)
        async with world.database.sessions() as session:
            entry = await session.get(IntakeEntry, (li.user, document["_id"], document["_rev"]))
        assert (entry.outcome, entry.record_number, len(entry.sha256)) == ("accepted", 1, 32)


class TestClock:
    async def test_a_clock_a_day_ahead_is_brought_back(self, world, li):
        wrong = records.moment(datetime.now(UTC) + timedelta(days=1), clock="unset")
        record = li.hazard(recorded=wrong)
        world.push(li.user, records.document(record))
        await world.feed.read(li.user)
        fact = (await world.facts(li))[record.id]
        assert abs(fact.recorded_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert fact.remarks == ["clock_corrected"]
        assert (await world.answers(li))[record.id].state == "accepted"

    async def test_a_clock_a_day_behind_follows_a_trusted_time_of_the_same_boot(self, world, li):
        now = datetime.now(UTC)
        behind = records.moment(now - timedelta(days=1, minutes=5), clock="unset", monotonic_s=700.0)
        trusted = records.moment(now, clock="gnss", monotonic_s=1000.0)
        first, second = li.hazard(recorded=behind), li.hazard(recorded=trusted)
        world.push(li.user, records.document(first), records.document(second))
        await world.feed.read(li.user)
        facts = await world.facts(li)
        assert facts[second.id].recorded_at - facts[first.id].recorded_at == timedelta(seconds=300)

    async def test_a_clock_a_day_behind_is_corrected_by_what_the_phone_last_told(self, world, li):
        async with world.database.sessions() as session, session.begin():
            await session.execute(update(Device).where(Device.id == li.device_id).values(clock_offset_s=86_400.0))
        behind = records.moment(datetime.now(UTC) - timedelta(days=1, hours=1), clock="unset")
        record = li.hazard(recorded=behind)
        world.push(li.user, records.document(record))
        await world.feed.read(li.user)
        fact = (await world.facts(li))[record.id]
        assert abs(fact.recorded_at - (datetime.now(UTC) - timedelta(hours=1))) < timedelta(minutes=1)


class TestPhotos:
    async def test_a_photo_is_stored_and_counted_for_its_record(self, world, li):
        picture = records.jpeg()
        hazard = li.hazard(photos=())
        photo = records.photo(picture, hazard.id, **li.who())
        hazard = msgspec.structs.replace(hazard, photos=(photo.id, "photo:" + "0" * 64))
        world.push(li.user, records.document(hazard))
        await world.feed.read(li.user)
        assert (await world.answers(li))[hazard.id].photos_arrived == 0
        world.push_photo(li, photo, picture)
        assert await world.feed.read(li.media) == 1
        answers = await world.answers(li)
        assert answers[photo.id].state == "accepted"
        assert answers[hazard.id].photos_arrived == 1
        assert (await world.facts(li))[hazard.id].photos_named == 2
        assert await world.photos.get(photo.id) == picture
        async with world.database.sessions() as session:
            row = (await session.scalars(select(Photo).where(Photo.staff_id == li.staff_id))).one()
        assert (row.id, row.record_id, row.organisation_id) == (photo.id, hazard.id, li.unit_id)

    @pytest.mark.parametrize(
        ("picture", "sent", "code"),
        [
            (b"not a picture at all", b"not a picture at all", "not_an_image"),
            (records.jpeg()[:-400], records.jpeg()[:-400], "not_an_image"),
            (records.jpeg(1), records.jpeg(2), "photo_differs"),
            (records.jpeg(1), None, "photo_missing"),
        ],
        ids=["text", "cut off", "another picture", "no picture"],
    )
    async def test_what_is_no_photo_is_held_with_its_bytes(self, world, li, picture, sent, code):
        photo = records.photo(picture, "hazard.reported:x", **li.who())
        world.push_photo(li, photo, sent)
        assert await world.feed.read(li.media) == 0
        (held,) = await world.quarantine(li)
        assert held.code == code
        assert held.attachment == sent
        assert (await world.answers(li))[photo.id].code == code

    async def test_a_record_in_the_photos_database_is_held(self, world, li):
        world.push(li.media, records.document(li.hazard()))
        await world.feed.read(li.media)
        assert [held.code for held in await world.quarantine(li)] == ["wrong_database"]

    async def test_the_same_picture_by_a_colleague_is_accepted(self, world, li):
        wang = await hire(world)
        picture = records.jpeg(7)
        for person in (li, wang):
            photo = records.photo(picture, "hazard.reported:x", **person.who())
            world.push_photo(person, photo, picture)
            await world.feed.read(person.media)
            assert (await world.answers(person))[photo.id].state == "accepted"
