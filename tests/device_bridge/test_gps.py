import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyproj import Geod

from device_bridge.errors import AddressInvalid, DeviceGarbled, DeviceLost, DeviceMissing
from device_bridge.gps import GpsReceiver, open_gps
from device_bridge.models import Fix

GPSD_ANSWERS = Path(__file__, "../captured/gpsd_3_22.jsonl").resolve()


async def take(receiver: GpsReceiver, count: int) -> list[Fix]:
    fixes = []
    async with asyncio.timeout(10), aclosing(receiver.fixes()) as stream:
        async for fix in stream:
            fixes.append(fix)
            if len(fixes) == count:
                break
    return fixes


async def drain(receiver: GpsReceiver, at_each_fix: Callable[[], object] = lambda: None) -> None:
    async with asyncio.timeout(10), aclosing(receiver.fixes()) as stream:
        async for _ in stream:
            at_each_fix()


@pytest.fixture(autouse=True)
def awake(gps):
    yield
    gps.tell("resume")
    gps.tell("quality 1")
    gps.tell("clock 0")


class TestNmeaOverTcp:
    async def test_positions_come_with_the_accuracy_and_time_of_the_satellites(self, gps):
        gps.tell("teleport 126.5 43.8")
        gps.tell("accuracy 4")
        (_, fix) = await take(open_gps(gps.address), 2)
        assert (fix.lon, fix.lat) == pytest.approx((126.5, 43.8), abs=1e-7)
        assert fix.accuracy_m == pytest.approx(4, abs=0.02)
        assert abs((datetime.now(UTC) - fix.time_utc).total_seconds()) < 5
        assert not fix.mocked

    async def test_two_programs_may_listen(self, gps):
        one, other = await asyncio.gather(*(take(open_gps(gps.address), 3) for _ in range(2)))
        assert len(one) == len(other) == 3

    async def test_a_walk_has_the_speed_it_tells(self, gps):
        gps.tell("route [[126.5,43.8],[126.5003,43.8],[126.5003,43.81]] 20")
        fixes = await take(open_gps(gps.address), 15)
        seconds = (fixes[-1].time_utc - fixes[0].time_utc).total_seconds()
        walked_m = Geod(ellps="WGS84").line_length([fix.lon for fix in fixes], [fix.lat for fix in fixes])
        # The corner is cut by half a step at most.
        assert walked_m / seconds == pytest.approx(20, rel=0.1)
        assert fixes[-1].speed_mps == pytest.approx(20, abs=0.01)

    async def test_a_clock_set_wrong_shows_in_the_time(self, gps):
        gps.tell("clock -86400")
        (_, fix) = await take(open_gps(gps.address), 2)
        assert (datetime.now(UTC) - fix.time_utc).total_seconds() == pytest.approx(86400, abs=5)

    async def test_a_mocked_position_says_so(self, gps):
        gps.tell("quality 8")
        fixes = await take(open_gps(gps.address), 3)
        assert fixes[-1].mocked

    async def test_silence_ends_the_stream_with_words_for_the_worker(self, gps):
        gps.tell("silent")
        with pytest.raises(DeviceLost) as caught:
            await drain(open_gps(gps.address, silence_s=0.3))
        assert caught.value.detail_zh == "定位中断"
        assert "记录继续" in caught.value.what_to_do_zh

    async def test_silence_in_mid_walk_is_noticed_and_the_stream_can_be_taken_up_again(self, gps):
        receiver = open_gps(gps.address, silence_s=0.4)
        with pytest.raises(DeviceLost):
            await drain(receiver, lambda: gps.tell("silent"))
        gps.tell("resume")
        assert len(await take(receiver, 2)) == 2

    async def test_a_caller_who_takes_his_time_does_not_lose_the_receiver(self, gps):
        received = 0
        async with aclosing(open_gps(gps.address, silence_s=0.3).fixes()) as stream:
            async for _ in stream:
                received += 1
                await asyncio.sleep(0.4)
                if received == 3:
                    break
        assert received == 3

    async def test_under_a_roof_there_are_no_positions_and_no_error(self, gps):
        gps.tell("quality 0")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.8), aclosing(open_gps(gps.address, silence_s=0.3).fixes()) as stream:
                await anext(stream)

    async def test_noise_is_told_from_silence(self, gps):
        gps.tell("garble")
        with pytest.raises(DeviceGarbled):
            await drain(open_gps(gps.address, silence_s=0.4))

    async def test_a_torn_connection_is_a_lost_receiver(self, gps):
        with pytest.raises(DeviceLost):
            await drain(open_gps(gps.address), lambda: gps.tell("drop"))

    async def test_no_receiver(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(DeviceMissing):
            await drain(open_gps(f"nmea-tcp://127.0.0.1:{port}"))


class TestAcceleratedWalk:
    async def test_satellite_time_runs_along_so_that_the_speed_stays_honest(self, simulate):
        fast = simulate("gps", "--interval", "0.05", "--time-factor", "20", "--speed", "1.4")
        journey = json.loads(fast.tell("route [[126.5,43.8],[126.51,43.8]] 1.4"))
        assert journey["seconds"] == pytest.approx(journey["length_m"] / 1.4 / 20)
        fixes = await take(open_gps(fast.address), 10)
        seconds = (fixes[-1].time_utc - fixes[0].time_utc).total_seconds()
        walked_m = Geod(ellps="WGS84").line_length([fix.lon for fix in fixes], [fix.lat for fix in fixes])
        assert seconds > 5
        assert walked_m / seconds == pytest.approx(1.4, rel=0.02)


class TestNmeaOverASerialLine:
    async def test_positions_come(self, gps):
        gps.tell("teleport 126.5 43.8")
        fixes = await take(open_gps(gps.told["serial"]), 3)
        assert (fixes[-1].lon, fixes[-1].lat) == pytest.approx((126.5, 43.8), abs=1e-7)

    async def test_silence_is_noticed(self, gps):
        gps.tell("silent")
        with pytest.raises(DeviceLost):
            await drain(open_gps(gps.told["serial"], silence_s=0.3))

    async def test_a_plug_that_is_pulled_is_a_lost_receiver(self, simulate):
        other = simulate("gps", "--interval", "0.05", "--pty")
        with pytest.raises(DeviceLost):
            await drain(open_gps(other.told["serial"]), other.process.kill)

    async def test_no_such_line(self):
        with pytest.raises(DeviceMissing):
            await drain(open_gps("nmea-serial:///dev/ttyNOTHERE?baud=9600"))


@asynccontextmanager
async def gpsd_that_sends(answers: bytes) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """What gpsd 3.22 said over a receiver on a pty, word for word, to whoever asks to watch."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(answers)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"gpsd://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


class TestGpsd:
    async def test_its_reports_become_fixes(self):
        async with gpsd_that_sends(GPSD_ANSWERS.read_bytes()) as (address, asked):
            fixes = await take(open_gps(address), 2)
        assert asked == [b'?WATCH={"enable":true,"json":true};\n']
        assert fixes[0].time_utc is None
        assert (fixes[1].lon, fixes[1].lat) == pytest.approx((126.500099617, 43.8))
        assert fixes[1].time_utc == datetime(2026, 11, 23, 5, 48, 24, 360000, tzinfo=UTC)
        assert (fixes[1].speed_mps, fixes[1].heading_deg) == (2.0, 90.0)
        assert fixes[1].accuracy_m == pytest.approx(6.56, abs=0.01)

    async def test_an_unplugged_receiver_behind_it_is_lost(self):
        gone = b'{"class":"DEVICE","path":"/dev/ttyUSB0","activated":0}\n'
        async with gpsd_that_sends(gone) as (address, _):
            with pytest.raises(DeviceLost):
                await drain(open_gps(address))

    async def test_what_is_not_gpsd_is_told(self):
        async with gpsd_that_sends(b"HTTP/1.1 400 Bad Request\r\n" * 3) as (address, _):
            with pytest.raises((DeviceGarbled, DeviceLost)):
                await drain(open_gps(address, silence_s=0.3))


class TestOpenGps:
    @pytest.mark.parametrize(
        "address",
        ["", "nmea-tcp://", "nmea-tcp://127.0.0.1", "nmea-tcp://127.0.0.1:99999", "http://127.0.0.1:1", "gpsd://"],
    )
    def test_an_address_that_means_nothing_is_refused_with_examples(self, address: str):
        with pytest.raises(AddressInvalid, match="nmea-tcp://127"):
            open_gps(address)
