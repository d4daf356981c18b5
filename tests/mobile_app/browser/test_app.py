from tests.mobile_app.browser.conftest import OpenApp


class TestSignIn:
    async def test_works_without_a_network_after_the_first_time(self, open_app: OpenApp) -> None:
        screen = await open_app()
        await screen.picture("0-sign-in")
        await screen.sign_in()
        await screen.sees("站前街片区巡线")
        await screen.picture("1-today")
