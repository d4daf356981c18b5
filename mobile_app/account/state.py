"""What is typed at the sign-in and in the settings."""

from dataclasses import dataclass

import flet as ft

from mobile_app.devices import Addresses, addresses
from mobile_app.state import AppState


@ft.observable
@dataclass
class SignInEntry:
    number: str = ""
    password: str = ""


@ft.observable
@dataclass
class SettingsEntry:
    """Addresses as they are typed: nothing is kept, and no device is looked for, before all of it was typed."""

    app: AppState
    server_url: str = ""
    gps: str = ""
    detector: str = ""
    tags: str = ""
    uhf: str = ""
    scale: str = ""
    check_scale: str = ""
    gun_medium: str = ""
    instrument_verified_until: str = ""
    saved: bool = False

    def read(self) -> None:
        """What is kept now."""
        found = addresses(self.app.folder)
        self.gps, self.detector, self.tags, self.uhf = found.gps, found.detector, found.tags, found.uhf
        self.scale, self.check_scale = found.scale, found.check_scale
        self.gun_medium = self.app.preferences.gun_medium
        self.server_url = self.app.preferences.server_url
        self.instrument_verified_until = self.app.preferences.instrument_verified_until
        self.saved = False

    def type(self, name: str, words: str) -> None:
        setattr(self, name, words.strip())
        self.saved = False

    async def save(self) -> None:
        await self.app.prefer(
            server_url=self.server_url,
            instrument_verified_until=self.instrument_verified_until,
            gun_medium=self.gun_medium or "LPG",
        )
        chosen = {name: getattr(self, name) for name in Addresses.__struct_fields__}
        self.saved = await self.app.use_devices(Addresses(**chosen))
