"""A row of a spreadsheet read as a cylinder's archive (E5.8.3-3): heads as people write them, each flaw told."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec

from backend.tables import Cell, date_of, lost_digits, text_of
from sync.databases import BEIJING

# Field -> the heads under which registers keep it; the first is that of our own export.
HEADS: dict[str, tuple[str, ...]] = {
    "code": ("气瓶编号", "二维码", "钢印号", "气瓶条码", "气瓶编码", "瓶身编号", "编号", "cylinder code", "qr code"),
    "specification": ("规格", "气瓶规格", "型号", "气瓶型号", "规格型号", "size"),
    "factory_number": ("出厂编号", "制造编号", "瓶号", "factory number", "serial number"),
    "manufacturer": ("制造单位", "制造厂", "制造厂家", "生产厂家", "生产单位", "maker"),
    "made_on": ("制造年月", "制造日期", "生产日期", "出厂日期", "made", "date of manufacture"),
    "standard": ("制造标准", "标准", "产品标准", "执行标准"),
    "medium": ("充装介质", "介质", "gas"),
    "tag_uid": ("标签UID", "电子标签", "电子标签号", "标签号", "芯片号", "tag", "nfc"),
    "last_inspected_on": ("上次检验日期", "上次检验", "检验日期", "检验年月", "last inspection", "last inspected"),
    "next_inspection_on": ("下次检验日期", "下次检验", "下次检验年月", "检验到期", "next inspection"),
    "service_ends_on": ("使用年限至", "使用到期", "报废年月", "设计使用年限至", "service ends", "service end"),
    "tare_kg": ("皮重", "皮重kg", "空瓶重", "tare"),
    "water_capacity_l": ("水容积", "水容积L", "公称容积", "容积", "water capacity"),
    "inspected_by": ("检验单位", "检验机构", "检验站", "inspected by"),
    "owned": ("自有产权", "自有", "产权", "own cylinder"),
    "state": ("状态", "气瓶状态"),
    "storage_position": ("库位", "当前库位", "存放位置", "position"),
    "organisation": ("所属站", "所属单位", "站点", "station"),
    "registered_at": ("登记时间", "登记日期", "建档时间", "建档日期", "registered"),
}
_TEXTS = ("factory_number", "manufacturer", "standard", "inspected_by", "storage_position")
_DAYS = {
    "made_on": ("制造年月", "date of manufacture"),
    "last_inspected_on": ("上次检验日期", "last inspection"),
    "next_inspection_on": ("下次检验日期", "next inspection"),
    "service_ends_on": ("使用年限至", "end of service"),
}
# A month stands for its end where something runs out with it.
_RUN_OUT = frozenset({"next_inspection_on", "service_ends_on"})
_NUMBERS = {"tare_kg": ("皮重", "tare", 500.0), "water_capacity_l": ("水容积", "water capacity", 1000.0)}
_LONGEST = 200
# No cylinder in use is older; what claims so is a slip of the pen.
_EARLIEST = date(1960, 1, 1)
_YES = frozenset({"是", "自有", "y", "yes", "true", "1", "√", "本企业"})
_NO = frozenset({"否", "非自有", "n", "no", "false", "0", "×", "外来", "非本企业"})
_SCRAPPED = frozenset({"报废", "已报废", "scrapped"})


class Flaw(msgspec.Struct, frozen=True):
    code: str
    zh: str
    en: str


class Known(msgspec.Struct, frozen=True):
    """What a company's rows may name: sizes and media by how they are written, its stations by name; today's date."""

    specifications: Mapping[str, str]
    media: Mapping[str, str]
    stations: Mapping[str, str]
    today: date


class ReadRow(msgspec.Struct, frozen=True):
    """`fields`: what the row says; an empty cell says nothing."""

    number: int
    code: str
    fields: dict[str, Any]
    flaws: tuple[Flaw, ...]
    cells: tuple[str, ...]


def plain(text: str) -> str:
    return re.sub(r"[\s_]", "", text).upper()


def read_row(number: int, row: Sequence[Cell], columns: Mapping[str, int], known: Known) -> ReadRow:
    cells = {field: row[column] for field, column in columns.items() if column < len(row)}
    said = {field: text for field, cell in cells.items() if (text := text_of(cell))}
    flaws: list[Flaw] = []
    fields: dict[str, Any] = {name: said[name] for name in _TEXTS if name in said}
    if lost_digits(cells.get("code")):
        flaws.append(
            Flaw("code_lost", "编号存成了数字，后几位已丢失", "the code was kept as a number: digits are lost")
        )
    elif "code" not in said:
        flaws.append(Flaw("no_code", "缺少气瓶编号", "the cylinder's code is missing"))
    if long := [name for name, text in said.items() if len(text) > _LONGEST]:
        flaws.append(Flaw("too_long", f"内容过长：{HEADS[long[0]][0]}", f"too long: {long[0]}"))
    _read_choices(said, known, fields, flaws)
    _read_days(cells, known.today, fields, flaws)
    _read_numbers(said, fields, flaws)
    if "tag_uid" in said:
        fields["tag_uid"] = said["tag_uid"].upper()
    if said.get("state", "").casefold() in _SCRAPPED:
        fields["scrapped"] = True
    return ReadRow(number, said.get("code", ""), fields, tuple(flaws), tuple(text_of(cell) for cell in row))


def order_flaws(fields: Mapping[str, Any]) -> list[Flaw]:
    """Of the whole archive, the row laid over what was there: what must come before what."""
    made, inspected = fields.get("made_on"), fields.get("last_inspected_on")
    due, ends = fields.get("next_inspection_on"), fields.get("service_ends_on")
    found = []
    if made and ends and ends <= made:
        found.append(Flaw("service_ends", "使用年限早于制造年月", "its service ends before it was made"))
    if made and inspected and inspected < made:
        found.append(Flaw("inspected_before_made", "检验早于制造", "it was inspected before it was made"))
    if due and (earliest := max(filter(None, (made, inspected)), default=None)) and due <= earliest:
        found.append(Flaw("due_before", "下次检验不晚于制造或上次检验", "its next inspection is before the last"))
    return found


def _read_choices(said: Mapping[str, str], known: Known, fields: dict[str, Any], flaws: list[Flaw]) -> None:
    choices: tuple[tuple[str, str, Mapping[str, str], str, str], ...] = (
        ("specification", "specification", known.specifications, "规格", "size"),
        ("medium", "medium", known.media, "充装介质", "gas"),
        ("organisation", "organisation_id", known.stations, "所属站", "station"),
    )
    for head, field, words, zh, en in choices:
        if head not in said:
            continue
        if (found := words.get(plain(said[head]))) is not None:
            fields[field] = found
        else:
            flaws.append(Flaw(f"unknown_{head}", f"没有这个{zh}：{said[head]}", f"there is no such {en}: {said[head]}"))
    if "owned" in said:
        word = said["owned"].casefold()
        if word in _YES or word in _NO:
            fields["owned"] = word in _YES
        else:
            flaws.append(
                Flaw("bad_owned", f"自有产权应填是或否：{said['owned']}", f"own cylinder: yes or no, not {word}")
            )


def _read_days(cells: Mapping[str, Cell], today: date, fields: dict[str, Any], flaws: list[Flaw]) -> None:
    for field, (zh, en) in _DAYS.items():
        if (day := _day(cells.get(field), field, zh, en, flaws)) is None:
            continue
        if field not in _RUN_OUT and day > today:
            flaws.append(Flaw("future", f"{zh}在今天之后：{day}", f"the {en} is in the future: {day}"))
        else:
            fields[field] = day
    if (day := _day(cells.get("registered_at"), "registered_at", "登记时间", "registration", flaws)) is not None:
        if day > today:
            flaws.append(Flaw("future", f"登记时间在今天之后：{day}", f"the registration is in the future: {day}"))
        else:
            fields["registered_at"] = _moment(cells["registered_at"], day)


def _day(cell: Cell, field: str, zh: str, en: str, flaws: list[Flaw]) -> date | None:
    try:
        day = date_of(cell, month_end=field in _RUN_OUT)
    except ValueError:
        day = date.min
    if day is not None and day < _EARLIEST:
        shown = text_of(cell)
        flaws.append(Flaw("bad_date", f"{zh}不是有效日期：{shown}", f"the {en} is no date: {shown}"))
        return None
    return day


def _moment(cell: Cell, day: date) -> datetime:
    """As the export writes it, in Beijing's time; a day alone is its beginning."""
    try:
        at = cell if isinstance(cell, datetime) else datetime.fromisoformat(text_of(cell))
    except ValueError:
        at = datetime.combine(day, time())
    return (at if at.tzinfo else at.replace(tzinfo=BEIJING)).astimezone(UTC)


def _read_numbers(said: Mapping[str, str], fields: dict[str, Any], flaws: list[Flaw]) -> None:
    for field, (zh, en, most) in _NUMBERS.items():
        if field not in said:
            continue
        number = _number(said[field], float)
        if number is None or not 0 < number <= most:
            flaws.append(Flaw("bad_number", f"{zh}不对：{said[field]}", f"the {en} cannot be: {said[field]}"))
        else:
            fields[field] = number


def _number(text: str, kind: Callable[[str], float]) -> float | None:
    try:
        return kind(re.sub(r"(?i)\s*(kg|公斤|千克|l|升)$", "", text))
    except ValueError:
        return None
