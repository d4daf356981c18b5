"""A filler's work without a network, at a scale in a process of its own whose lock closes like a real one's."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from device_bridge.errors import DeviceError
from device_bridge.scale import FillingScale, open_scale
from mobile_app.errors import FieldError, FillingBlocked, OutOfOrder
from mobile_app.filling.work import DRAFT, Filling
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from sync.documents.filling import CylinderFilled, FillingCheckedAfter, FillingCheckedBefore, FillingCheckItem
from tests.device_bridge.conftest import Simulator, running
from tests.mobile_app.filling.station import (
    BEFORE,
    COMPANY_ID,
    FILLABLE,
    FILLER,
    LICENCE,
    ask,
    certificate,
    closed,
    end,
    entries,
    equip,
    passed,
    state,
    up_to_fill,
)
from tests.mobile_app.phones import DEVICE_ID, STAFF_ID, TODAY, UNIT_ID, cylinder, jpeg, open_phone, put


@pytest.fixture(scope="module")
def peer() -> Iterator[Simulator]:
    with running(
        "scale", "--number", "CS-0007", "--gun", "3", "--verified-until", "20990531", *("--heartbeat", "3")
    ) as simulator:
        yield simulator


@pytest.fixture
async def scale(peer: Simulator) -> Any:
    await closed(peer)  # of the test before
    for command in ("join", "resume", "weight 16.7", "flow 8", "noise 0.003", "verified 20990531"):
        peer.tell(command)
    opened = open_scale(peer.address)
    yield opened
    peer.tell("join")
    peer.tell("resume")
    await opened.close()


@pytest.fixture
def locked_by(peer: Simulator, scale: FillingScale) -> tuple[Simulator, FillingScale]:
    return peer, scale


@pytest.fixture
def station(phone: Phone) -> Phone:
    equip(phone)
    return phone


async def refusals(phone: Phone) -> list[FillingCheckedBefore]:
    return [check for check in await phone.recorded(FillingCheckedBefore) if not check.passed]


class TestStamp:
    async def test_another_stamp_is_a_doubt_and_travels_with_its_photo(self, station: Phone) -> None:
        filling = await Filling.open(station)
        photo = await take_photo(station, jpeg())
        assert (await filling.scan("FL0001", "typed", photo=photo, stamped="FL0077")).allowed
        assert await filling.check(BEFORE, residual_pressure_mpa=0.1, ambient_c=-25)
        (checked,) = await station.recorded(FillingCheckedBefore)
        assert (checked.scan.stamped, checked.photos) == ("FL0077", (photo.id,))
        assert (await station.photo_counts())["saved"] >= 1


class TestRefused:
    @pytest.mark.requirement("5.8.8-2b")
    @pytest.mark.parametrize(
        "abnormal",
        [
            ("FL0003", {}, "inspection_overdue"),
            ("FL0004", {}, "not_owned"),
            ("FL0001", {"service_ends_on": date(2020, 1, 1)}, "service_ended"),
            ("FL0001", {"scrapped": True}, "scrapped"),
            ("FL0001", {"medium": "DME"}, "medium_wrong"),
            ("FL0001", {"specification": "YSP15"}, "net_weight_unknown"),
            ("XX9999", {}, "unknown_cylinder"),
        ],
    )
    async def test_an_abnormal_cylinder_locks_an_open_gun_and_cannot_be_filled_offline(
        self, station: Phone, locked_by: tuple[Simulator, FillingScale], abnormal: tuple[str, dict[str, Any], str]
    ) -> None:
        (peer, scale), (code, fields, reason) = locked_by, abnormal
        if fields:
            put(station.stores.unit(UNIT_ID), [cylinder(code, **(FILLABLE | fields))])
        await scale.unlock("a filling before this one", 100)
        assert state(peer)["lock"] == "open"
        filling = await Filling.open(station)
        found = await filling.scan(code, "qr", scale=scale)
        assert (found.codes, filling.step) == ((reason,), "refused")
        assert found.reasons[0].action_zh
        assert (state(peer)["lock"], state(peer)["closed_by"]) == ("closed", "told")
        with pytest.raises(OutOfOrder):
            await filling.fill(scale)
        (refused,) = await refusals(station)
        assert (refused.scan.code, refused.reasons, refused.items) == (code, (reason,), ())
        assert state(peer)["lock"] == "closed"

    @pytest.mark.requirement("E5.8.8-2")
    async def test_another_companys_cylinder_gets_no_gas(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        filling = await Filling.open(station)
        assert not (await filling.scan("FL0004", "qr", scale=scale)).allowed
        with pytest.raises(OutOfOrder):
            await filling.check(BEFORE)
        with pytest.raises(OutOfOrder):
            await filling.fill(scale)
        assert state(peer)["weight_kg"] == 16.7

    @pytest.mark.requirement("5.8.8-2b")
    async def test_a_tag_of_another_cylinder_is_refused(self, station: Phone) -> None:
        filling = await Filling.open(station)
        assert (await filling.scan("FL0001", "nfc", tag_uid="04FL0002")).codes == ("tag_mismatch",)

    @pytest.mark.requirement("E5.8.8-1")
    @pytest.mark.parametrize(
        ("held", "reason"),
        [
            ((FILLER,), "filling_licence_missing"),
            ((LICENCE,), "filler_certificate_missing"),
            (
                (
                    FILLER,
                    certificate("filling_licence", "company", COMPANY_ID, expires_on=date(2020, 1, 1)),
                ),
                "filling_licence_expired",
            ),
            (
                (certificate("filler", "staff", STAFF_ID, expires_on=date(2020, 1, 1)), LICENCE),
                "filler_certificate_expired",
            ),
        ],
    )
    async def test_without_licence_and_certificate_nothing_is_filled(
        self, phone: Phone, held: tuple[Any, ...], reason: str
    ) -> None:
        equip(phone, certificates=held)
        filling = await Filling.open(phone)
        assert (await filling.scan("FL0001", "nfc", tag_uid="04FL0001")).codes == (reason,)

    @pytest.mark.requirement("5.8.6")
    @pytest.mark.parametrize(("since", "codes"), [(TODAY, ("tag_missing",)), (TODAY + timedelta(days=1), ())])
    async def test_from_the_companys_day_on_a_cylinder_without_a_tag_gets_no_gas_offline(
        self, station: Phone, since: date, codes: tuple[str, ...]
    ) -> None:
        ask(station, tag_required_from=since)
        put(station.stores.unit(UNIT_ID), [cylinder("FL0001", **FILLABLE, tag_uid="")])
        filling = await Filling.open(station)
        assert (await filling.scan("FL0001", "qr")).codes == codes
        assert [refused.reasons for refused in await refusals(station)] == [codes] * bool(codes)

    @pytest.mark.requirement("5.8.7-2b")
    async def test_from_the_companys_day_on_a_handheld_without_an_explosion_proof_certificate_fills_nothing_offline(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        ask(station, explosion_proof_from=TODAY)
        assert (await (await Filling.open(station)).scan("FL0001", "nfc", tag_uid="04FL0001")).codes == (
            "explosion_proof_missing",
        )
        put(station.stores.unit(UNIT_ID), [certificate("explosion_proof", "device", DEVICE_ID)])
        filling = await up_to_fill(station)
        ran_out = certificate("explosion_proof", "device", DEVICE_ID, expires_on=TODAY - timedelta(days=1))
        put(station.stores.unit(UNIT_ID), [ran_out])
        with pytest.raises(FillingBlocked, match="防爆合格证已过期"):
            await filling.fill(scale)
        assert state(peer)["lock"] == "closed"

    @pytest.mark.requirement("5.8.6-4a")
    async def test_a_loose_or_unreadable_tag_sends_the_cylinder_to_get_a_new_one(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        asked = entries("filling_check_before", valve=None, tag=None)
        put(station.stores.unit(UNIT_ID), [asked])
        filling = await Filling.open(station)
        await filling.scan("FL0001", "nfc", tag_uid="04FL0001", scale=scale)
        with pytest.raises(FieldError):
            await filling.check(passed("valve"), scale=scale)
        photo = await take_photo(station, jpeg(3))
        bad = FillingCheckItem(item="tag", result="fail", photo=photo.id)
        assert not await filling.check([*passed("valve"), bad], photos=[photo], scale=scale)
        assert state(peer)["lock"] == "closed"
        (refused,) = await refusals(station)
        assert refused.reasons == ("tag_unfit",)
        (reason,) = filling.progress.reasons
        assert "换新标签" in reason.action_zh

    async def test_a_certificate_that_ran_out_since_the_scan_keeps_the_gun_locked(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        filling = await up_to_fill(station)
        put(
            station.stores.unit(UNIT_ID),
            [certificate("filler", "staff", STAFF_ID, expires_on=date(2020, 1, 1))],
        )
        with pytest.raises(FillingBlocked, match="充装员证已过期"):
            await filling.fill(scale)
        assert state(peer)["lock"] == "closed"

    async def test_a_failed_check_before_needs_its_photo_and_locks(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        filling = await Filling.open(station)
        await filling.scan("FL0001", "nfc", tag_uid="04FL0001")
        bad = [FillingCheckItem(item="valve", result="fail"), BEFORE[1]]
        with pytest.raises(FieldError, match="要拍照"):
            await filling.check(bad)
        with pytest.raises(FieldError, match="检验色标"):
            await filling.check(BEFORE[:1])
        photo = await take_photo(station, jpeg(9))
        bad[0] = FillingCheckItem(item="valve", result="fail", photo=photo.id)
        await scale.unlock("x", 100)
        assert not await filling.check(bad, photos=[photo], scale=scale)
        assert (filling.step, state(peer)["lock"]) == ("refused", "closed")
        (refused,) = await refusals(station)
        assert (refused.reasons, refused.photos) == (("check_failed",), (photo.id,))

    async def test_a_scale_past_its_verification_or_without_one_fills_nothing(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        filling = await up_to_fill(station)
        for until in ("20200101", "0"):
            peer.tell(f"verified {until}")
            with pytest.raises(FillingBlocked, match="检定已过期"):
                await filling.fill(scale)
        assert state(peer)["permits"] == [] or state(peer)["lock"] == "closed"

    @pytest.mark.parametrize(("weight", "words"), [("18.5", "残液过多"), ("3", "比皮重还轻")])
    async def test_what_does_not_weigh_like_an_empty_is_not_filled(
        self, station: Phone, peer: Simulator, scale: FillingScale, weight: str, words: str
    ) -> None:
        filling = await up_to_fill(station)
        peer.tell(f"weight {weight}")
        with pytest.raises(FillingBlocked, match=words):
            await filling.fill(scale)
        assert (filling.step, state(peer)["lock"]) == ("fill", "closed")


class TestFill:
    @pytest.mark.requirement("E5.8.8-3")
    @pytest.mark.requirement("E5.8.8-4")
    async def test_it_stops_at_the_target_and_records_every_field(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        filling = await up_to_fill(station)
        seen: list[float] = []
        filled = await filling.fill(scale, on_weight=lambda weight: seen.append(weight.kg))
        told = state(peer)
        assert told["lock"] == "closed"
        assert filled.net_kg == pytest.approx(14.5, abs=0.4)
        assert len(seen) > 5
        assert seen[-1] > 30
        assert filled.gross_kg == pytest.approx(told["weight_kg"], abs=0.02)
        assert filled.residue_kg == pytest.approx(0.2, abs=0.02)
        facts = (filled.scan.code, filled.filling_company, filled.inspection_company, filled.gun_number, filled.medium)
        assert facts == ("FL0001", "松河演示燃气有限公司", "演示检验站", "3", "LPG")
        assert (filled.filler_number, filled.scale_number, filled.ended) == ("1001", "CS-0007", "target_reached")
        assert filled.filled_on == f"{station.today():%Y%m%d}"
        assert filling.step == "after"

    @pytest.mark.requirement("5.8.8-2a")
    @pytest.mark.requirement("5.8.8-1")
    async def test_each_cylinder_is_scanned_and_checked_before_and_after(
        self, station: Phone, scale: FillingScale
    ) -> None:
        filling = await up_to_fill(station)
        filled = await filling.fill(scale)
        with pytest.raises(FieldError, match="扫到的是 FL0002"):
            await end(filling, code="FL0002", tag_uid="04FL0002")
        after = await end(filling)
        assert (after.passed, filling.step) == (True, "done")
        (before,) = await station.recorded(FillingCheckedBefore)
        assert [each.scan.tag_uid for each in (before, filled, after)] == ["04FL0001"] * 3
        assert (filled.check_id, after.filled_id) == (before.id, filled.id)
        assert await station.draft(DRAFT) is None

    async def test_without_a_record_of_the_check_the_gun_stays_locked(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        permits = state(peer)["permits"]
        filling = await up_to_fill(station)
        await filling._advance("fill", check_id="filling.checked_before:lost")
        with pytest.raises(OutOfOrder, match="没有充装前检查记录"):
            await filling.fill(scale)
        assert (state(peer)["lock"], state(peer)["permits"]) == ("closed", permits)

    async def test_no_step_comes_before_its_turn(self, station: Phone, scale: FillingScale) -> None:
        filling = await Filling.open(station)
        for early in (filling.check(BEFORE), filling.fill(scale), filling.report(20), end(filling)):
            with pytest.raises(OutOfOrder):
                await early

    async def test_the_worker_lets_go(self, station: Phone, peer: Simulator, scale: FillingScale) -> None:
        peer.tell("flow 1")
        filling = await up_to_fill(station)
        filled = await filling.fill(scale, on_weight=lambda weight: weight.kg > 18 and filling.stop())
        assert (filled.ended, state(peer)["lock"]) == ("stopped", "closed")
        assert filled.net_kg < 5
        assert not (await end(filling, filled.gross_kg)).passed
        assert filling.step == "set_aside"

    async def test_the_time_before_is_told_from_this_phones_own_records(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        await end_of(await up_to_fill(station), scale)
        peer.tell("weight 16.7")
        filled = await (await up_to_fill(station)).fill(scale)
        assert filled.last_filled_on == f"{station.today():%Y%m%d}"


async def end_of(filling: Filling, scale: FillingScale) -> None:
    await filling.fill(scale)
    await end(filling)


class TestBroken:
    @pytest.mark.parametrize(
        ("command", "ended"), [("cut", "link_lost"), ("silent", "link_lost"), ("absurd", "scale_fault")]
    )
    async def test_a_link_cut_mid_fill_locks_and_the_filling_is_finished_later(
        self, station: Phone, peer: Simulator, scale: FillingScale, command: str, ended: str
    ) -> None:
        peer.tell("flow 1.5")
        filling = await up_to_fill(station)
        cutting = once_above(18.5, lambda: peer.tell(command))
        with pytest.raises(DeviceError):
            await filling.fill(scale, on_weight=cutting)
        assert (await closed(peer))["weight_kg"] < 25
        assert (filling.step, filling.progress.broken_by) == ("filling", ended)
        assert await station.recorded(CylinderFilled) == []
        peer.tell("join")
        peer.tell("resume")
        peer.tell("flow 8")
        filled = await filling.fill(scale)
        assert (filled.ended, filled.net_kg) == ("target_reached", pytest.approx(14.5, abs=0.4))
        assert filled.residue_kg == pytest.approx(0.2, abs=0.02)

    async def test_or_it_is_reported_as_it_is(self, station: Phone, peer: Simulator, scale: FillingScale) -> None:
        peer.tell("flow 1.5")
        filling = await up_to_fill(station)
        with pytest.raises(DeviceError):
            await filling.fill(scale, on_weight=once_above(18.5, lambda: peer.tell("cut")))
        with pytest.raises(FieldError):
            await filling.report(0)
        filled = await filling.report(19.2)
        assert (filled.ended, filled.gross_kg, filling.step) == ("link_lost", 19.2, "after")

    async def test_killed_mid_fill_the_gun_locks_and_the_filling_is_offered_again(
        self, station: Phone, peer: Simulator, scale: FillingScale
    ) -> None:
        """The task is torn away without a chance to tidy up, as a killed process is."""
        peer.tell("flow 1")
        filling = await up_to_fill(station)
        weights = asyncio.Event()

        running_fill = asyncio.create_task(filling.fill(scale, on_weight=lambda w: w.unlocked and weights.set()))
        await asyncio.wait_for(weights.wait(), 30)
        scale._link._client.close()  # type: ignore[attr-defined]
        running_fill.cancel()
        await asyncio.gather(running_fill, return_exceptions=True)
        assert (await closed(peer))["lock"] == "closed"
        again = await Filling.open(station)
        assert (again.step, again.progress.start.scale.number) == ("filling", "CS-0007")  # type: ignore[union-attr]
        filled = await again.fill(scale)
        assert (filled.ended, again.step) == ("target_reached", "after")

    async def test_it_goes_on_at_any_step_after_a_restart(self, station: Phone, scale: FillingScale) -> None:
        filling = await up_to_fill(station)
        reopened = await open_phone(station.data_dir)
        equip(reopened)
        again = await Filling.open(reopened)
        assert again.step == "fill"
        draft = await reopened.draft(DRAFT)
        assert draft is not None
        filled = await again.fill(scale)
        # Killed between the record and its draft: the record counts.
        await reopened.save_draft(DRAFT, draft.body)
        assert (await Filling.open(reopened)).step == "after"
        assert filled.check_id == filling.progress.check_id
        await reopened.close()


def once_above(kg: float, act: Any) -> Any:
    done: list[bool] = []

    def watch(weight: Any) -> None:
        if weight.unlocked and weight.kg > kg and not done:
            done.append(True)
            act()

    return watch


class TestAfter:
    async def test_over_filled_it_must_be_drained_and_weighed_again(self, station: Phone, scale: FillingScale) -> None:
        filling = await up_to_fill(station)
        await filling.fill(scale)
        with pytest.raises(FieldError, match="必须倒残"):
            await end(filling, 31.8)
        with pytest.raises(FieldError, match="仍然超装"):
            await end(filling, 31.8, drained_gross_kg=31.5)
        after = await end(filling, 31.8, drained_gross_kg=31.0)
        assert (after.overfilled, after.passed, after.reweighed_gross_kg) == (True, True, 31.8)

    async def test_the_second_scale_is_another_one(self, station: Phone, scale: FillingScale) -> None:
        filling = await up_to_fill(station)
        await filling.fill(scale)
        for fields, words in (
            ({"second_scale_number": "CS-0007"}, "另一台"),
            ({"second_scale_number": ""}, "另一台秤上复秤"),
            ({"gross_kg": None}, "另一台秤上复秤"),
            ({"checker_certificate": " "}, "检查员证号"),
        ):
            with pytest.raises(FieldError, match=words):
                await end(filling, **fields)
        assert await station.recorded(FillingCheckedAfter) == []

    async def test_a_failed_one_is_set_aside(self, station: Phone, scale: FillingScale) -> None:
        filling = await up_to_fill(station)
        await filling.fill(scale)
        photo = await take_photo(station, jpeg(5))
        items = [
            FillingCheckItem(item="leak", result="fail", photo=photo.id),
            FillingCheckItem(item="label", result="pass"),
        ]
        after = await end(filling, items=items, photos=[photo])
        assert (after.passed, filling.step) == (False, "set_aside")
        assert (await Filling.open(station)).step == "scan"
