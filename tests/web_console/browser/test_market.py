"""The public's page on a phone, and the inspector's on a phone and at a desk."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import select

from backend.accounts.models import Organisation, Staff
from backend.cylinders.models import Cylinder
from backend.db import Database
from tests.factories.accounts import PASSWORD, Company, make_staff
from tests.web_console.browser.conftest import PICTURES
from tests.web_console.conftest import Served
from tests.web_console.scene import Scene

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


@pytest.fixture
async def tokens(town: Database, scene: Scene) -> dict[str, str]:
    async with town.sessions() as session:
        rows = await session.execute(select(Cylinder.code, Cylinder.public_token))
        by_code = {code: token for code, token in rows}  # noqa: C416 (rows are not pairs to dict)
        return {"good": by_code["35-018266"], "scrapped": by_code["35-011111"]}


async def fits(page: Any) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def test_the_public_reads_it_on_a_phone(served: Served, browser: Browser, tokens: dict[str, str]) -> None:
    PICTURES.mkdir(exist_ok=True)
    page = await browser.new_page(base_url=served.url, viewport=PHONE)
    for state, words in (("good", "可以使用"), ("scrapped", "严禁使用")):
        await page.goto(f"/c/{tokens[state]}")
        await expect(page.get_by_text(words)).to_be_visible()
        assert await fits(page)
        await page.screenshot(path=PICTURES / f"console-public-{state}.png")
    await page.goto("/c/35-018266")
    await expect(page.get_by_text("没有这个查询码")).to_be_visible()
    await page.screenshot(path=PICTURES / "console-public-unknown.png")
    await page.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_an_inspector_checks_a_cylinder(  # noqa: PLR0917 - the scene's parts
    served: Served, browser: Browser, tokens: dict[str, str], town: Database, scene: Scene, size: dict[str, int]
) -> None:
    async with town.sessions() as session, session.begin():
        admin = await session.get(Staff, scene.admin.id)
        company = await session.get(Organisation, admin.company_id)
        county = await session.get(Organisation, company.parent_id)
        place = Company(county, company, company, company)
        staff = await make_staff(session, place, roles=["market_inspector"], on=county, name="演示-市监员", units=())
    context = await browser.new_context(
        base_url=served.url,
        viewport=size,
        permissions=["geolocation"],
        geolocation={"longitude": 126.5, "latitude": 43.8, "accuracy": 8},
    )
    page = await context.new_page()
    await page.goto(f"/market?read={tokens['scrapped']}")
    await page.fill("[name=staff_number]", staff.staff_number)
    await page.fill("[name=password]", PASSWORD)
    await page.click("button.primary")
    await page.get_by_text("位置已取得").wait_for()
    await page.get_by_role("button", name="核查", exact=True).click()
    await page.locator(".public-verdict.danger").wait_for()
    await expect(page.get_by_text("126.50000, 43.80000").first).to_be_visible()
    assert await fits(page)
    await page.screenshot(path=PICTURES / f"console-market-{Path('phone' if size is PHONE else 'desk')}.png")
    await context.close()
