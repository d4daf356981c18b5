"""The office's ledgers with mouse and keys; pictures are kept."""

import pytest

from tests.factories.certificates import in_days
from tests.web_console.browser.conftest import SignIn
from tests.web_console.scene import Scene


class TestCertificates:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    async def test_certificate_is_entered_and_found(self, sign_in: SignIn, scene: Scene, theme: str):
        screen = await sign_in(scene.admin, theme=theme)
        page, number = screen.page, f"B-{theme}"
        await screen.open("/ledgers/certificates")
        await page.locator("#certificates tr[data-item]").first.wait_for()
        await screen.picture(f"certificates-{theme}")
        await page.keyboard.press("n")
        await page.select_option("#holder-kind", "company")
        await page.locator("#holder-list option", has_text=scene.company.company.name).wait_for(state="attached")
        await page.select_option("#holder-list", scene.company.company.id)
        await page.select_option("#dialog [name=kind]", "work_safety")
        await page.fill("#dialog [name=number]", number)
        await page.fill("#dialog [name=expires_on]", in_days(20).isoformat())
        await screen.picture(f"certificate-new-{theme}")
        await page.locator("#dialog footer .primary").click()
        await page.locator("#certificates").get_by_text(number).click()
        await page.locator("#dialog header").get_by_text("剩 20 天").wait_for()
        await screen.picture(f"certificate-{theme}")
        assert screen.complaints == []
