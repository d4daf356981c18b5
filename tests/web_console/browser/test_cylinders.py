"""A cylinder's page: found by its number, its whole way told, what contradicts beside each other, on the map too."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cylinders import service as cylinders
from backend.cylinders.models import Cylinder
from backend.cylinders.rules import MovementKind
from backend.cylinders.schemas import CylinderIn
from backend.db import Database
from backend.deliveries import service as deliveries
from backend.taken import Taken
from sync.databases import BEIJING, beijing_today
from sync.documents.cylinders import CylinderScan, CylindersLoaded
from sync.documents.deliveries import DeliveryCompleted, LeakTest, Signature
from tests.factories.records import jpeg, photo
from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene
from tests.web_console.town import crossing

CODE = "35-700100"
NOW = datetime.now(UTC).replace(microsecond=0)
LOADED_ELSEWHERE = NOW - timedelta(minutes=38)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


async def live_through(session: AsyncSession, scene: Scene) -> str:
    """Four years at one station: filled and delivered, inspected once; this morning two drivers claim it."""
    wang = scene.wang
    assert wang is not None
    station = wang.unit_id
    given = CylinderIn(
        organisation_id=station,
        code=CODE,
        specification="YSP35.5",
        standard="GB 5842-2006",
        manufacturer="演示钢瓶厂",
        factory_number="1811-0731",
        made_on=beijing_today() - timedelta(days=2900),
        last_inspected_on=beijing_today() - timedelta(days=1461),
        next_inspection_on=beijing_today() - timedelta(days=1),
        service_ends_on=beijing_today() + timedelta(days=1500),
        tare_kg=16.52,
        water_capacity_l=35.5,
    )
    made = (await cylinders.create_cylinder(session, scene.caller, given)).cylinder.id
    row = await session.get_one(Cylinder, made)
    row.registered_at = ago(days=2800)
    order_customer = await _customer_of(session, scene)
    told: list[tuple[Taken[Any], list[cylinders.Scanned]]] = []

    def fact(kind: MovementKind, at: datetime, where: list[float] | None = None, **fields: Any) -> None:
        scan = CylinderScan(code=CODE, method=fields.pop("method", "qr"))
        document = CylindersLoaded(**wang.envelope("cylinders.loaded", at, where), station_id="-", cylinders=(scan,))
        taken = Taken(
            record=document,
            rev="1-a",
            database="",
            organisation_id=station,
            company_id=scene.company.company.id,
            staff_id=wang.staff.id,
            device_id="phone",
            recorded_at=at,
            received_at=at,
        )
        told.append((taken, [cylinders.Scanned(kind=kind, scan=scan, **fields)]))

    fact("bound", ago(days=2799), method="nfc", station_id=station)
    for round_number in range(30):
        begun = ago(days=2700 - 88 * round_number)
        fact("filled", begun, method="nfc", station_id=station)
        fact("loaded", begun + timedelta(hours=2), station_id=station, vehicle="吉·演示02")
        fact("delivered", begun + timedelta(hours=5), customer_id=order_customer)
        fact("returned", begun + timedelta(days=60), customer_id=order_customer)
        fact("stored", begun + timedelta(days=60, hours=2), station_id=station)
        if round_number == 14:
            fact("sent_out", begun + timedelta(days=61), method="typed", inspection_body="演示检验站")
            fact("inspected", begun + timedelta(days=64), method="typed", station_id=station, detail="合格 YS-22-1220")
    fact("filled", ago(days=2), crossing(1, 6), method="nfc", station_id=station)
    await cylinders.record_movements(session, told)
    await _this_morning(session, scene, order_customer)
    return made


async def _customer_of(session: AsyncSession, scene: Scene) -> str:
    return (await deliveries.find_order(session, scene.caller, scene.order_id)).order.customer_id


async def _this_morning(session: AsyncSession, scene: Scene, customer_id: str) -> None:
    """Through the real intake: Wang delivers it, and Zhou loads it elsewhere 23 minutes later."""
    wang, zhou = scene.wang, scene.zhou
    assert wang is not None
    scan = CylinderScan(code=CODE, method="qr")
    envelope = wang.envelope("delivery.completed", ago(minutes=61), crossing(7, 2))
    door = jpeg(735)
    name = photo(door, envelope["id"]).id
    delivered = DeliveryCompleted(
        **envelope | {"photos": (name,)},
        customer_id=customer_id,
        check_id="-",
        delivered=(scan,),
        leak_test=LeakTest(method="instrument", passed=True, reading_ppm=0.0, photo=name),
        signature=Signature(kind="written", receiver="演示-郑户", relation="self", photo=name),
    )
    loading = wang.envelope("cylinders.loaded", ago(minutes=165), crossing(2, 5))
    loaded = CylindersLoaded(**loading, station_id=wang.unit_id, vehicle="吉·演示02", cylinders=(scan,))
    await wang.send(session, loaded, delivered)
    elsewhere = zhou.envelope("cylinders.loaded", LOADED_ELSEWHERE, crossing(6, 8))
    await zhou.send(
        session, CylindersLoaded(**elsewhere, station_id=wang.unit_id, vehicle="吉·演示05", cylinders=(scan,))
    )
    await wang.send_photo(session, delivered.id, door, name)


@pytest.fixture(scope="module")
async def cylinder(town: Database, scene: Scene) -> str:
    async with town.sessions() as session, session.begin():
        return await live_through(session, scene)


class TestOneCylinder:
    @pytest.mark.requirement("E5.8.4-2")
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_a_search_tells_its_verdict_its_whole_way_and_what_contradicts(
        self, sign_in: SignIn, scene: Scene, cylinder: str, theme: str
    ) -> None:
        screen = await sign_in(scene.admin, theme=theme)
        await screen.open("/cylinders")
        await screen.page.locator("[name=q]:focus").wait_for()
        await screen.page.keyboard.type(CODE)
        await screen.page.keyboard.press("Enter")
        await screen.page.wait_for_url("**q=35-700100*")
        await screen.map_is_drawn()
        await screen.picture(f"cylinder-whole-{theme}")
        said = await screen.page.inner_text("main")
        for words in (
            "禁止配送",
            "检验已过期 1 天",
            "送达 演示-郑户",
            "吉·演示05",
            "还在客户处就装车",
            "制造",
            "检验完成",
        ):
            assert words in said, words
        assert await screen.page.locator(".way-mark").count() == 4
        assert await screen.page.locator(".way-mark.bad").count() == 2
        assert await screen.page.locator(".versus > div").count() == 2
        assert not await screen.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert screen.complaints == []

    async def test_the_keyboard_opens_a_fact_with_its_photo_and_the_years_before(
        self, sign_in: SignIn, scene: Scene, cylinder: str
    ) -> None:
        screen = await sign_in(scene.admin)
        await screen.open(f"/cylinders?id={cylinder}")
        assert await screen.page.locator(".custody > li[data-item]").count() < 25
        await screen.page.locator(".custody summary").first.focus()
        await screen.page.keyboard.press("Enter")
        await screen.page.locator(".custody details[open] li").first.wait_for()
        await screen.page.locator(".custody > li[data-item]", has_text="送达").first.focus()
        await screen.page.keyboard.press("Enter")
        await screen.page.locator("#dialog .pictures img").wait_for()
        await screen.picture("cylinder-fact")
        assert await screen.page.inner_text("#dialog h2") == "送达"

    async def test_one_kind_of_fact_can_be_looked_through(self, sign_in: SignIn, scene: Scene, cylinder: str) -> None:
        screen = await sign_in(scene.admin)
        await screen.open(f"/cylinders?id={cylinder}&shown=inspection")
        kinds = await screen.page.locator(".custody > li b").all_inner_texts()
        assert [kind.split()[0] for kind in kinds] == ["检验完成", "送检"]


class TestStock:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_each_place_balances_and_a_key_opens_its_days(
        self, sign_in: SignIn, scene: Scene, cylinder: str, town: Database, theme: str
    ) -> None:
        async with town.sessions() as session, session.begin():
            while await cylinders.balance_stock(session):
                pass
        screen = await sign_in(scene.admin, theme=theme)
        await screen.open("/cylinders/stock")
        row = screen.page.locator("#stock tbody tr[data-item]", has_text="演示-周巡检")
        await row.wait_for()
        # Soon after midnight what Zhou loaded was loaded yesterday.
        opening, arrived = ("0", "1") if LOADED_ELSEWHERE.astimezone(BEIJING).date() == beijing_today() else ("1", "—")
        assert await row.locator("td").all_inner_texts() == [
            *("演示-周巡检 吉·演示05", "松河巡线一队", "YSP35.5", opening, arrived, "—", "1"),
        ]
        await screen.picture(f"stock-{theme}")
        await row.focus()
        await screen.page.keyboard.press("Enter")
        await screen.page.locator("#dialog tbody tr").first.wait_for()
        await screen.picture(f"stock-days-{theme}")
        await screen.page.click("#dialog a.btn")
        await screen.page.wait_for_url("**holder=vehicle*")
        assert CODE in await screen.page.inner_text(".results")
        assert screen.complaints == []

    async def test_a_day_without_stock_says_so(self, sign_in: SignIn, scene: Scene) -> None:
        screen = await sign_in(scene.admin)
        await screen.open("/cylinders/stock?day=2001-01-01")
        await screen.page.locator("#stock .empty").wait_for()
        await screen.picture("stock-empty")


class TestLost:
    async def test_what_was_not_heard_of_is_listed_and_opens(
        self, sign_in: SignIn, scene: Scene, town: Database
    ) -> None:
        async with town.sessions() as session, session.begin():
            assert scene.wang is not None
            given = CylinderIn(organisation_id=scene.wang.unit_id, code="35-700200", specification="YSP35.5")
            made = (await cylinders.create_cylinder(session, scene.caller, given)).cylinder.id
            row = await session.get_one(Cylinder, made)
            row.registered_at = ago(days=200)
            await session.flush()
            await cylinders.refold(session, [made])
        screen = await sign_in(scene.admin)
        await screen.open("/cylinders/lost")
        line = screen.page.locator("#lost tbody tr", has_text="35-700200")
        await line.wait_for()
        await screen.picture("lost")
        await line.click()
        await screen.page.wait_for_url(f"**id={made}")
        assert screen.complaints == []
