"""The way to a camera leads to the registered host and nowhere else, and no answer is too much."""

import asyncio
import socket
from typing import Any

import pytest

from backend.cameras import reach as reaching
from backend.cameras.pictures import Picture, Sharing, fetch_picture, first_of_stream
from backend.cameras.reach import Credentials, Failed, Networks, Target, networks_of, reach
from tests.device_bridge.conftest import Simulator
from tests.factories.cameras import PASSWORD, USER


def target(address: str, *, password: str = PASSWORD, key: str = "k") -> Target:
    return Target(key, address, "", "", Credentials(USER, password))


async def reason(address: str, networks: Networks, **rest: Any) -> str:
    with pytest.raises(Failed) as failed:
        await fetch_picture(target(address, **rest), networks)
    return failed.value.reason


class TestWhereItLeads:
    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "localhost", "127.1", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "0.0.0.0"],
    )
    async def test_a_host_outside_the_permitted_networks_is_not_even_connected_to(self, trap: Any, host: str) -> None:
        port, came = trap
        networks = networks_of("10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7")
        assert await reason(f"http://{host}:{port}/1.jpg", networks) in {"not_allowed", "unreachable"}
        assert came == []

    async def test_a_name_is_judged_by_all_its_addresses_and_connected_to_those_alone(
        self, trap: Any, recorder: Simulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name that leads inside at the first look and elsewhere at the second (DNS rebinding) is looked up once."""
        port, came = trap
        looked: list[str] = []
        loop = asyncio.get_running_loop()

        async def looking(host: str, port: int, **_: Any) -> list[Any]:
            looked.append(host)
            addresses = ["10.9.8.7"] if host == "camera.example" else ["10.9.8.7", "127.0.0.1"]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

        monkeypatch.setattr(loop, "getaddrinfo", looking)
        monkeypatch.setattr("backend.cameras.pictures._DEADLINE_S", 0.5)
        networks = networks_of("10.0.0.0/8")
        assert await reason(f"http://camera.example:{port}/1.jpg", networks) == "unreachable"
        assert looked == ["camera.example"]
        assert await reason(f"http://both.example:{port}/1.jpg", networks) == "not_allowed"
        assert came == []

    @pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://10.0.0.1/1.jpg", "http://u:p@127.0.0.1/1.jpg"])
    async def test_only_http_without_a_password_in_it(self, networks: Networks, address: str) -> None:
        assert await reason(address, networks) == "not_allowed"

    async def test_a_redirect_is_not_followed(self, recorder: Simulator, networks: Networks) -> None:
        recorder.tell(f"elsewhere {recorder.address}/elsewhere.jpg")
        recorder.tell("redirect")
        assert await reason(f"{recorder.address}/snapshot/1.jpg", networks) == "redirected"
        assert '"elsewhere":0' in recorder.tell("counts")

    async def test_a_proxy_of_the_environment_is_not_asked(
        self, recorder: Simulator, networks: Networks, trap: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{trap[0]}")
        assert (await fetch_picture(target(f"{recorder.address}/snapshot/1.jpg"), networks)).width == 1280
        assert trap[1] == []


class TestPicture:
    @pytest.mark.parametrize("path", ["snapshot/1.jpg", "basic/1.jpg", "mjpeg/1", "mjpeg/1?bare"])
    async def test_a_picture_comes_from_snapshots_and_streams_with_either_way_of_signing_in(
        self, recorder: Simulator, networks: Networks, path: str
    ) -> None:
        picture = await fetch_picture(target(f"{recorder.address}/{path}"), networks)
        assert (picture.width, picture.height) == (1280, 720)
        assert picture.jpeg.startswith(b"\xff\xd8\xff")
        assert picture.jpeg.endswith(b"\xff\xd9")

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("html", "not_a_picture"),
            ("garbage", "not_a_picture"),
            ("bomb", "not_a_picture"),
            ("huge", "too_large"),
            ("endless", "unreachable"),
            ("silent", "unreachable"),
        ],
    )
    async def test_what_is_no_picture_is_told_by_its_content_and_ends(
        self, recorder: Simulator, networks: Networks, mode: str, expected: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("backend.cameras.pictures._DEADLINE_S", 1.5)
        recorder.tell(mode)
        assert await reason(f"{recorder.address}/snapshot/1.jpg", networks) == expected

    async def test_a_wrong_password_a_missing_page_and_a_dead_port_are_told_apart(
        self, recorder: Simulator, networks: Networks
    ) -> None:
        assert await reason(f"{recorder.address}/snapshot/1.jpg", networks, password="other") == "refused"
        assert await reason(f"{recorder.address}/snapshot/99.jpg", networks) == "not_a_picture"
        assert await reason("http://127.0.0.1:9/1.jpg", networks) == "unreachable"
        assert await reason("", networks) == "no_address"

    def test_half_a_part_of_a_stream_is_no_picture_yet(self) -> None:
        whole = b"--f\r\nContent-Length: 4\r\n\r\nabcd"
        assert first_of_stream(whole) == b"abcd"
        assert first_of_stream(whole[:-1]) is None
        assert first_of_stream(b"--f\r\nContent-Type: image/jpeg\r\n") is None

    def test_a_password_does_not_show_where_it_is_printed(self) -> None:
        assert PASSWORD not in repr(target("http://127.0.0.1/"))


class TestManyAtOnce:
    async def test_those_who_watch_the_same_camera_share_a_picture_and_no_more_than_eight_are_asked_at_once(
        self, networks: Networks
    ) -> None:
        running, most, asked = 0, 0, 0

        async def slow(_: Target, __: Networks) -> Picture:
            nonlocal running, most, asked
            running, asked = running + 1, asked + 1
            most = max(most, running)
            await asyncio.sleep(0.05)
            running -= 1
            return Picture(b"", 1, 1)

        sharing = Sharing(slow)
        ten_of_each = [target("http://127.0.0.1/", key=str(n % 20)) for n in range(200)]
        await asyncio.gather(*(sharing.look(each, networks) for each in ten_of_each))
        assert (most, asked) == (8, 20)

    async def test_beyond_a_queue_of_bounded_length_one_is_told_to_wait(self, networks: Networks) -> None:
        async def stuck(_: Target, __: Networks) -> Picture:
            await asyncio.sleep(0.2)
            return Picture(b"", 1, 1)

        sharing = Sharing(stuck)
        many = [sharing.look(target("http://127.0.0.1/", key=str(n)), networks) for n in range(70)]
        answers = await asyncio.gather(*many, return_exceptions=True)
        assert [each.reason for each in answers if isinstance(each, Failed)] == ["busy"] * 6

    async def test_one_who_goes_away_does_not_take_the_picture_from_the_others(self, networks: Networks) -> None:
        async def slow(_: Target, __: Networks) -> Picture:
            await asyncio.sleep(0.1)
            return Picture(b"x", 1, 1)

        sharing = Sharing(slow)
        first, second = (asyncio.create_task(sharing.look(target("http://127.0.0.1/"), networks)) for _ in range(2))
        await asyncio.sleep(0.02)
        first.cancel()
        assert (await second).jpeg == b"x"


async def test_an_answer_that_is_longer_than_allowed_is_cut_off(recorder: Simulator, networks: Networks) -> None:
    with pytest.raises(Failed, match="too_large"):
        await reach(
            "GET",
            f"{recorder.address}/elsewhere.jpg",
            networks=networks,
            credentials=None,
            most_bytes=1000,
            deadline_s=5,
        )
    assert reaching.networks_of("") == ()
