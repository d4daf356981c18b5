"""A filler's work by thumb, in Chromium at a phone's size, at scales that are processes of their own."""

from collections.abc import Iterator

import pytest

from device_bridge.codes import make_qr
from mobile_app.devices import Addresses
from mobile_app.phone import Phone
from tests.device_bridge.conftest import Simulator, running
from tests.mobile_app.browser.conftest import OpenApp, Screen
from tests.mobile_app.filling.station import closed, equip, state


@pytest.fixture
def scale() -> Iterator[Simulator]:
    with running("scale", "--number", "CS-0007", "--gun", "3", "--heartbeat", "6") as simulator:
        yield simulator


@pytest.fixture
def second_scale() -> Iterator[Simulator]:
    with running("scale", "--number", "FC-0001") as simulator:
        yield simulator


async def as_filler(phone: Phone) -> None:
    equip(phone)
    assert phone.session.profile is not None
    phone.session._write(phone.session.profile)


async def scan(screen: Screen, code: str) -> None:
    await screen.give_picture("scan-picture", make_qr(code))


async def check_before(screen: Screen) -> None:
    for item in ("valve", "colour"):
        await screen.tap(f"{item}-pass")
    await screen.tap("finish-check")


async def at_the_gun(open_app: OpenApp, *scales: Simulator) -> Screen:
    devices = Addresses(scale=scales[0].address, check_scale=scales[-1].address)
    screen = await open_app(tasks=False, devices=devices, before=as_filler)
    await screen.sign_in()
    await screen.tap("agenda-filling")
    return screen


async def test_a_refusal_fills_the_screen_and_a_good_one_is_filled_drained_and_saved(
    open_app: OpenApp, scale: Simulator, second_scale: Simulator
) -> None:
    screen = await at_the_gun(open_app, scale, second_scale)
    await screen.picture("filling-0-today")
    await screen.tap("start-task")
    await screen.picture("filling-1-scan")
    await scan(screen, "FL0003")
    await screen.sees("禁止充装")
    await screen.picture("filling-2-refused")
    await screen.tap("next-cylinder")

    scale.tell("weight 16.7")
    scale.tell("flow 1.2")
    await scan(screen, "FL0001")
    await screen.sees("充装前检查")
    await screen.picture("filling-3-before")
    await check_before(screen)
    await screen.picture("filling-4-gun")
    await screen.tap("start-filling")
    await screen.sees("正在充装")
    await screen.page.wait_for_timeout(3000)
    await screen.picture("filling-5-live")
    await screen.sees("再扫一次这只瓶", within_s=60)
    assert state(scale)["lock"] == "closed"
    await scan(screen, "FL0001")
    for item in ("leak", "label"):
        await screen.tap(f"{item}-pass")
    second_scale.tell("weight 31.9")
    await screen.tap("weigh-again")
    await screen.type("certificate", "JC-7")
    await screen.picture("filling-6-after")
    await screen.tap("finish-after")
    await screen.sees("必须倒残")
    second_scale.tell("weight 31.0")
    await screen.tap("weigh-again")
    await screen.picture("filling-7-drained")
    await screen.tap("finish-after")
    await screen.sees("充好了，已存")
    await screen.picture("filling-8-done")


async def test_a_cut_link_locks_the_gun_and_the_filling_is_finished(open_app: OpenApp, scale: Simulator) -> None:
    screen = await at_the_gun(open_app, scale)
    await screen.tap("start-task")
    scale.tell("weight 16.6")
    await scan(screen, "FL0002")
    await check_before(screen)
    await screen.tap("start-filling")
    await screen.sees("正在充装")
    await screen.page.wait_for_timeout(2000)
    scale.tell("cut")
    await screen.sees("枪已锁")
    await screen.tap("understood")
    await screen.sees("没充完")
    await screen.picture("filling-9-cut")
    assert (await closed(scale))["lock"] == "closed"
    scale.tell("join")
    await screen.tap("go-on-filling")
    await screen.sees("再扫一次这只瓶", within_s=60)
