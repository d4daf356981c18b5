"""What may be taken from a phone's database, and when it was really recorded. Pure: values in, values out."""

import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sync.databases import DatabaseName
from sync.documents import BACKEND_TYPES, FIELD_TYPES, FieldRecord, decode_record
from sync.documents.envelope import Moment, Position, Record, tag_of
from sync.documents.photos import ATTACHMENT_NAMES, is_file

PHOTO_TAG = "photo"
# A shift of the clock smaller than this says nothing about the phone.
CLOCK_TOLERANCE = timedelta(minutes=10)
# The mainland's bounding box in degrees: a position outside is accepted and remarked on.
_LONGITUDES = (73.0, 136.0)
_LATITUDES = (3.0, 54.0)

# As every phone of ours writes it; what else is one is looked into.
_UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# PostgreSQL's bigint, a hundred years of uptime, and years that leave room to reckon with.
_NUMBERS = 2**62
_LONGEST_BOOT_S = 3.2e9
_YEARS = (1900, 9000)
# A row of an index holds 2,700 bytes; the database's name and the revision stand beside the id.
_LONGEST_KEY_BYTES = 1000
# No character takes more than four bytes.
_SURELY_SHORT = _LONGEST_KEY_BYTES // 4


class Words(msgspec.Struct, frozen=True):
    """Why a record was not taken and what to do, for the worker and the office. `alarm`: tampering is likely."""

    reason_zh: str
    reason_en: str
    action_zh: str
    action_en: str
    alarm: bool = False


_REPORT = ("请联系办公室，记录已保存在本机。", "Call the office; the record is kept on this phone.")
_UPDATE = ("请更新应用后联系办公室。", "Update the app, then call the office.")
_RETAKE = ("请重新拍照补传。", "Take the photo again and attach it to a further record.")

CODES: Mapping[str, Words] = {
    "unknown_type": Words("服务器不认识这种记录。", "The server does not know this type of record.", *_UPDATE),
    "newer_schema": Words("应用版本比服务器新。", "The app is newer than the server.", *_REPORT),
    "unreadable": Words("记录内容有误，无法读取。", "The record cannot be read.", *_REPORT),
    "not_first_generation": Words(
        "已提交的记录被改动过。",
        "A submitted record was edited.",
        "请另填一条更正记录。",
        "Record a correction instead.",
        alarm=True,
    ),
    "second_revision": Words(
        "同一条记录有两个不同版本，已保留先收到的。",
        "The same record came twice with different contents; the first one stays.",
        "请另填一条更正记录。",
        "Record a correction instead.",
        alarm=True,
    ),
    "deleted": Words("已提交的记录被删除。", "A submitted document was deleted.", *_REPORT, alarm=True),
    "forged": Words("冒充办公室下发的内容。", "It pretends to come from the office.", *_REPORT, alarm=True),
    "wrong_owner": Words("记录人与账号不符。", "It was recorded by somebody else.", *_REPORT, alarm=True),
    "wrong_device": Words(
        "该设备未登记在本人名下。", "The device is not registered to this person.", *_REPORT, alarm=True
    ),
    "wrong_unit": Words("记录人不属于该单位。", "The person does not belong to this unit.", *_REPORT),
    "wrong_database": Words("记录传到了错误的库。", "The record was sent to the wrong database.", *_REPORT),
    "photo_missing": Words("照片没有传完整。", "The photo's picture did not come with it.", *_RETAKE),
    "photo_differs": Words(
        "照片内容与编号不符。", "The picture is not the one that its id names.", *_RETAKE, alarm=True
    ),
    "not_an_image": Words("文件不是有效的照片。", "The file is not a picture.", *_RETAKE),
    "not_a_recording": Words(
        "文件不是有效的录音。", "The file is not a recording.", "请再说一次。", "Please record it again."
    ),
    "not_taken": Words(
        "服务器处理时出错，记录已留存待处理。",
        "The server failed on it; the record is kept there and will be taken later.",
        "无需重填，办公室会处理。",
        "Nothing to do: the office will see to it.",
    ),
    "dismissed": Words("办公室核实后未采用。", "The office looked into it and did not use it.", *_REPORT),
}


class Owner(msgspec.Struct, frozen=True):
    """Whose database it is. `devices` maps each to how far the server's clock is ahead of its own, in seconds,
    when it last told (None: never); `units` are those that he may record for.
    """

    staff_id: str
    company_id: str
    devices: Mapping[str, float | None]
    units: frozenset[str]


class Refused(msgspec.Struct, frozen=True):
    code: str
    detail: str = ""


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """A revision as the hub gave it, with its picture where it is a photo; `record` where it was read already."""

    id: str
    rev: str
    seq: str
    body: bytes
    deleted: bool = False
    attachment: bytes | None = None
    readable: bool = True
    record: FieldRecord | Refused | None = None


class Ours(msgspec.Struct, frozen=True):
    """The backend wrote it: nothing to take."""


class Clock(msgspec.Struct, frozen=True):
    """What is known of a phone's clock in one boot: `offset_s` is the server's time less the phone's."""

    booted_at: datetime | None = None
    booted_before: datetime | None = None
    offset_s: float | None = None


def judge(
    arrived: Arrived, database: DatabaseName, owner: Owner | None, is_ours: Callable[[str, bytes], bool]
) -> FieldRecord | Refused | Ours:
    """The record, if this person may have recorded it here; else why not."""
    tag = tag_of(arrived.id)
    if tag in BACKEND_TYPES:
        if arrived.deleted:
            return Refused("deleted")
        return Ours() if arrived.readable and is_ours(arrived.id, arrived.body) else Refused("forged")
    if arrived.deleted:
        return Refused("deleted")
    record = arrived.record or read_record(arrived.id, arrived.rev, arrived.body)
    if record is None:
        return Refused("unknown_type", tag[:100])
    return record if isinstance(record, Refused) else _authorise(record, database, owner) or record


def read_record(doc_id: str, rev: str, body: bytes) -> FieldRecord | Refused | None:
    """The record in a revision, or what is wrong with it; None for no type of record."""
    tag = tag_of(doc_id)
    if tag not in FIELD_TYPES:
        return None
    if not rev.startswith("1-"):
        return Refused("not_first_generation")
    try:
        record = decode_record(doc_id, body)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError) as error:
        newer = _schema_version(body) > FIELD_TYPES[tag].current_schema
        return Refused("newer_schema" if newer else "unreadable", str(error)[:500])
    return _fault(record, tag, body) or record


def _fault(record: FieldRecord, tag: str, body: bytes) -> Refused | None:
    if record.schema_version > record.current_schema:
        return Refused("newer_schema", f"schema_version {record.schema_version}")
    if record.__struct_config__.tag != tag:
        return Refused("unreadable", "Id and `type` differ - at `$.type`")
    if not _id_fits(record):
        return Refused("unreadable", "Not an id of this type - at `$._id`")
    fault = _unstorable(record, body)
    return Refused("unreadable", fault) if fault else None


def _authorise(record: Record, database: DatabaseName, owner: Owner | None) -> Refused | None:
    if is_file(record.id) != (database.kind == "media"):
        return Refused("wrong_database")
    if owner is None or record.staff_id != database.owner:
        return Refused("wrong_owner", record.staff_id)
    if record.device_id not in owner.devices:
        return Refused("wrong_device", record.device_id)
    if record.unit_id not in owner.units:
        return Refused("wrong_unit", record.unit_id)
    return None


def _id_fits(record: FieldRecord) -> bool:
    tag, _, key = record.id.partition(":")
    if tag in ATTACHMENT_NAMES:
        return key == getattr(record, "sha256", None)
    if _UUID7.fullmatch(key):
        return True
    try:
        return uuid.UUID(key).version == 7
    except ValueError:
        return False


def _unstorable(record: Record, body: bytes) -> str:
    """What PostgreSQL could not hold, though the hub can."""
    if record.record_number >= _NUMBERS:
        return "Too large - at `$.record_number`"
    if record.recorded.monotonic_s > _LONGEST_BOOT_S:
        return "Too large - at `$.recorded.monotonic_s`"
    if not _YEARS[0] <= record.recorded.at.year <= _YEARS[1]:
        return "No year of ours - at `$.recorded.at`"
    if b"\\u0000" in body and _holds_nul(msgspec.to_builtins(record)):
        return "A NUL character"
    return ""


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(v) for v in value.values())
    return isinstance(value, list | tuple) and any(_holds_nul(v) for v in value)


def _schema_version(body: bytes) -> int:
    version = loose_fields(body).get("schema_version")
    return version if isinstance(version, int) else 0


def storable(words: str) -> str:
    """PostgreSQL's text takes every character but NUL."""
    return words.replace("\0", "\N{SYMBOL FOR NULL}")


def key_of(doc_id: str) -> str:
    """An id as PostgreSQL can hold and index it: one too long for that is told by its beginning and its hash."""
    if len(doc_id) <= _SURELY_SHORT and "\0" not in doc_id:
        return doc_id
    if len(doc_id.encode(errors="replace")) <= _LONGEST_KEY_BYTES:
        return storable(doc_id)
    return f"{storable(doc_id[:100])}…{hashlib.sha256(doc_id.encode(errors='replace')).hexdigest()}"


def loose_fields(body: bytes) -> dict[str, Any]:
    """What can be read of a body that may be anything."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return {}
    return found if isinstance(found, dict) else {}


def learned(clock: Clock, moment: Moment, received_at: datetime) -> Clock:
    """The clock with what this record tells: a trusted time fixes the boot, and no record comes before it was made."""
    running = timedelta(seconds=moment.monotonic_s)
    booted_at = clock.booted_at
    if booted_at is None and moment.clock != "unset":
        booted_at = min(moment.at, received_at) - running
    before = received_at - running
    if clock.booted_before is not None:
        before = min(before, clock.booted_before)
    return Clock(booted_at, before, clock.offset_s)


def corrected(moment: Moment, received_at: datetime, clock: Clock) -> datetime:
    """When it was recorded: as the phone says if its time was trusted, else by the boot, else by its last offset."""
    running = timedelta(seconds=moment.monotonic_s)
    at = moment.at
    if moment.clock == "unset":
        if clock.booted_at is not None:
            at = clock.booted_at + running
        elif clock.offset_s is not None and abs(clock.offset_s) > CLOCK_TOLERANCE.total_seconds():
            at += timedelta(seconds=clock.offset_s)
    if clock.booted_before is not None:
        at = min(at, clock.booted_before + running)
    return min(at, received_at)


def remarks_on(moment: Moment, recorded_at: datetime, position: Position | None) -> list[str]:
    """What looks odd and is accepted all the same."""
    found = []
    if abs(recorded_at - moment.at) > CLOCK_TOLERANCE:
        found.append("clock_corrected")
    if position is not None:
        if position.mocked:
            found.append("position_mocked")
        if not (_LONGITUDES[0] <= position.lon <= _LONGITUDES[1] and _LATITUDES[0] <= position.lat <= _LATITUDES[1]):
            found.append("position_abroad")
    return found
