"""A station's alarms as rules, and its controller against a simulated one in a process of its own."""

import asyncio
import json
import subprocess
import sys
from time import monotonic
from typing import Any

import msgspec
import pytest

from device_bridge.errors import AddressInvalid, DeviceError, DeviceGarbled, DeviceLost, DeviceMissing
from device_bridge.station_sensors import (
    Change,
    FireWater,
    Kind,
    Limit,
    Seen,
    Sensor,
    SensorWatch,
    Station,
    StationMap,
    Watch,
    decode,
)
from tests.device_bridge.conftest import running

LEVEL = Limit(over=85, band=2, delay_s=5)
GAS = Limit(high=20, over=40, band=3, delay_s=2)
LIMITS: dict[Kind, Limit] = {
    "level": LEVEL,
    "pressure": Limit(over=1.6, band=0.05, delay_s=0),
    "temperature": Limit(over=45, band=2, delay_s=0),
    "gas": GAS,
}


def sensor(kind: Kind = "level", **fields: Any) -> Sensor:
    return Sensor(**{"id": kind, "name": kind, "kind": kind, "register": 0, "least": -5.0, "most": 110.0, **fields})


def told(changes: list[Change]) -> list[str]:
    return [f"{'+' if change.raised else '-'}{change.reason}" for change in changes]


def play(limit: Limit, readings: list[tuple[float, Any]], **fields: Any) -> list[tuple[float, str]]:
    """(seconds, value or fault) -> (seconds, what was raised or cleared)."""
    watch = SensorWatch(sensor(**fields))
    return [(at, each) for at, value in readings for each in told(watch.see(value, limit, at))]


class TestLimits:
    @pytest.mark.parametrize(
        ("readings", "changes"),
        [
            pytest.param([(0, 84.9), (10, 84.9)], [], id="below"),
            pytest.param([(0, 85), (4.9, 90), (5, 90)], [(5, "+over")], id="over for the delay"),
            pytest.param([(0, 90), (3, 84), (4, 90), (8, 90)], [], id="a surge that is gone before"),
            pytest.param([(0, 90), (5, 90), (6, 84), (20, 84)], [(5, "+over")], id="in the band it stays"),
            pytest.param([(0, 90), (5, 90), (6, 82.9), (11, 82.9)], [(5, "+over"), (11, "-over")], id="below the band"),
            pytest.param([(0, 90), (5, 90), (6, 82), (9, 84), (11, 82), (15, 82)], [(5, "+over")], id="not for long"),
        ],
    )
    def test_level(self, readings: list[tuple[float, Any]], changes: list[tuple[float, str]]) -> None:
        assert play(LEVEL, readings) == changes

    def test_gas_has_two_steps(self) -> None:
        readings = [(0, 20), (2, 20), (3, 40), (5, 40), (6, 30), (8, 30), (9, 5), (11, 5)]
        assert play(GAS, readings, kind="gas") == [(2, "+high"), (5, "+over"), (8, "-over"), (11, "-high")]

    def test_what_was_raised_stays_raised_while_nothing_is_known(self) -> None:
        """Silence does not clear an alarm; it is one more."""
        readings = [(0, 90), (5, 90), (6, "lost"), (9, "lost"), (30, "lost"), (31, 50), (34, 50), (36, 50)]
        assert play(LEVEL, readings) == [(5, "+over"), (9, "+lost"), (34, "-lost"), (36, "-over")]


class TestNeverNormal:
    @pytest.mark.parametrize(
        ("raw", "value"),
        [(620, 62.0), (0x8000, "lost"), (0xFFFF, -0.1), (0x7FFF, "garbled"), (1101, "garbled"), (0xFF00, "garbled")],
    )
    def test_a_register(self, raw: int, value: Any) -> None:
        assert decode(sensor(scale=0.1), raw) == value

    def test_before_the_first_value_it_is_unknown(self) -> None:
        assert SensorWatch(sensor()).state == "unknown"

    @pytest.mark.parametrize("fault", ["lost", "garbled"])
    def test_a_fault_shows_at_once_and_is_an_alarm_when_it_lasts(self, fault: Any) -> None:
        watch = SensorWatch(sensor())
        watch.see(50.0, LEVEL, 0)
        assert told(watch.see(fault, LEVEL, 1)) == []
        assert (watch.state, watch.value) == (fault, None)
        assert told(watch.see(fault, LEVEL, 4)) == [f"+{fault}"]

    def test_a_value_that_stands_still_where_it_never_does(self) -> None:
        readings = [(t, 50.0) for t in range(100)]
        assert play(LEVEL, readings, frozen_after_s=60) == [(64, "+garbled")]
        assert play(LEVEL, readings) == []

    def test_since_tells_when_the_state_began(self) -> None:
        watch = SensorWatch(sensor())
        for at, value in ((10.0, 50.0), (20.0, 51.0)):
            watch.see(value, LEVEL, at)
        assert (watch.state, watch.since_s) == ("normal", 10.0)


def tank(*, starts: bool = True) -> Watch:
    station = StationMap(
        station="CZ-001",
        address="modbus-tcp://h:1",
        sensors=(sensor("pressure", starts_fire_water=starts), sensor("level")),
        fire_water=FireWater(start_coil=0, running_coil=1),
    )
    return Watch(station, LIMITS, confirm_s=10)


def look(watch: Watch, at: float, pressure: float, *, runs: bool = False, level: float = 50.0) -> list[str]:
    changes = watch.see(Seen({"pressure": pressure, "level": level}, runs), at)
    return [f"{change.sensor}{each}" for change, each in zip(changes, told(changes), strict=True)]


class TestFireWater:
    def test_is_started_by_the_sensor_that_may_and_no_other(self) -> None:
        watch = tank()
        look(watch, 0, 0.6, level=99)
        assert look(watch, 6, 0.6, level=99) == ["level+over"]
        assert not watch.must_start
        assert look(watch, 7, 1.6, level=99) == ["pressure+over"]
        assert watch.must_start
        other = tank(starts=False)
        look(other, 0, 2.0)
        assert not other.must_start

    def test_once_seen_running_who_stops_it_is_not_fought(self) -> None:
        watch = tank()
        look(watch, 0, 2.0)
        look(watch, 1, 2.0, runs=True)
        look(watch, 2, 2.0)
        assert not watch.must_start

    def test_a_pump_that_does_not_start_is_an_alarm_and_is_tried_on(self) -> None:
        watch = tank()
        look(watch, 0, 2.0)
        assert look(watch, 9.9, 2.0) == []
        assert look(watch, 10, 2.0) == ["fire_water+not_started"]
        assert watch.must_start
        assert look(watch, 11, 2.0, runs=True) == ["fire_water-not_started"]

    def test_a_lost_controller_is_one_alarm_and_the_command_stands(self) -> None:
        watch = tank()
        look(watch, 0, 2.0)
        assert told(watch.unreadable("lost", 1)) == []
        assert [change.sensor for change in watch.unreadable("lost", 4)] == ["controller"]
        assert {each.state for each in watch.sensors.values()} == {"lost"}
        assert watch.must_start
        assert watch.is_open("pressure", "over")

    def test_a_new_alarm_starts_it_again(self) -> None:
        watch = tank()
        look(watch, 0, 2.0)
        look(watch, 1, 2.0, runs=True)
        assert look(watch, 2, 1.0) == ["pressure-over"]
        look(watch, 3, 2.0)
        assert watch.must_start

    def test_an_alarm_from_before_a_restart_is_the_same_and_clears_by_good_values_alone(self) -> None:
        watch = tank()
        assert watch.adopt("pressure", "over")
        assert not watch.adopt("gone", "over")
        assert look(watch, 0, 1.58) == []
        assert watch.must_start
        assert look(watch, 1, 1.0) == ["pressure-over"]


class TestMap:
    @pytest.mark.parametrize(
        "fields",
        [
            {"sensors": (sensor(), sensor())},
            {"sensors": (sensor(id="controller"),)},
            {"sensors": (sensor(least=5.0, most=5.0),)},
            {"sensors": (sensor(starts_fire_water=True),)},
            {"sensors": (sensor(), sensor("gas", register=200))},
        ],
    )
    def test_what_no_station_can_be_is_refused(self, fields: dict[str, Any]) -> None:
        body = msgspec.json.encode({"station": "CZ-001", "address": "modbus-tcp://h:1", **fields})
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body, type=StationMap)

    def test_an_address_that_cannot_be_read_is_told(self) -> None:
        with pytest.raises(AddressInvalid):
            Station(StationMap(station="CZ-001", address="tcp://h:1", sensors=(sensor(),)))


@pytest.fixture(scope="module")
def peer():
    with running("station") as simulator:
        yield simulator


def map_of(address: str) -> StationMap:
    """As the simulator prints it for a gateway."""
    port = address.rpartition(":")[2]
    command = [sys.executable, "-m", "device_bridge.simulators", "station", "--map", "--port", port]
    return msgspec.json.decode(subprocess.run(command, capture_output=True, check=True).stdout, type=StationMap)


@pytest.fixture
async def station(peer):
    for command in ("join", "calm", "pump free", "pump stop"):
        peer.tell(command)
    opened = Station(map_of(peer.address))
    yield opened
    opened.close()


class TestController:
    async def test_what_it_says_in_units(self, peer, station) -> None:
        peer.tell("put temperature -21.5")
        peer.tell("break gas-2")
        seen = await station.look(monotonic())
        assert seen.values == {"level": 62, "pressure": 0.62, "temperature": -21.5, "gas-1": 0, "gas-2": "lost"}
        assert seen.pump_runs is False

    @pytest.mark.requirement("E5.8.3-9")
    async def test_the_fire_water_runs_after_the_command(self, peer, station) -> None:
        await station.start_fire_water()
        async with asyncio.timeout(5):
            while not (await station.look(monotonic())).pump_runs:
                pass
        assert json.loads(peer.tell("state"))["starts"] == 1

    @pytest.mark.parametrize(
        ("command", "error"),
        [("garbage", DeviceGarbled), ("silent", DeviceLost), ("cut", DeviceError), ("freeze", DeviceGarbled)],
    )
    async def test_whatever_goes_wrong_is_said_and_it_goes_on_after_it(self, peer, station, command, error) -> None:
        async def look_on() -> None:
            for now_s in range(1, 20, 3):
                await station.look(now_s)

        await station.look(0)
        peer.tell(command)
        with pytest.raises(error):
            await look_on()
        peer.tell("join")
        peer.tell("resume")
        assert (await station.look(monotonic())).values["level"] == 62

    async def test_one_that_is_not_there(self, station) -> None:
        gone = Station(msgspec.structs.replace(station.map, address="modbus-tcp://127.0.0.1:9"))
        with pytest.raises(DeviceMissing, match="读数未知"):
            await gone.look(monotonic())
