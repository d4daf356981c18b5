"""What is replicated and taken in: field records as phones make them, of one size, different in every line."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from sync.documents import FieldRecord
from sync.documents.envelope import Moment, Position, new_id
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported

DOCUMENT_BYTES = 1024
_PHRASES = (
    "井盖松动", "压占管线", "机械开挖", "植被枯黄", "阀井积水", "标志桩缺失", "标识牌褪色", "土壤沉降", "护栏破损",
    "私搭棚屋", "堆放建材", "管道裸露", "防腐层破损", "已告知施工方", "现场拉设警戒带", "邻近排水沟", "附近有异味",
    "复测无泄漏", "道路中央", "人行道外侧", "小区北门", "学校南侧", "桥头西侧", "距离红线", "等待处置", "已电话上报",
)  # fmt: skip

_decoder: msgspec.json.Decoder[FieldRecord] = msgspec.json.Decoder(FieldRecord)


class Person(msgspec.Struct, frozen=True):
    """Who records, on which phone."""

    staff_id: str
    unit_id: str
    device_id: str


def field_records(count: int, person: Person, *, seed: int = 1) -> Iterator[FieldRecord]:
    """Hazards, suspected leaks and works in turn, each `DOCUMENT_BYTES` long as JSON, numbered from 1."""
    chance = random.Random(seed)  # noqa: S311 - the same records in every run
    for number in range(1, count + 1):
        record = _make(number, person, chance)
        room = DOCUMENT_BYTES - len(msgspec.json.encode(record)) - len(',"note":""')
        yield msgspec.structs.replace(record, note=_text(room, chance))


def write_documents(path: Path, count: int, person: Person) -> None:
    """One record a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(msgspec.json.encode(record) + b"\n" for record in field_records(count, person))


def read_documents(path: Path) -> Iterator[FieldRecord]:
    """One at a time: a phone's memory is measured too."""
    with path.open("rb") as file:
        yield from map(_decoder.decode, file)


def _make(number: int, person: Person, chance: random.Random) -> FieldRecord:
    kinds: tuple[tuple[type[HazardReported | LeakSuspected | ThirdPartyWorksReported], dict[str, Any]], ...] = (
        (HazardReported, {"hazard_type": "occupation", "address": "团结路 12 号东侧"}),
        (
            LeakSuspected,
            {"reading_ppm": float(chance.randint(50, 900)), "alarm_limit_ppm": 50.0, "instrument_id": "J7"},
        ),
        (ThirdPartyWorksReported, {"machinery": ("excavator",), "distance_to_pipe_m": 3.5}),
    )
    kind, fields = kinds[number % len(kinds)]
    return kind(
        id=new_id(str(kind.__struct_config__.tag)),
        schema_version=1,
        record_number=number,
        recorded=Moment(at=datetime.now(UTC), boot_id="bench", monotonic_s=float(number), clock="server"),
        staff_id=person.staff_id,
        unit_id=person.unit_id,
        device_id=person.device_id,
        position=Position(
            lon=round(126.5 + chance.random() / 10, 6),
            lat=round(43.8 + chance.random() / 10, 6),
            accuracy_m=round(chance.uniform(2, 9), 1),
            source="gnss",
            datum="WGS-84",
        ),
        **fields,
    )


def _text(size_bytes: int, chance: random.Random) -> str:
    """Words that pack no better than what people write."""
    text = ""
    while len(text.encode()) < size_bytes:
        text += f"{chance.choice(_PHRASES)}{chance.randint(1, 999)}米，"
    kept = text.encode()[:size_bytes].decode(errors="ignore")
    return kept + "." * (size_bytes - len(kept.encode()))
