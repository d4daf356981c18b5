"""A round: a wrong cylinder is called out at loading, the track is kept, the load list is settled at the station."""

from datetime import timedelta

import msgspec
import pytest

from device_bridge.models import Fix
from mobile_app.deliveries.rounds import Round, came_back_empty, load_list
from mobile_app.deliveries.scans import Scanned, called_out
from mobile_app.deliveries.work import Delivery, load, scan
from mobile_app.errors import FieldError
from mobile_app.phone import Phone
from mobile_app.photos import take_photo
from sync.documents.deliveries import DeliveryCheckItem
from sync.documents.vehicles import VehicleTracked
from tests.mobile_app.phones import DELIVERY, NOW, UNIT_ID, cylinder, fix_at, jpeg, open_phone, put


async def loaded(phone: Phone, *codes: str) -> Round:
    scans = [await scan(phone, code, "qr", "loading") for code in codes]
    return await Round.begin(phone, await load(phone, scans, station_id="station", vehicle="吉·演示01"))


async def deliver(phone: Phone, full: tuple[str, ...], empty: tuple[str, ...]) -> None:
    """Through every step, as the driver does it."""
    delivery = await Delivery.open(phone, DELIVERY)
    await delivery.check_customer()
    passed = [DeliveryCheckItem(item=item, result="pass") for item in ("upright", "hose")]
    await delivery.check(passed)
    await delivery.exchange([await scan(phone, code, "qr", "delivery") for code in full])
    for code in empty:
        await delivery.take_back(await scan(phone, code, "qr", "return"))
    photo = await take_photo(phone, jpeg(3))
    await delivery.leak_test(method="soap_water", passed=True, photo=photo)
    await delivery.sign(kind="door_photo", receiver="张", photo=await take_photo(phone, jpeg(5)))
    await delivery.complete()


async def judged(phone: Phone, code: str, kept: tuple[Scanned, ...] = ()) -> list[str]:
    found = await scan(phone, code, "qr", "loading")
    board, empty = await load_list(phone), await came_back_empty(phone, code)
    odd = await called_out(phone, found, kept, board=board, came_back_empty=empty)
    return [reason.code for reason in odd.cautions]


class TestLoading:
    async def test_one_that_was_ordered_is_loaded_without_a_word(self, phone: Phone) -> None:
        assert await judged(phone, "SH0001") == []

    async def test_a_size_that_nobody_ordered_is_called_out(self, phone: Phone) -> None:
        put(phone.stores.unit(UNIT_ID), [cylinder("BIG1", specification="YSP118")])
        assert await judged(phone, "BIG1") == ["not_ordered"]

    async def test_more_than_ordered_is_called_out_with_what_is_on_board_counted(self, phone: Phone) -> None:
        put(phone.stores.unit(UNIT_ID), [cylinder("SH0005")])
        first = await scan(phone, "SH0001", "qr", "loading")
        assert await judged(phone, "SH0002", (first,)) == []
        await loaded(phone, "SH0002")
        assert await judged(phone, "SH0005", (first,)) == ["enough"]

    async def test_one_that_came_back_empty_is_called_out(self, phone: Phone) -> None:
        await loaded(phone, "SH0001", "SH0002")
        put(phone.stores.unit(UNIT_ID), [cylinder("SH0007")])
        await deliver(phone, ("SH0001", "SH0002"), ("SH0007",))
        put(phone.record_store(), [msgspec.structs.replace(DELIVERY, id="task.delivery:9")])
        assert await judged(phone, "SH0007") == ["not_full"]


class TestLoadList:
    async def test_what_was_loaded_less_what_was_delivered_and_the_empties(self, phone: Phone) -> None:
        put(phone.stores.unit(UNIT_ID), [cylinder("SH0005")])
        await loaded(phone, "SH0001", "SH0002", "SH0005")
        await deliver(phone, ("SH0001", "SH0002"), ("SH0007",))
        assert [(each.code, each.full) for each in await load_list(phone)] == [("SH0005", True), ("SH0007", False)]


class TestStore:
    async def test_all_there_ends_the_round_and_empties_the_list(self, phone: Phone) -> None:
        round_ = await loaded(phone, "SH0001", "SH0002")
        scans = [(await scan(phone, code, "qr", "return"), True) for code in ("SH0001", "SH0002")]
        stored = await round_.store(scans)
        assert [(each.scan.code, each.full) for each in stored.cylinders] == [("SH0001", True), ("SH0002", True)]
        assert (stored.missing, stored.vehicle, await load_list(phone)) == ((), "吉·演示01", ())
        assert await Round.resume(phone) is None

    async def test_what_is_missing_is_called_out_and_needs_a_reason(self, phone: Phone) -> None:
        round_ = await loaded(phone, "SH0001", "SH0002")
        one = [(await scan(phone, "SH0001", "qr", "return"), True)]
        with pytest.raises(FieldError) as refused:
            await round_.store(one)
        assert (refused.value.code, refused.value.facts["missing"]) == ("return.missing", ("SH0002",))
        stored = await round_.store(one, "客户借用")
        assert (stored.missing, stored.missing_reason) == (("SH0002",), "客户借用")

    async def test_one_that_is_not_on_the_list_is_stored_all_the_same(self, phone: Phone) -> None:
        round_ = await loaded(phone, "SH0001")
        both = [
            (await scan(phone, "SH0001", "qr", "return"), True),
            (await scan(phone, "XX0042", "qr", "return"), False),
        ]
        assert [each.scan.code for each in (await round_.store(both)).cylinders] == ["SH0001", "XX0042"]


def later(seconds: float, x: float = 0.0, **fields: object) -> Fix:
    return fix_at(x, 0, NOW + timedelta(seconds=seconds), **fields)


class TestTrack:
    @pytest.mark.requirement("E5.8.3-8")
    async def test_the_way_from_loading_to_storing_is_recorded(
        self, phone: Phone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        round_ = await loaded(phone, "SH0001")
        for n in range(80):
            fix = later(5.0 * n, 20.0 * n)
            phone.take_fix(fix)
            moment = msgspec.structs.replace(phone.clock.now(), at=NOW + timedelta(seconds=5 * n))
            monkeypatch.setattr(phone.clock, "now", lambda moment=moment: moment)
            await round_.take_fix(fix)
        await round_.store([(await scan(phone, "SH0001", "qr", "return"), True)])
        chunks = await phone.recorded(VehicleTracked)
        assert [chunk.chunk for chunk in chunks] == [0, 1]
        assert sum(len(chunk.points) for chunk in chunks) == 80
        assert {(chunk.round_id, chunk.vehicle) for chunk in chunks} == {(round_.running.round_id, "吉·演示01")}

    async def test_a_mocked_position_is_none(self, phone: Phone) -> None:
        round_ = await loaded(phone, "SH0001")
        await round_.take_fix(later(0, mocked=True))
        assert round_.running.chunk.points == ()

    async def test_a_killed_app_goes_on_with_the_round(self, phone: Phone) -> None:
        round_ = await loaded(phone, "SH0001")
        await round_.take_fix(later(0))
        await round_.keep()
        again = await open_phone(phone.data_dir)
        found = await Round.resume(again)
        assert found is not None
        assert (found.running.round_id, len(found.running.chunk.points)) == (round_.running.round_id, 1)
        await again.close()

    async def test_killed_right_after_loading_the_round_is_not_lost(self, phone: Phone) -> None:
        record = await load(phone, [await scan(phone, "SH0001", "qr", "loading")], station_id="station")
        found = await Round.resume(phone)
        assert found is not None
        assert found.running.round_id == record.id

    async def test_loading_once_more_goes_on_with_the_round(self, phone: Phone) -> None:
        first = await loaded(phone, "SH0001")
        second = await loaded(phone, "SH0002")
        assert first.running.round_id == second.running.round_id
