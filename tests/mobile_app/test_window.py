"""The way to a customer is handed to the phone's map app."""

from types import SimpleNamespace
from typing import Any

import flet as ft
import pytest

from mobile_app.window import Place, map_link

HOME = Place("林场小区3号楼", 126.5, 43.8)


def page(*, web: bool = False, platform: ft.PagePlatform = ft.PagePlatform.ANDROID) -> Any:
    return SimpleNamespace(web=web, platform=platform)


class TestMapLink:
    @pytest.mark.parametrize(
        ("place", "on", "link"),
        [
            (HOME, page(), "geo:43.8,126.5?q=43.8,126.5(%E6%9E%97%E5%9C%BA%E5%B0%8F%E5%8C%BA3%E5%8F%B7%E6%A5%BC)"),
            (Place("站前街 1 号"), page(), "geo:0,0?q=%E7%AB%99%E5%89%8D%E8%A1%97%201%20%E5%8F%B7"),
            (HOME, page(platform=ft.PagePlatform.IOS), "http://maps.apple.com/?daddr=43.8,126.5"),
        ],
    )
    def test_a_phone_opens_its_own_map_app(self, place: Place, on: Any, link: str) -> None:
        assert map_link(place, on) == link

    def test_a_browser_opens_a_page_that_is_told_whose_coordinates_these_are(self) -> None:
        link = map_link(HOME, page(web=True))
        assert link.startswith("https://uri.amap.com/marker?position=126.5,43.8&name=")
        assert link.endswith("&coordinate=wgs84")
        assert map_link(Place("a&b"), page(web=True)) == "https://uri.amap.com/search?keyword=a%26b"
