"""What the PC of the scene's storage station sends: a minute's readings, and an alarm with its fire water."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from sync.documents.alarms import AlarmCleared, AlarmRaised, FireWaterStarted, SensorReading, StationReadings
from tests.web_console.scene import Scene

CODE = "CZ-001"
_SENSORS = (
    ("level", "1# 储罐液位", "level", "%", 62.4, "normal"),
    ("pressure", "1# 储罐压力", "pressure", "MPa", 1.72, "over"),
    ("temperature", "1# 储罐温度", "temperature", "°C", 31.5, "normal"),
    ("gas-1", "灌装间可燃气体", "gas", "%LEL", 22.0, "high"),
    ("gas-2", "压缩机房可燃气体", "gas", "%LEL", None, "lost"),
    ("level-2", "2# 储罐液位", "level", "%", None, "garbled"),
)


async def send_readings(session: AsyncSession, scene: Scene) -> None:
    at = datetime.now(UTC)
    sensors = tuple(
        SensorReading(
            sensor=key,
            name=name,
            kind=kind,
            unit=unit,
            value=value,
            least=value and value - 0.2,
            most=value and value + 0.1,
            state=state,
            state_age_s=75.0,
        )
        for key, name, kind, unit, value, state in _SENSORS
    )
    told = StationReadings(**scene.li.envelope("station.readings", at, None), station=CODE, sensors=sensors)
    await scene.li.send(session, told)


async def send_alarms(session: AsyncSession, scene: Scene) -> str:
    """A serious one that stands, with the fire water running, and a first step of gas that is over; the first's id."""
    at = datetime.now(UTC) - timedelta(seconds=40)
    over = AlarmRaised(
        **scene.li.envelope("alarm.raised", at, None),
        station=CODE,
        sensor="pressure",
        sensor_name="1# 储罐压力",
        kind="pressure",
        reason="over",
        value=1.72,
        limit=1.6,
        unit="MPa",
    )
    gas = AlarmRaised(
        **scene.li.envelope("alarm.raised", at, None),
        station=CODE,
        sensor="gas-1",
        sensor_name="灌装间可燃气体",
        kind="gas",
        reason="high",
        value=22.0,
        limit=20.0,
        unit="%LEL",
    )
    later = at + timedelta(seconds=5)
    water = FireWaterStarted(
        **scene.li.envelope("fire_water.started", later, None), station=CODE, alarm_id=over.id, running=True
    )
    end = AlarmCleared(**scene.li.envelope("alarm.cleared", later, None), station=CODE, alarm_id=gas.id, value=4.0)
    await scene.li.send(session, over, gas, water, end)
    return over.id
