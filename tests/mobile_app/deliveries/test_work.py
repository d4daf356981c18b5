from datetime import date

import msgspec
import pytest

from mobile_app.deliveries.work import Delivery, Scanned, fail_visit, load, scan
from mobile_app.errors import DeliveryBlocked, FieldError, NotReady, OutOfOrder
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from mobile_app.photos import take_photo, take_signature
from sync.documents.cylinders import CylinderRefused
from sync.documents.deliveries import DeliveryCheckItem, DeliveryCompleted, DepositSlip, Payment
from sync.documents.hazards import HazardReported
from sync.sealed import open_sealed
from tests.mobile_app.phones import (
    CHECK_ITEMS,
    CUSTOMER,
    DELIVERY,
    OFFICE_KEY,
    UNIT_ID,
    cylinder,
    give_office_key,
    jpeg,
    open_phone,
    put,
)

PASSED = [DeliveryCheckItem(item="upright", result="pass"), DeliveryCheckItem(item="hose", result="not_applicable")]


async def picture(phone: Phone, shade: int = 100) -> PhotoDraft:
    return await take_photo(phone, jpeg(shade))


async def two(phone: Phone) -> list[Scanned]:
    return [await scan(phone, code, "qr", "delivery") for code in ("SH0001", "SH0002")]


async def up_to(phone: Phone, step: str) -> Delivery:
    """A delivery that stands before `step`."""
    delivery = await Delivery.open(phone, DELIVERY)
    if step == "customer":
        return delivery
    await delivery.check_customer()
    if step == "check":
        return delivery
    await delivery.check(PASSED)
    if step == "exchange":
        return delivery
    await delivery.exchange(await two(phone))
    if step == "leak_test":
        return delivery
    await delivery.leak_test(method="instrument", passed=True, reading_ppm=0, photo=await picture(phone, 1))
    if step == "sign":
        return delivery
    await delivery.sign(kind="door_photo", receiver="演示-张用户", photo=await picture(phone, 2))
    return delivery


class TestScan:
    @pytest.mark.parametrize(
        ("code", "reason"),
        [("SH0003", "inspection_overdue"), ("SH0004", "scrapped"), ("XX9999", "unknown_cylinder")],
    )
    async def test_a_forbidden_cylinder_is_refused_offline_and_recorded(
        self, phone: Phone, code: str, reason: str
    ) -> None:
        found = await scan(phone, code, "qr", "delivery", task_id=DELIVERY.id)
        assert not found.allowed
        refused = (await phone.recorded(CylinderRefused))[0]
        assert (refused.reasons, refused.scan.code, refused.task_id) == ((reason,), code, DELIVERY.id)

    async def test_a_good_one_is_allowed_and_leaves_no_record(self, phone: Phone) -> None:
        found = await scan(phone, "SH0001", "barcode", "loading")
        assert (found.allowed, found.scan.cylinder_id) == (True, "sh0001")
        assert (await phone.counts())["saved"] == 0

    async def test_an_empty_tag_is_told_by_its_number(self, phone: Phone) -> None:
        found = await scan(phone, "", "nfc", "delivery", tag_uid="04sh0001")
        assert (found.allowed, found.scan.code) == (True, "SH0001")

    async def test_a_tag_moved_to_another_cylinder_is_refused(self, phone: Phone) -> None:
        found = await scan(phone, "SH0001", "nfc", "delivery", tag_uid="04SH0002")
        assert found.verdict.codes == ("tag_mismatch",)

    async def test_another_stamp_than_the_archive_s_is_a_doubt_and_no_refusal(self, phone: Phone) -> None:
        photo = await take_photo(phone, jpeg())
        found = await scan(phone, "SH0001", "typed", "loading", photo=photo, stamped=" SH 0007 ")
        assert found.allowed
        assert found.doubt is not None
        assert found.doubt.zh == "瓶上钢印 SH 0007，档案是 SH0001"
        assert (found.scan.stamped, found.scan.photo) == ("SH 0007", photo.id)
        same = await scan(phone, "SH0001", "typed", "loading", photo=photo, stamped="sh-0001")
        assert same.doubt is None

    async def test_while_the_archive_is_on_its_way_nothing_is_unknown(self, phone: Phone) -> None:
        unit = phone.stores.unit(UNIT_ID)
        unit.set_meta("downloading", "1")
        with pytest.raises(NotReady):
            await scan(phone, "SH0099", "qr", "loading")
        assert await phone.recorded(CylinderRefused) == []
        assert not (await scan(phone, "SH0003", "qr", "loading")).allowed

    async def test_a_typed_number_needs_a_photo_of_the_stamp(self, phone: Phone) -> None:
        with pytest.raises(FieldError) as refused:
            await scan(phone, "SH0001", "typed", "delivery")
        assert refused.value.code == "scan.typed_without_photo"
        photo = await picture(phone)
        found = await scan(phone, "SH0001", "typed", "delivery", photo=photo)
        assert found.scan.photo == photo.id

    async def test_the_day_is_that_of_the_trusted_clock(self, phone: Phone) -> None:
        put(phone.stores.unit(UNIT_ID), [cylinder("SH0001", next_inspection_on=phone.today())])
        assert (await scan(phone, "SH0001", "qr", "delivery")).allowed


class TestLoad:
    async def test_loads_what_was_scanned(self, phone: Phone) -> None:
        loaded = await load(phone, await two(phone), station_id="station", vehicle="吉·演示01")
        assert [found.code for found in loaded.cylinders] == ["SH0001", "SH0002"]

    async def test_a_forbidden_one_does_not_go_out(self, phone: Phone) -> None:
        bad = await scan(phone, "SH0004", "qr", "loading")
        with pytest.raises(FieldError) as refused:
            await load(phone, [bad], station_id="station")
        assert refused.value.code == "scan.forbidden"

    async def test_twice_the_same_is_refused(self, phone: Phone) -> None:
        one = await scan(phone, "SH0001", "qr", "loading")
        with pytest.raises(FieldError) as refused:
            await load(phone, [one, one], station_id="station")
        assert refused.value.code == "scan.twice"


class TestCustomer:
    @pytest.mark.requirement("5.8.3-07")
    async def test_an_incomplete_customer_cannot_be_delivered_to(self, phone: Phone) -> None:
        card = msgspec.structs.replace(CUSTOMER, phone="", identity_number_given=False)
        task = msgspec.structs.replace(DELIVERY, customer=card)
        delivery = await Delivery.open(phone, task)
        with pytest.raises(DeliveryBlocked) as blocked:
            await delivery.check_customer()
        assert blocked.value.facts["missing"] == ("phone", "identity_number")
        assert "联系电话、身份证号" in blocked.value.zh
        for later in (
            delivery.check(PASSED),
            delivery.exchange(await two(phone)),
            delivery.sign(kind="written", receiver="x"),
            delivery.complete(),
        ):
            with pytest.raises(OutOfOrder):
                await later
        assert (await phone.counts())["saved"] == 0


class TestOrder:
    async def test_no_step_comes_before_its_turn(self, phone: Phone) -> None:
        delivery = await up_to(phone, "check")
        with pytest.raises(OutOfOrder) as refused:
            await delivery.exchange(await two(phone))
        assert refused.value.zh == "先做“随瓶安检”，再做“换瓶”"
        with pytest.raises(OutOfOrder):
            await delivery.complete()

    async def test_no_step_is_done_twice(self, phone: Phone) -> None:
        delivery = await up_to(phone, "exchange")
        with pytest.raises(OutOfOrder):
            await delivery.check(PASSED)


class TestCheck:
    async def test_every_item_must_be_judged(self, phone: Phone) -> None:
        delivery = await up_to(phone, "check")
        with pytest.raises(FieldError) as refused:
            await delivery.check(PASSED[:1])
        assert "软管" in refused.value.zh

    async def test_a_failed_item_needs_a_photo(self, phone: Phone) -> None:
        delivery = await up_to(phone, "check")
        with pytest.raises(FieldError) as refused:
            await delivery.check([PASSED[0], DeliveryCheckItem(item="hose", result="fail")])
        assert refused.value.code == "check.no_photo"

    async def test_a_failure_stops_the_supply_and_opens_a_hazard_with_the_photo(self, phone: Phone) -> None:
        delivery = await up_to(phone, "check")
        photo = await picture(phone)
        checked = await delivery.check([PASSED[0], DeliveryCheckItem(item="hose", result="fail", photo=photo.id)])
        assert (checked.passed, delivery.step) == (False, "stopped")
        hazard = (await phone.recorded(HazardReported))[0]
        assert (hazard.customer_id, hazard.photos, hazard.temporary_control) == ("c1", (photo.id,), "不予供气")
        assert "软管" in hazard.detail
        with pytest.raises(OutOfOrder):
            await delivery.exchange(await two(phone))


class TestExchange:
    async def test_as_many_as_were_ordered(self, phone: Phone) -> None:
        delivery = await up_to(phone, "exchange")
        with pytest.raises(FieldError) as refused:
            await delivery.exchange((await two(phone))[:1])
        assert "YSP35.5 少 1 瓶" in refused.value.zh

    async def test_a_refused_cylinder_is_not_handed_over(self, phone: Phone) -> None:
        delivery = await up_to(phone, "exchange")
        bad = await scan(phone, "SH0003", "qr", "delivery")
        with pytest.raises(FieldError):
            await delivery.exchange([(await two(phone))[0], bad])
        assert delivery.step == "exchange"


class TestLeakTest:
    async def test_needs_a_photo(self, phone: Phone) -> None:
        delivery = await up_to(phone, "leak_test")
        with pytest.raises(FieldError):
            await delivery.leak_test(method="soap_water", passed=True, photo=None)

    async def test_a_leak_opens_a_hazard_and_is_tested_again(self, phone: Phone) -> None:
        delivery = await up_to(phone, "leak_test")
        photo = await picture(phone)
        assert not await delivery.leak_test(method="instrument", passed=False, reading_ppm=300, photo=photo)
        assert delivery.step == "leak_test"
        assert (await phone.recorded(HazardReported))[0].customer_id == "c1"
        again = await picture(phone, 9)
        assert await delivery.leak_test(method="instrument", passed=True, reading_ppm=0, photo=again)


class TestSign:
    async def test_each_kind_needs_its_proof(self, phone: Phone) -> None:
        delivery = await up_to(phone, "sign")
        for kind in ("written", "door_photo"):
            with pytest.raises(FieldError):
                await delivery.sign(kind=kind, receiver="张")  # type: ignore[arg-type]
        await delivery.sign(kind="door_photo", receiver="张", relation="spouse", photo=await picture(phone, 5))
        assert delivery.step == "complete"

    async def test_the_receivers_name_is_sealed_for_the_office(self, phone: Phone) -> None:
        give_office_key(phone)
        delivery = await up_to(phone, "sign")
        photo = await picture(phone, 5)
        await delivery.sign(kind="door_photo", receiver="演示-代收人", relation="neighbour", photo=photo)
        completed = await delivery.complete()
        assert completed.signature.receiver == ""
        told = open_sealed(OFFICE_KEY, completed.signature.sealed, completed.id)
        assert (told.decode(), completed.signature.relation) == ("演示-代收人", "neighbour")

    async def test_a_written_signature_is_kept_as_personal(self, phone: Phone) -> None:
        delivery = await up_to(phone, "sign")
        signature = await take_signature(phone, jpeg(250, (300, 100)))
        await delivery.sign(kind="written", receiver="张", photo=signature)
        completed = await delivery.complete()
        assert signature.id in completed.photos
        kept = await phone.read(signature.id)
        assert kept is not None
        assert kept.role == "signature"  # type: ignore[union-attr]


class TestComplete:
    async def test_the_whole_delivery_is_one_record(self, phone: Phone) -> None:
        delivery = await up_to(phone, "complete")
        empty = await scan(phone, "SH0004", "qr", "return")
        await delivery.take_back(empty, fault="tag_damaged")
        completed = await delivery.complete(Payment(method="cash", amount_fen=24_000), note="放在厨房")
        assert [found.code for found in completed.delivered] == ["SH0001", "SH0002"]
        assert [(found.scan.code, found.fault) for found in completed.returned] == [("SH0004", "tag_damaged")]
        assert completed.leak_test.passed
        assert completed.signature.kind == "door_photo"
        assert len(completed.photos) == 2
        assert completed.payment is not None
        task = await phone.task(DELIVERY.id)
        assert task is not None
        assert (task.local, delivery.step) == ("done", "done")

    async def test_the_check_says_by_which_version_of_the_list_it_was_made(self, phone: Phone) -> None:
        newer = msgspec.structs.replace(CHECK_ITEMS, version=7)
        put(phone.stores.unit(UNIT_ID), [newer])
        delivery = await up_to(phone, "check")
        assert (await delivery.check(PASSED)).list_version == 7

    async def test_deposit_slips_are_kept_with_the_delivery(self, phone: Phone) -> None:
        delivery = await up_to(phone, "complete")
        slip = DepositSlip(kind="taken", number="YJ-1", specification="YSP35.5", quantity=2, amount_fen=26_000)
        with pytest.raises(FieldError) as refused:
            await delivery.complete(deposits=[slip, slip])
        assert refused.value.code == "deposit.twice"
        moved = msgspec.structs.replace(slip, kind="moved", number="YJ-2")
        with pytest.raises(FieldError) as refused:
            await delivery.complete(deposits=[slip, moved])
        assert refused.value.code == "deposit.moved_to"
        assert (await delivery.complete(deposits=[slip])).deposits == (slip,)

    async def test_goes_on_after_the_app_was_closed_at_any_step(self, phone: Phone) -> None:
        for step in ("check", "exchange", "leak_test", "sign", "complete"):
            await phone.drop_draft(f"delivery/{DELIVERY.id}")
            await up_to(phone, step)
            await phone.close()
            await phone.sign_in("1001", "correct horse battery")
            assert (await Delivery.open(phone, DELIVERY)).step == step

    async def test_killed_between_check_and_draft_the_check_is_not_lost(self, phone: Phone) -> None:
        delivery = await up_to(phone, "check")
        draft = await phone.draft(f"delivery/{DELIVERY.id}")
        await delivery.check(PASSED)
        assert draft is not None
        await phone.save_draft(f"delivery/{DELIVERY.id}", draft.body)
        again = await Delivery.open(phone, DELIVERY)
        assert again.step == "exchange"
        assert again.progress.check_id == delivery.progress.check_id

    async def test_a_completed_delivery_is_not_begun_again(self, phone: Phone) -> None:
        await (await up_to(phone, "complete")).complete()
        reopened = await open_phone(phone.data_dir)
        assert (await Delivery.open(reopened, DELIVERY)).step == "done"
        assert len(await reopened.recorded(DeliveryCompleted)) == 1
        await reopened.close()


class TestFailVisit:
    @pytest.mark.parametrize(
        ("outcome", "fields", "code"),
        [
            ("not_home", {}, "visit.no_photo"),
            ("vacant", {}, "visit.no_photo"),
            ("refused", {}, "visit.no_reason"),
            ("refused", {"reason": "不让进"}, "visit.no_notice"),
            ("refused", {"reason": "不让进", "notice_handed_over": True}, "visit.no_witness"),
            ("rescheduled", {}, "visit.no_appointment"),
        ],
    )
    async def test_each_outcome_needs_its_evidence(
        self, phone: Phone, outcome: str, fields: dict[str, str], code: str
    ) -> None:
        with pytest.raises(FieldError) as refused:
            await fail_visit(phone, DELIVERY, outcome, **fields)  # type: ignore[arg-type]
        assert refused.value.code == code

    async def test_a_notice_that_was_put_up_is_photographed_too(self, phone: Phone) -> None:
        door, notice = await picture(phone, 1), await picture(phone, 2)
        with pytest.raises(FieldError) as refused:
            await fail_visit(phone, DELIVERY, "not_home", door=door, notice_posted=True)
        assert refused.value.code == "visit.no_notice_photo"
        visit = await fail_visit(
            phone,
            DELIVERY,
            "not_home",
            door=door,
            notice=notice,
            notice_posted=True,
            door_gap_ppm=0,
            next_appointment=date(2026, 11, 25),
        )
        assert (visit.attempt, visit.customer_id, visit.photos) == (1, "c1", (door.id, notice.id))
        assert (visit.door_photo, visit.notice_photo) == (door.id, notice.id)

    async def test_the_next_visit_counts_on_before_the_office_has_heard_of_the_first(self, phone: Phone) -> None:
        for shade in (1, 2, 3):
            visit = await fail_visit(phone, DELIVERY, "not_home", door=await picture(phone, shade))
        assert visit.attempt == 3

    async def test_the_witness_is_sealed_for_the_office(self, phone: Phone) -> None:
        give_office_key(phone)
        visit = await fail_visit(
            phone, DELIVERY, "refused", reason="不让进", notice_handed_over=True, witness="演示-见证人"
        )
        assert visit.witness == ""
        assert open_sealed(OFFICE_KEY, visit.sealed, visit.id).decode() == "演示-见证人"
