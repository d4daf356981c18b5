"""Entry of the app: on a phone, in a browser as a process of its own, or mounted in the server under `/m/`.

As a process of its own: `QIXUN_PHONE_DIR=… FLET_FORCE_WEB_SERVER=true FLET_SERVER_PORT=8600 python -m mobile_app.main`.
"""

import asyncio
import logging
import os
import re
import secrets
from pathlib import Path

import flet as ft

from mobile_app.app import App
from mobile_app.desk import Desk
from mobile_app.device_key import DeviceKey, device_keystore
from mobile_app.state import AppState
from mobile_app.store_keys import FileKey, KeySource
from mobile_app.theme import FONT, dress

ASSETS = Path(__file__).parent / "assets"
# Which phone a browser is: as hard to guess as a password, for whoever holds it sees that phone's screens.
BROWSER_KEY = "qixun.phone"
_KEY_PATTERN = re.compile(r"[0-9a-f]{32}")

_desks: dict[Path, Desk] = {}
_opening = asyncio.Lock()


def before_main(page: ft.Page) -> None:
    """What must be there before the first frame."""
    page.title = "气巡"
    page.padding = 0
    page.locale_configuration = ft.LocaleConfiguration(
        supported_locales=[ft.Locale("zh", "CN"), ft.Locale("en", "US")], current_locale=ft.Locale("zh", "CN")
    )
    page.theme = ft.Theme(font_family=FONT)
    page.theme_mode = ft.ThemeMode.LIGHT


async def main(page: ft.Page) -> None:
    folder = await _folder(page)
    desk = await desk_in(folder, _keys(page, folder))
    dress(page, desk.app.ui.look)
    page.render_views(App, desk)


async def desk_in(folder: Path, keys: KeySource | None = None) -> Desk:
    """The one desk of a phone's folder: two windows of one phone must not write its files apart."""
    async with _opening:
        if folder not in _desks:
            _desks[folder] = Desk(await AppState.open(folder, keys=keys))
        return _desks[folder]


async def _folder(page: ft.Page) -> Path:
    """On a phone the app's own storage; in a browser one folder on the server for each browser."""
    if not page.web:
        return Path(os.environ.get("QIXUN_PHONE_DIR") or os.environ.get("FLET_APP_STORAGE_DATA") or "phone-data")
    parent = Path(os.environ.get("QIXUN_PHONE_DIR", "phone-data"))
    storage = ft.SharedPreferences()
    key = await storage.get(BROWSER_KEY)
    if not isinstance(key, str) or not _KEY_PATTERN.fullmatch(key):
        key = secrets.token_hex(16)
        await storage.set(BROWSER_KEY, key)
    return parent / key


def _keys(page: ft.Page, folder: Path) -> KeySource | None:
    """On a phone its keystore; elsewhere the file that is the default."""
    if page.web or page.platform not in {ft.PagePlatform.ANDROID, ft.PagePlatform.IOS}:
        return None
    return DeviceKey(device_keystore(), FileKey.beside(folder))


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("FLET_LOG_LEVEL", "WARNING"))
    ft.run(main, before_main=before_main, assets_dir=str(ASSETS), no_cdn=True)
