"""开工体检: what must be right before a shift, and what may be wrong if the worker says so."""

from collections.abc import Sequence
from datetime import date

import msgspec

from device_bridge.models import Fix, InstrumentInfo
from mobile_app.errors import OutOfOrder
from mobile_app.phone import Phone
from sync.documents.patrol import CheckResult, ShiftChecked, ShiftCheckItem

GOOD_ACCURACY_M = 15.0
USABLE_ACCURACY_M = 50.0
# A shift of eight hours with the screen on; below the lower limit the phone dies before noon.
GOOD_BATTERY_PERCENT = 60
LOW_BATTERY_PERCENT = 20
GOOD_STORAGE_BYTES = 1_000_000_000
LOW_STORAGE_BYTES = 200_000_000
GOOD_CLOCK_S = 60.0
# A quarter of the way to a visit's time window; beyond, the clock was set by hand.
LOW_CLOCK_S = 600.0
# Time to bring an instrument to its verification.
INSTRUMENT_WARN_DAYS = 7


class Probes(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out; None where this phone does not tell."""

    fix: Fix | None = None
    battery_saver_exempt: bool | None = None
    battery_percent: int | None = None
    free_storage_bytes: int | None = None
    clock_ahead_s: float | None = None
    instrument: InstrumentInfo | None = None
    instrument_needed: bool = True


def judge(probes: Probes, today: date) -> tuple[ShiftCheckItem, ...]:
    """Each item with its result, for the screen and the record."""
    return (
        _positioning(probes.fix),
        _battery_saver(probes.battery_saver_exempt),
        _at_least("battery", probes.battery_percent, LOW_BATTERY_PERCENT, GOOD_BATTERY_PERCENT, "%"),
        _storage(probes.free_storage_bytes),
        _clock(probes.clock_ahead_s),
        *((_instrument(probes.instrument, today),) if probes.instrument_needed else ()),
    )


def failed(items: Sequence[ShiftCheckItem]) -> tuple[ShiftCheckItem, ...]:
    return tuple(item for item in items if item.result == "failed")


async def shift_check(phone: Phone, probes: Probes, *, started_anyway: bool = False) -> ShiftChecked:
    """Raises OutOfOrder when something failed and the worker did not choose 先开工."""
    items = judge(probes, phone.today())
    wrong = failed(items)
    if wrong and not started_anyway:
        raise OutOfOrder(
            "shift.failed",
            f"体检有 {len(wrong)} 项不合格",
            f"{len(wrong)} items of the check failed",
            action_zh="先处理，或选择“先开工”",
            action_en="put them right, or choose “start anyway”",
            items=wrong,
        )
    instrument = probes.instrument
    return await phone.record(
        ShiftChecked,
        items=items,
        instrument_id=instrument.instrument_id if instrument else "",
        instrument_verified_until=instrument.verified_until if instrument else None,
        started_anyway=bool(wrong),
    )


def _positioning(fix: Fix | None) -> ShiftCheckItem:
    if fix is None:
        return ShiftCheckItem(item="positioning", result="failed", value="无定位")
    result: CheckResult = "failed"
    if fix.accuracy_m <= GOOD_ACCURACY_M:
        result = "passed"
    elif fix.accuracy_m <= USABLE_ACCURACY_M:
        result = "warning"
    return ShiftCheckItem(item="positioning", result=result, value=f"±{fix.accuracy_m:.0f} m")


def _battery_saver(exempt: bool | None) -> ShiftCheckItem:  # noqa: FBT001 - a finding, not a switch
    if exempt is None:
        return ShiftCheckItem(item="battery_saver", result="warning", value="未知")
    result: CheckResult = "passed" if exempt else "failed"
    return ShiftCheckItem(item="battery_saver", result=result, value="不限制" if exempt else "限制后台")


def _storage(free_bytes: int | None) -> ShiftCheckItem:
    megabytes = None if free_bytes is None else free_bytes // 1_000_000
    return _at_least("storage", megabytes, LOW_STORAGE_BYTES // 1_000_000, GOOD_STORAGE_BYTES // 1_000_000, " MB")


def _clock(ahead_s: float | None) -> ShiftCheckItem:
    if ahead_s is None:
        return ShiftCheckItem(item="clock", result="warning", value="未校时")
    away_s = abs(ahead_s)
    result: CheckResult = "passed" if away_s <= GOOD_CLOCK_S else "warning" if away_s <= LOW_CLOCK_S else "failed"
    return ShiftCheckItem(item="clock", result=result, value=f"{ahead_s:+.0f} s")


def _instrument(instrument: InstrumentInfo | None, today: date) -> ShiftCheckItem:
    if instrument is None:
        return ShiftCheckItem(item="instrument", result="failed", value="未连接")
    until = instrument.verified_until
    battery = instrument.battery_percent
    result: CheckResult = "passed"
    if until is not None and until < today:
        result = "failed"
    elif (until is not None and (until - today).days <= INSTRUMENT_WARN_DAYS) or (
        battery is not None and battery < LOW_BATTERY_PERCENT
    ):
        result = "warning"
    words = [instrument.instrument_id, f"检定至 {until}" if until else "", f"{battery}%" if battery is not None else ""]
    return ShiftCheckItem(item="instrument", result=result, value=" ".join(word for word in words if word))


def _at_least(item: str, value: int | None, low: int, good: int, unit: str) -> ShiftCheckItem:
    known = msgspec.convert({"item": item, "result": "warning", "value": "未知"}, ShiftCheckItem)
    if value is None:
        return known
    result = "passed" if value >= good else "warning" if value >= low else "failed"
    return msgspec.structs.replace(known, result=result, value=f"{value}{unit}")
