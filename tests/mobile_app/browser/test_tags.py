"""A tag is bound by thumb, in Chromium at a phone's size, on a simulated tag that leaves once in mid-write."""

from collections.abc import Iterator

import pytest

from device_bridge.codes import make_qr
from mobile_app.devices import Addresses
from mobile_app.phone import Phone
from tests.device_bridge.conftest import Simulator, running
from tests.mobile_app.browser.conftest import OpenApp
from tests.mobile_app.browser.test_filling import as_filler
from tests.mobile_app.filling.station import entries
from tests.mobile_app.phones import UNIT_ID, put
from tests.mobile_app.tags.test_work import TAG_KEYS, UNTAGGED


@pytest.fixture
def tags() -> Iterator[Simulator]:
    with running("tags") as simulator:
        yield simulator


async def with_keys(phone: Phone) -> None:
    await as_filler(phone)
    reasons = entries("tag_replacement_reason", peeled=None, lost=None)
    put(phone.stores.unit(UNIT_ID), [TAG_KEYS, UNTAGGED, reasons])


async def test_a_tag_that_left_too_early_is_finished_from_the_list(open_app: OpenApp, tags: Simulator) -> None:
    screen = await open_app(tasks=False, devices=Addresses(tags=tags.address), before=with_keys)
    await screen.sign_in()
    await screen.tap("tab-me")
    await screen.picture("tags-0-me")
    await screen.tap("open-tags")
    await screen.sees("先扫气瓶，再贴标签")
    await screen.picture("tags-1-scan")
    await screen.give_picture("scan-cylinder", make_qr("FL0001"))
    await screen.sees("更换标签，为什么")
    await screen.picture("tags-2-replace")
    await screen.tap("put-back")

    uid = tags.tell("present empty215")
    tags.tell("tear 12")
    await screen.give_picture("scan-cylinder", make_qr("SH0009"))
    await screen.sees("SH0009")
    await screen.picture("tags-3-bind")
    await screen.tap("bind")
    await screen.tap("understood")
    await screen.sees("没写完")
    await screen.picture("tags-4-unfinished")
    await screen.tap(f"give-up-{uid}")
    await screen.sees("确定放弃")
    await screen.picture("tags-5-sure")
    tags.tell("present empty215")
    await screen.tap(f"finish-{uid}")
    await screen.sees("SH0009 的标签已写好")
    await screen.picture("tags-6-done")
