"""The base map as a file: in pieces as RFC 9110 has it, and a clear sentence at the start where it cannot be shown."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from pmtiles.reader import Reader

from backend.accounts.service.authentication import COOKIE
from backend.app import create_app
from backend.db import Database
from backend.settings import Settings, SettingsError
from tests.web_console.conftest import Visitor
from tests.web_console.tiles import paper_tile, place, water_tile, write_pmtiles
from tests.web_console.town import SOUTH, WEST
from web_console.basemap import base_of, check
from web_console.router import router


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pmtiles(tmp_path_factory.mktemp("base") / "town.pmtiles", paper_tile())


@pytest.fixture(scope="module")
def content(file: Path) -> bytes:
    return file.read_bytes()


@pytest.fixture(scope="module")
async def get(town_settings: Settings, town: Database, admin: Visitor, file: Path) -> AsyncIterator[Any]:
    """Asks a console with this base map for `/basemap.pmtiles`."""
    settings = msgspec.structs.replace(town_settings, basemap=str(file))
    async with AsyncTestClient(create_app(settings, database=Database(settings), route_handlers=[router])) as client:
        cookie = {"Cookie": f"{COOKIE}={admin.cookie}"}

        async def ask(method: str = "GET", **headers: str) -> Any:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, "/basemap.pmtiles", headers=cookie | named)

        yield ask


def _replace(file: Path) -> None:
    copy = file.with_suffix(".new")
    copy.write_bytes(file.read_bytes())
    copy.replace(file)


class TestPieces:
    @pytest.mark.parametrize(
        ("asked", "first", "last"),
        [
            ("bytes=0-126", 0, 126),
            ("bytes=127-", 127, None),
            ("bytes=-10", -10, None),
            ("bytes=0-99999999999", 0, None),
            ("bytes=-99999999999", 0, None),
        ],
    )
    async def test_a_range_is_given_and_named(
        self, get: Any, content: bytes, asked: str, first: int, last: int | None
    ) -> None:
        begin = first % len(content)
        expected = content[begin : None if last is None else last + 1]
        answer = await get(range=asked, accept_encoding="gzip")
        assert answer.status_code == 206
        assert answer.content == expected
        assert "content-encoding" not in answer.headers
        assert answer.headers["content-length"] == str(len(expected))
        end = begin + len(expected) - 1
        assert answer.headers["content-range"] == f"bytes {begin}-{end}/{len(content)}"

    @pytest.mark.parametrize("asked", ["bytes=99999999999-", "bytes=7-3", "bytes=-0"])
    async def test_beyond_the_file_there_is_nothing(self, get: Any, content: bytes, asked: str) -> None:
        answer = await get(range=asked)
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(content)}"

    @pytest.mark.parametrize("asked", ["", "lines=1-2", "bytes=a-b", "bytes=0-1,5-6"])
    async def test_what_is_no_single_range_gets_the_whole(self, get: Any, content: bytes, asked: str) -> None:
        answer = await get(range=asked)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["accept-ranges"] == "bytes"

    async def test_head_tells_the_size_alone(self, get: Any, content: bytes) -> None:
        answer = await get("HEAD")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == str(len(content))

    async def test_what_the_browser_has_is_not_sent_again(self, get: Any) -> None:
        tag = (await get("HEAD")).headers["etag"]
        assert (await get(if_none_match=tag)).status_code == 304
        assert (await get(range="bytes=0-5", if_range=tag)).status_code == 206
        assert (await get(range="bytes=0-5", if_range='"of another file"')).status_code == 200

    async def test_a_file_that_was_replaced_has_another_tag(self, get: Any, file: Path) -> None:
        before = (await get("HEAD")).headers["etag"]
        await asyncio.to_thread(_replace, file)
        assert (await get("HEAD")).headers["etag"] != before

    async def test_a_reader_finds_its_tile(self, get: Any) -> None:
        given = (await get()).content
        reader = Reader(lambda offset, length: given[offset : offset + length])
        assert reader.get(13, *place(13, WEST, SOUTH)) == paper_tile()

    async def test_nobody_unknown_gets_any(self, console: Any) -> None:
        answer = await console.get("/basemap.pmtiles", headers={"Cookie": ""}, follow_redirects=False)
        assert answer.status_code == 302


class TestCheck:
    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"读不到底图文件 .*nowhere\.pmtiles"):
            check(Settings(basemap=str(tmp_path / "nowhere.pmtiles")))

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="读不到底图文件"):
            check(Settings(basemap=str(tmp_path)))

    @pytest.mark.parametrize("content", [b"", b"PMTiles", b"SQLite format 3\x00" * 20, b"PMTiles\x02" + bytes(200)])
    def test_another_kind_of_file_is_told(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "town.pmtiles").write_bytes(content)
        with pytest.raises(SettingsError, match="不是 PMTiles（第 3 版）"):
            check(Settings(basemap=str(tmp_path / "town.pmtiles")))

    def test_tiles_that_no_map_draws_are_told(self, tmp_path: Path) -> None:
        path = write_pmtiles(tmp_path / "town.pmtiles", paper_tile())
        content = bytearray(path.read_bytes())
        content[99] = 0
        path.write_bytes(content)
        with pytest.raises(SettingsError, match="里不是 MVT、PNG"):
            check(Settings(basemap=str(path)))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"tianditu_key": "a key with spaces"},
            {"basemap_url": "https://tiles.example/{z}/{x}"},
            {"basemap_url": "tiles/{z}/{x}/{y}"},
            {"basemap_url": "ftp://tiles.example/{z}/{x}/{y}"},
        ],
    )
    def test_an_address_or_key_that_cannot_be_is_told(self, wrong: dict[str, str]) -> None:
        with pytest.raises(SettingsError, match="QIXUN_"):
            check(Settings(**wrong))

    def test_good_ones_pass(self, file: Path) -> None:
        check(Settings(basemap=str(file)))
        check(Settings(tianditu_key="0123456789abcdef0123456789abcdef"))
        check(Settings(basemap_url="http://127.0.0.1:9000/{z}/{x}/{y}.png"))


class TestBaseOf:
    def test_the_first_that_is_set_counts(self, tmp_path: Path, file: Path) -> None:
        vector = write_pmtiles(tmp_path / "vector.pmtiles", water_tile(), vector=True)
        others = {"tianditu_key": "0123456789abcdef", "basemap_url": "http://127.0.0.1:9000/{z}/{x}/{y}.png"}
        assert json.loads(base_of(Settings(basemap=str(file), **others))) == {"local": "raster"}
        assert json.loads(base_of(Settings(basemap=str(vector)))) == {"local": "vector"}
        assert base_of(Settings()) == ""

    def test_tianditu_is_asked_for_ground_and_lettering_from_eight_hosts(self) -> None:
        base = json.loads(base_of(Settings(tianditu_key="0123456789abcdef")))
        assert [len(hosts) for hosts in base["layers"]] == [8, 8]
        assert base["layers"][0][3].startswith("https://t3.tianditu.gov.cn/vec_w/wmts?")
        assert base["layers"][1][7].startswith("https://t7.tianditu.gov.cn/cva_w/wmts?")
        assert base["layers"][1][7].endswith("TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk=0123456789abcdef")
