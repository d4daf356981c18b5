"""Words that several screens share, Chinese first; a screen's own sentences stand in the screen as `say(zh, en)`."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Literal

import msgspec

from sync.documents.envelope import tag_of
from sync.rules.pressure_levels import PRESSURE_LEVELS

Language = Literal["zh", "en"]

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")

RECORD_TITLES: dict[str, tuple[str, str]] = {
    "shift.checked": ("开工体检", "Shift check"),
    "patrol.started": ("开始巡线", "Patrol started"),
    "patrol.tracked": ("巡线轨迹", "Patrol track"),
    "patrol.paused": ("暂停巡线", "Patrol paused"),
    "patrol.finished": ("结束巡线", "Patrol finished"),
    "checkpoint.visited": ("检查点", "Check point"),
    "hazard.reported": ("隐患", "Hazard"),
    "leak.suspected": ("疑似泄漏点", "Suspected leak"),
    "works.reported": ("第三方施工", "Third-party works"),
    "cylinders.loaded": ("出库装车", "Cylinders loaded"),
    "cylinder.refused": ("禁止气瓶", "Cylinder refused"),
    "tag.bound": ("绑定标签", "Tag bound"),
    "tag.written": ("写标签", "Tag written"),
    "delivery.checked": ("随瓶安检", "Check at delivery"),
    "delivery.completed": ("送气签收", "Delivery"),
    "visit.failed": ("到访未成", "Visit failed"),
    "filling.checked_before": ("充装前检查", "Check before filling"),
    "cylinder.filled": ("充装", "Filling"),
    "filling.checked_after": ("充装后检查", "Check after filling"),
    "customer.completed": ("实名登记", "Customer registered"),
    "customer.paper_done": ("客户资料", "Customer's paper"),
    "cylinders.stored": ("回站入库", "Back at the station"),
    "vehicle.tracked": ("送气轨迹", "Delivery track"),
    "alarm.raised": ("场站报警", "Station alarm"),
    "alarm.cleared": ("报警消除", "Alarm cleared"),
    "fire_water.started": ("启动消防水", "Fire water started"),
    "station.readings": ("场站读数", "Station's readings"),
    "photo": ("照片", "Photo"),
    "voice_note": ("语音说明", "Voice note"),
}

STATE_TITLES: dict[str, tuple[str, str]] = {
    "saved": ("已存", "Saved"),
    "sent": ("已传", "Sent"),
    "accepted": ("已收", "Accepted"),
    "waiting": ("已收", "Accepted"),
    "refused": ("退回", "Returned"),
}

SHIFT_ITEMS: dict[str, tuple[str, str]] = {
    "positioning": ("定位", "Positioning"),
    "battery_saver": ("省电限制", "Battery saver"),
    "battery": ("电量", "Battery"),
    "storage": ("存储", "Storage"),
    "clock": ("时钟", "Clock"),
    "instrument": ("检漏仪", "Instrument"),
}

OPTION_TITLES: dict[str, tuple[str, str]] = {
    "general": ("一般", "General"),
    "larger": ("较大", "Larger"),
    "major": ("重大", "Major"),
    "walk": ("步行", "On foot"),
    "bicycle": ("骑行", "By bicycle"),
    "vehicle": ("车巡", "By vehicle"),
    "not_home": ("到访不遇", "Nobody home"),
    "refused": ("拒检", "Check refused"),
    "vacant": ("空置", "Vacant"),
    "rescheduled": ("预约改期", "Rescheduled"),
    "instrument": ("仪器检漏", "Instrument"),
    "soap_water": ("肥皂水检漏", "Soap water"),
    "deposit_taken": ("收取", "Taken"),
    "deposit_refunded": ("退还", "Refunded"),
    "deposit_moved": ("转瓶", "Moved"),
    "written": ("手写签名", "Written"),
    "text_code": ("短信码", "Text code"),
    "door_photo": ("门前照片", "Door photo"),
    "pass": ("合格", "Pass"),
    "fail": ("不合格", "Fail"),
    "not_applicable": ("不涉及", "Not applicable"),
    "qr": ("二维码", "QR code"),
    "barcode": ("条码", "Bar code"),
    "nfc": ("NFC 标签", "NFC tag"),
    "uhf": ("UHF 标签", "UHF tag"),
    "typed": ("手输钢印号", "Typed"),
    "gps": ("GPS", "GPS"),
    "none": ("无", "None"),
    "low": ("低压", "Low pressure"),
}

WEEKDAYS = (
    ("周一", "Mon"),
    ("周二", "Tue"),
    ("周三", "Wed"),
    ("周四", "Thu"),
    ("周五", "Fri"),
    ("周六", "Sat"),
    ("周日", "Sun"),
)


class Words(msgspec.Struct, frozen=True):
    """Speaks one language: `say` picks from a pair, the rest writes numbers and times as that language does."""

    language: Language = "zh"

    def say(self, zh: str, en: str) -> str:
        return zh if self.language == "zh" else en

    def of(self, table: Mapping[str, tuple[str, str]], key: str) -> str:
        zh, en = table.get(key, (key, key))
        return self.say(zh, en)

    def state(self, state: str) -> str:
        return self.of(STATE_TITLES, state)

    def record(self, record_id_or_tag: str) -> str:
        return self.of(RECORD_TITLES, tag_of(record_id_or_tag))

    def option(self, value: str) -> str:
        return self.of(OPTION_TITLES, value)

    def pressure(self, level: str) -> str:
        known = PRESSURE_LEVELS.get(level)
        return self.say(known.zh, known.en) if known else level

    def levels(self, levels: tuple[str, ...]) -> str:
        return self.say("、", ", ").join(self.pressure(level) for level in levels)

    def day(self, moment: datetime) -> str:
        local = moment.astimezone(BEIJING)
        weekday = self.say(*WEEKDAYS[local.weekday()])
        return self.say(f"{local.month}月{local.day}日 {weekday}", f"{weekday} {local:%Y-%m-%d}")

    def time(self, moment: datetime) -> str:
        """Beijing time of day."""
        return f"{moment.astimezone(BEIJING):%H:%M}"

    def full_time(self, moment: datetime) -> str:
        return f"{moment.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"

    def when(self, moment: datetime, now: datetime | None = None) -> str:
        """Today's time of day, "昨天", else the date."""
        here = moment.astimezone(BEIJING)
        days = ((now or datetime.now(UTC)).astimezone(BEIJING).date() - here.date()).days
        if days == 0:
            return f"{here:%H:%M}"
        return self.say("昨天", "Yesterday") if days == 1 else f"{here:%m-%d}"

    def ago(self, moment: datetime | None, now: datetime | None = None) -> str:
        if moment is None:
            return self.say("还没有", "never")
        minutes = int(((now or datetime.now(UTC)) - moment).total_seconds() // 60)
        if minutes < 1:
            return self.say("刚刚", "just now")
        if minutes < 60:
            return self.say(f"{minutes} 分钟前", f"{minutes} min ago")
        return self.when(moment, now)

    def length(self, metres: float) -> tuple[str, str]:
        """A number and its unit."""
        return (f"{metres / 1000:.1f}", "km") if metres >= 1000 else (f"{metres:.0f}", "m")

    def days_until(self, day: date, today: date) -> int:
        return (day - today).days


def grouped(number: float) -> str:
    """12600 -> "12 600", as instruments print it."""
    return f"{number:,.0f}".replace(",", " ")
