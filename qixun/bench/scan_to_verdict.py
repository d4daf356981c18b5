"""From a scanned code to its verdict, with the app's own code over a sealed store that holds many cylinders."""

import asyncio
import random
import time
from datetime import date
from pathlib import Path

import msgspec

from mobile_app.reference import Reference
from mobile_app.stores import Stores
from qixun.bench.servers import BenchError
from qixun.bench.spread import Spread
from sync.databases import beijing_today
from sync.documents.envelope import encode_body
from sync.documents.reference import Cylinder, reference_id
from sync.rules.cylinders import verdict
from sync.store.models import Document

_UNIT = "bench"
_SCANS = 300
_SEAL = b"bench-16-bytes--"
_AT_ONCE = 5000


class ScanFigures(msgspec.Struct, frozen=True):
    """`first_ms`: of the first scan after the list has come; `after_change`: of scans that each come
    after the office has changed a cylinder.
    """

    cylinders: int
    first_ms: float
    warm: Spread
    after_change: Spread


async def measure_scans(folder: Path, count: int) -> ScanFigures:
    return await asyncio.to_thread(_measure, folder, count)


def _measure(folder: Path, count: int) -> ScanFigures:
    stores = Stores(folder, "bench", seal=_SEAL)
    try:
        store = stores.unit(_UNIT)
        for start in range(0, count, _AT_ONCE):
            store.put_many(_document(number) for number in range(start, min(start + _AT_ONCE, count)))
        reference = Reference(stores)
        first = _scan(reference, 0)
        chance = random.Random(4)  # noqa: S311 - the same in every run
        warm = [_scan(reference, chance.randrange(count)) for _ in range(_SCANS)]
        changed = []
        for _ in range(_SCANS):
            number = chance.randrange(count)
            _change(stores, number)
            changed.append(_scan(reference, number))
        return ScanFigures(count, first * 1000, Spread.of(warm), Spread.of(changed))
    finally:
        stores.close()


def _scan(reference: Reference, number: int) -> float:
    today = beijing_today()
    begun = time.perf_counter()
    code = _code(number)
    found = verdict(reference.cylinder(code), code, today, "loading")
    took = time.perf_counter() - begun
    if not found.allowed:
        raise BenchError(f"a good cylinder was refused: {found.codes}")
    return took


def _code(number: int) -> str:
    return f"35-{number:07d}"


def _cylinder(number: int, *, batch: str = "") -> Cylinder:
    return Cylinder(
        id=reference_id("reference.cylinder", f"{number:032x}"),
        code=_code(number),
        specification="YSP35.5",
        medium="LPG",
        tag_uid=f"E280{number:08X}",
        manufacturer=f"演示钢瓶厂{batch}",
        made_on=date(2020, 1, 1),
        next_inspection_on=date(2099, 12, 20),
        service_ends_on=date(2099, 12, 31),
        owned=True,
        scrapped=False,
        tag_torn=False,
    )


def _document(number: int) -> Document:
    cylinder = _cylinder(number)
    return Document(cylinder.id, "", encode_body(cylinder))


def _change(stores: Stores, number: int) -> None:
    cylinder = _cylinder(number, batch="改")
    store = stores.unit(_UNIT)
    held = store.get(cylinder.id)
    store.put(cylinder.id, encode_body(cylinder), rev=held.rev if held else None)
