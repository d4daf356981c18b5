"""Tags are bound, and follow a filling and a delivery, on simulated tags; a record stands whatever its tag does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from device_bridge.codes import make_qr
from device_bridge.models import ScaleInfo
from device_bridge.tag_reader import open_tag_reader
from mobile_app.deliveries.state import DeliveryRun
from mobile_app.deliveries.work import Delivery, scan
from mobile_app.devices import Addresses, save_addresses
from mobile_app.filling.progress import Start
from mobile_app.filling.state import FillingRun
from mobile_app.filling.work import Filling
from mobile_app.photos import take_photo
from mobile_app.preferences import Preferences, keep_preferences
from mobile_app.scanning.state import Scan
from mobile_app.state import AppState
from mobile_app.tags.reading import TagRead, judge_tag
from mobile_app.tags.state import BROKEN_OFF, WRITTEN, TagFollow, Tagging
from mobile_app.tags.work import unfinished
from sync.documents.deliveries import DeliveryCheckItem, DeliveryCompleted
from sync.documents.filling import FillingCheckedAfter
from sync.documents.tags import TagBound, TagWritten
from tests.device_bridge.conftest import Simulator, running
from tests.mobile_app.filling.station import AFTER, BEFORE, FILLABLE, entries, equip
from tests.mobile_app.phones import (
    DELIVERY,
    NOWHERE,
    NUMBER,
    PASSWORD,
    UNIT_ID,
    cylinder,
    fill,
    jpeg,
    lay_out,
    put,
)
from tests.mobile_app.tags.test_work import TAG_KEYS, UNTAGGED

SCALE = ScaleInfo(number="CS-0007", gun_number="3", verified_until=date(2099, 5, 31))


@pytest.fixture
def tags() -> Iterator[Simulator]:
    with running("tags") as simulator:
        yield simulator


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[AppState]:
    lay_out(tmp_path)
    keep_preferences(tmp_path, Preferences(server_url=NOWHERE))
    opened = await AppState.open(tmp_path)
    await opened.phone.sign_in(NUMBER, PASSWORD)
    fill(opened.phone)
    put(opened.phone.stores.unit(UNIT_ID), [TAG_KEYS])
    yield opened
    await opened.phone.close()


async def told(follow: TagFollow) -> str:
    """The sentence once the background work has ended."""
    async with asyncio.timeout(30):
        while follow.app._background:  # noqa: ASYNC110 - its tasks are the app's own
            await asyncio.sleep(0.02)
    return follow.words[0]


async def near(app: AppState, tags: Simulator) -> TagRead:
    return await judge_tag(app.phone, await open_tag_reader(tags.address).read(5))


def at_hand(app: AppState, tags: Simulator, code: str, **fields: object) -> str:
    """The cylinder's own tag, held to the reader."""
    uid = tags.tell("present empty215")
    put(app.phone.stores.unit(UNIT_ID), [cylinder(code, tag_uid=uid, **fields)])
    save_addresses(app.folder, Addresses(tags=tags.address))
    return uid


async def filled(app: AppState, uid: str) -> FillingRun:
    """A run that stands before the record of its check after filling."""
    equip(app.phone)
    put(app.phone.stores.unit(UNIT_ID), [cylinder("FL0001", tag_uid=uid, **FILLABLE)])
    filling = await Filling.open(app.phone)
    assert (await filling.scan("FL0001", "nfc", tag_uid=uid)).allowed
    assert await filling.check(BEFORE)
    start = Start(at=datetime.now(UTC), gross_kg=16.7, tare_kg=16.5, target_kg=14.5, scale=SCALE)
    filling.end("filling", start=start)
    await filling.report(31.0)
    run = FillingRun(app, filling)
    run.scanned = Scan(code="FL0001", method="nfc", tag_uid=uid)
    run.answers = {item.item: item for item in AFTER}
    run.values = {"second": "FC-1", "reweighed": "31.02", "certificate": "JC-7"}
    return run


async def delivered(app: AppState, uid: str) -> DeliveryRun:
    """A delivery of one cylinder by its tag and one by its code that stands before its last step."""
    phone = app.phone
    delivery = await Delivery.open(phone, DELIVERY)
    await delivery.check_customer()
    await delivery.check([DeliveryCheckItem(item=item, result="pass") for item in ("upright", "hose")])
    by_tag = await scan(phone, "SH0001", "nfc", "delivery", tag_uid=uid)
    await delivery.exchange([by_tag, await scan(phone, "SH0002", "qr", "delivery")])
    photo, door = [await take_photo(phone, jpeg(shade)) for shade in (1, 2)]
    await delivery.leak_test(method="instrument", passed=True, reading_ppm=0, photo=photo)
    await delivery.sign(kind="door_photo", receiver="演示-张用户", photo=door)
    return await DeliveryRun.open(app, DELIVERY)


class TestAfterFilling:
    @pytest.mark.requirement("E5.8.6-2")
    async def test_the_tag_says_who_filled_how_much_and_when(self, app: AppState, tags: Simulator) -> None:
        run = await filled(app, at_hand(app, tags, "FL0001"))
        await run.finish()
        assert run.step == "done"
        assert await told(run.tag) == WRITTEN[0]
        content = (await near(app, tags)).reading.content
        assert content is not None
        assert (content.gross_kg, content.filled_on) == (31.02, app.phone.today())
        assert content.filling_company == "松河演示燃气有限公司"

    async def test_without_the_tag_the_record_stands_and_one_sentence_says_so(
        self, app: AppState, tags: Simulator
    ) -> None:
        run = await filled(app, at_hand(app, tags, "FL0001"))
        tags.tell("remove")
        await run.finish()
        assert run.step == "done"  # the worker is not kept waiting for it
        assert "没读到 FL0001 的标签" in await told(run.tag)
        assert len(await app.phone.recorded(FillingCheckedAfter)) == 1
        assert (await unfinished(app.phone), app.problem) == ([], None)

    async def test_a_reader_that_vanished_is_no_obstacle(self, app: AppState, tags: Simulator) -> None:
        run = await filled(app, at_hand(app, tags, "FL0001"))
        with running("tags") as gone:
            save_addresses(app.folder, Addresses(tags=gone.address))
        await run.finish()
        assert "没读到" in await told(run.tag)
        assert (len(await app.phone.recorded(FillingCheckedAfter)), app.problem) == (1, None)

    async def test_a_torn_write_is_said_and_waits_to_be_finished(self, app: AppState, tags: Simulator) -> None:
        run = await filled(app, at_hand(app, tags, "FL0001"))
        tags.tell("tear 6")
        await run.finish()
        assert await told(run.tag) == BROKEN_OFF[0]
        assert len(await app.phone.recorded(FillingCheckedAfter)) == 1
        assert [begun.occasion for begun in await unfinished(app.phone)] == ["filled"]

    async def test_one_that_is_set_aside_is_not_called_filled(self, app: AppState, tags: Simulator) -> None:
        run = await filled(app, at_hand(app, tags, "FL0001"))
        run.values = run.values | {"reweighed": "29.0"}
        await run.finish()
        assert (run.step, await told(run.tag)) == ("set_aside", "")
        assert await app.phone.recorded(TagWritten) == []


class TestAfterDelivery:
    @pytest.mark.requirement("E5.8.6-2")
    async def test_the_tag_at_hand_says_to_whom(self, app: AppState, tags: Simulator) -> None:
        run = await delivered(app, at_hand(app, tags, "SH0001"))
        assert await run.complete()
        assert await told(run.tag) == WRITTEN[0]
        content = (await near(app, tags)).reading.content
        assert content is not None
        assert (content.customer_name, content.delivered_on) == ("演示-张用户", app.phone.today())
        assert [written.scan.code for written in await app.phone.recorded(TagWritten)] == ["SH0001"]

    async def test_a_torn_write_leaves_the_delivery_done(self, app: AppState, tags: Simulator) -> None:
        run = await delivered(app, at_hand(app, tags, "SH0001"))
        tags.tell("tear 6")
        tagging = Tagging(app)
        app.on_reload.append(tagging.look)
        assert await run.complete()
        assert await told(run.tag) == BROKEN_OFF[0]
        assert tagging.shown  # to go on with, without waiting for the next sync
        assert (run.step, len(await app.phone.recorded(DeliveryCompleted))) == ("done", 1)
        assert len(await unfinished(app.phone)) == 1

    async def test_a_company_without_keys_for_tags_hears_nothing_of_them(self, app: AppState, tags: Simulator) -> None:
        put(app.phone.stores.unit(UNIT_ID), [msgspec.structs.replace(TAG_KEYS, keys=())])
        run = await delivered(app, at_hand(app, tags, "SH0001"))
        assert await run.complete()
        assert await told(run.tag) == ""


REASONS = entries("tag_replacement_reason", peeled=None, lost=None)


def employ(app: AppState, *roles: str) -> None:
    profile = app.phone.profile
    app.phone.session.profile = msgspec.structs.replace(
        profile, staff=msgspec.structs.replace(profile.staff, roles=roles)
    )


class TestTagging:
    @pytest.fixture
    async def tagging(self, app: AppState, tags: Simulator) -> Tagging:
        """A filler with a reader, before a cylinder that has no tag yet."""
        employ(app, "filler")
        put(app.phone.stores.unit(UNIT_ID), [UNTAGGED, REASONS])
        save_addresses(app.folder, Addresses(tags=tags.address))
        opened = Tagging(app)
        await opened.open()
        return opened

    async def test_only_those_who_put_tags_on_cylinders_bind(self, app: AppState, tagging: Tagging) -> None:
        await tagging.scanning.scan_picture(make_qr("SH0009"))
        employ(app, "driver")
        assert not tagging.shown
        await tagging.bind()
        assert (await app.phone.recorded(TagBound), tagging.done) == ([], "")

    @pytest.mark.requirement("E5.8.6-1")
    async def test_a_cylinder_told_by_its_code_gets_the_tag_held_near(
        self, app: AppState, tags: Simulator, tagging: Tagging
    ) -> None:
        uid = tags.tell("present empty215")
        await tagging.scanning.scan_picture(make_qr("SH0009"))
        assert tagging.cylinder is not None
        assert await app.phone.recorded(TagBound) == []
        await tagging.bind()
        assert (tagging.done, tagging.cylinder, tagging.begun, app.problem) == ("SH0009", None, (), None)
        (bound,) = await app.phone.recorded(TagBound)
        assert (bound.tag_uid, bound.scan.code, bound.scan.method) == (uid, "SH0009", "qr")
        assert (await near(app, tags)).reading.state == "genuine"

    async def test_a_typed_number_carries_the_photo_of_the_stamp(
        self, app: AppState, tags: Simulator, tagging: Tagging
    ) -> None:
        tags.tell("present empty215")
        tagging.scanning.typed = "SH0009"
        await tagging.scanning.scan_typed()
        assert tagging.cylinder is None
        app.problem, tagging.scanning.typed = None, "SH0009"
        await tagging.scanning.take_stamp(jpeg(), "camera")
        await tagging.scanning.scan_typed()
        await tagging.bind()
        (bound,) = await app.phone.recorded(TagBound)
        assert (bound.scan.method, bool(bound.scan.photo), app.problem) == ("typed", True, None)

    async def test_a_cylinder_that_is_not_on_record_gets_none(self, app: AppState, tagging: Tagging) -> None:
        await tagging.scanning.scan_picture(make_qr("XX9999"))
        assert tagging.cylinder is None
        assert app.problem is not None
        assert "XX9999" in app.problem.zh

    async def test_an_old_tag_is_replaced_with_a_reason_alone(
        self, app: AppState, tags: Simulator, tagging: Tagging
    ) -> None:
        tags.tell("present empty215")
        await tagging.scanning.scan_picture(make_qr("SH0001"))
        await tagging.bind()
        assert app.problem is not None
        assert "已有标签" in app.problem.zh
        assert tagging.cylinder is not None  # still in hand, to say why
        assert [entry.code for entry in tagging.reasons] == ["peeled", "lost"]
        tagging.change("reason", "peeled")
        await tagging.bind()
        (bound,) = await app.phone.recorded(TagBound)
        assert (bound.replaces, bound.reason, tagging.done) == ("04SH0001", "peeled", "SH0001")

    async def test_somebody_else_s_content_is_asked_about(
        self, app: AppState, tags: Simulator, tagging: Tagging
    ) -> None:
        tags.tell("present foreign")
        await tagging.scanning.scan_picture(make_qr("SH0009"))
        await tagging.bind()
        assert (tagging.foreign, await app.phone.recorded(TagBound)) == (True, [])
        tagging.change("replace_foreign", True)
        await tagging.bind()
        assert tagging.done == "SH0009"

    async def test_a_torn_write_is_in_the_list_and_goes_on_from_there(
        self, app: AppState, tags: Simulator, tagging: Tagging
    ) -> None:
        tags.tell("present empty215")
        tags.tell("tear 12")
        await tagging.scanning.scan_picture(make_qr("SH0009"))
        await tagging.bind()
        assert app.problem is not None
        (begun,) = tagging.begun
        assert (tagging.done, tagging.cylinder) == ("", None)
        employ(app, "driver")
        assert tagging.shown  # finished by whoever began it
        tags.tell("present empty215")
        await tagging.finish(begun)
        assert (tagging.begun, tagging.done) == ((), "SH0009")
        assert [w.outcome for w in await app.phone.recorded(TagWritten)] == ["written"]

    async def test_giving_up_asks_first_and_tells_the_office(
        self, app: AppState, tags: Simulator, tagging: Tagging
    ) -> None:
        tags.tell("present empty215")
        tags.tell("tear 5")
        await tagging.scanning.scan_picture(make_qr("SH0009"))
        await tagging.bind()
        (begun,) = tagging.begun
        await tagging.give_up(begun)
        assert (tagging.giving_up, await app.phone.recorded(TagWritten)) == (begun.tag_uid, [])
        await tagging.give_up(begun)
        assert tagging.begun == ()
        assert [w.outcome for w in await app.phone.recorded(TagWritten)] == ["not_written"]

    async def test_without_a_reader_it_says_where_to_set_one_up(self, app: AppState, tagging: Tagging) -> None:
        save_addresses(app.folder, Addresses())
        await tagging.scanning.scan_picture(make_qr("SH0009"))
        await tagging.bind()
        assert app.problem is not None
        assert "读写器" in app.problem.zh
        assert await app.phone.recorded(TagBound) == []
