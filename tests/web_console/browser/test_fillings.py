"""充装记录 and 拒充 with mouse and keys; pictures are kept."""

import pytest

from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_fillings_are_looked_through_and_a_refused_cylinder_is_dealt_with(
    sign_in: SignIn, scene: Scene, theme: str
):
    screen = await sign_in(scene.admin, theme=theme)
    page = screen.page
    await screen.open("/fillings")
    await page.locator("#fillings tr[data-item]").first.wait_for()
    await screen.picture(f"fillings-{theme}")
    await page.locator("#fillings tr[data-item]").first.click()
    await page.locator("#dialog").get_by_text("充装净含量").wait_for()
    await screen.picture(f"filling-{theme}")
    await screen.open("/fillings?tab=refusals")
    await page.locator("#refusals tr[data-item]").first.click()
    await page.select_option("#dialog [name=action]", "inspection")
    await page.fill("#dialog [name=handling]", "送松河检验站，单号 7")
    await screen.picture(f"refusal-{theme}")
    await page.locator("#dialog").get_by_role("button", name="登记处理").click()
    await page.locator("#refusals .tag.ok").first.wait_for()
    await screen.picture(f"refusals-{theme}")
    assert screen.complaints == []
