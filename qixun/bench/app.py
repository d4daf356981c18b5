"""The phone app as a whole, against the whole product: how it starts, and how it gets a shift over a bad link."""

import asyncio
import hashlib
import random
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from backend.cluster import Cluster
from mobile_app.phone import Phone
from mobile_app.preferences import Preferences, keep_preferences
from mobile_app.syncing import Syncing
from qixun.bench.app_start import Started
from qixun.bench.client import keep
from qixun.bench.documents import Person, field_records, read_documents
from qixun.bench.link import SlowLink, slow_link
from qixun.bench.office import PASSWORD, found_office
from qixun.bench.servers import BenchError, HubAdmin, Product, run_client, running_product
from sync.documents.photos import ATTACHMENT_NAME, Photo

NUMBER = "B1"
PHOTO_BYTES = 300_000
RECORDS = 200
LINK_BITS_PER_S = 1_000_000
RESET_EVERY_S = 20.0
_LONGEST_S = 600.0
_LOOK_EVERY_S = 0.1
_STARTS = 3


class AppStart(msgspec.Struct, frozen=True):
    """`seconds` from the start of the process to the first list, without network; the best of its `rounds_s`."""

    documents: int
    seconds: float
    loading_s: float
    peak_mib: float
    rounds_s: list[float]


class SlowLinkFigures(msgspec.Struct, frozen=True):
    """`sent_ratio`: bytes sent by the phone, of everything, to the bytes of the photos."""

    photos: int
    records: int
    bits_per_s: int
    reset_every_s: float
    resets: int
    records_s: float
    first_photo_s: float
    seconds: float
    photo_bytes: int
    sent_bytes: int
    sent_ratio: float


async def measure_app_start(cluster: Cluster, folder: Path, documents: Path, count: int) -> AppStart:
    phone_dir = folder / "phone"
    office = await found_office(cluster, "bench_app_start", folder, people=1)
    async with running_product(folder, office.settings.database_url, "") as product:
        phone = await _signed_in(phone_dir, product.url)
        try:
            await asyncio.to_thread(_fill, phone, documents)
        finally:
            await phone.close()
    # The server has gone: what the app shows now is the phone's own.
    # An installed app is compiled, whatever this shell does about compiled files: the first round leaves them here.
    environ = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    rounds = []
    for _ in range(_STARTS):
        command = [sys.executable, "-m", "qixun.bench.app_start", str(phone_dir), NUMBER, PASSWORD]
        rounds.append(msgspec.json.decode(await run_client([*command, str(time.monotonic())], environ), type=Started))
    best = min(rounds, key=lambda one: one.listed_s)
    if not best.listed:
        raise BenchError("the app listed no record")
    return AppStart(
        documents=count,
        seconds=best.listed_s,
        loading_s=best.loaded_s,
        peak_mib=max(one.peak_mib for one in rounds),
        rounds_s=[one.listed_s for one in rounds],
    )


def _make(folder: Path, server_url: str) -> None:
    folder.mkdir(parents=True)
    keep_preferences(folder, Preferences(server_url=server_url))


async def _signed_in(folder: Path, server_url: str) -> Phone:
    await asyncio.to_thread(_make, folder, server_url)
    phone = await Phone.open(folder, server_url)
    await phone.sign_in(NUMBER, PASSWORD)
    return phone


def _fill(phone: Phone, documents: Path) -> None:
    store = phone.record_store()
    keep(store, read_documents(documents))
    store.mark_sent(line.id for line in store.records(limit=sys.maxsize))


async def measure_slow_link(hub: str, cluster: Cluster, folder: Path, *, photos: int) -> SlowLinkFigures:
    """`hub` is an Apache CouchDB's address with its administrator in it, or empty for the embedded hub."""
    office = await found_office(cluster, "bench_slow_link", folder, people=1)
    async with AsyncExitStack() as stack:
        public = ""
        if hub:
            link = await stack.enter_async_context(_link(urlsplit(hub).port or 5984, urlsplit(hub).hostname or ""))
            public = f"http://127.0.0.1:{link.port}{urlsplit(hub).path}"
        url, data = office.settings.database_url, folder
        product = await stack.enter_async_context(running_product(data, url, hub, public_hub_url=public))
        if not hub:
            link = await stack.enter_async_context(_link(urlsplit(product.url).port or 0))
        phone = await _signed_in(folder / "phone", product.url if hub else f"http://127.0.0.1:{link.port}")
        stack.push_async_callback(phone.close)
        await asyncio.to_thread(_record_shift, phone, office.people[0], photos)
        records_s, first_photo_s, seconds = await _sync(phone)
        carried = await link.close()
        await _require_all(product, phone, photos)
    total = photos * PHOTO_BYTES
    return SlowLinkFigures(
        photos=photos,
        records=RECORDS,
        bits_per_s=LINK_BITS_PER_S,
        reset_every_s=RESET_EVERY_S,
        resets=carried.resets,
        records_s=records_s,
        first_photo_s=first_photo_s,
        seconds=seconds,
        photo_bytes=total,
        sent_bytes=carried.up_bytes,
        sent_ratio=carried.up_bytes / total,
    )


def _link(port: int, host: str = "127.0.0.1") -> AbstractAsyncContextManager[SlowLink]:
    return slow_link(port, host=host, bits_per_s=LINK_BITS_PER_S, reset_every_s=RESET_EVERY_S)


def _record_shift(phone: Phone, person: Person, photos: int) -> None:
    """Photos are bytes of chance: as hard to pack as a picture."""
    device = msgspec.structs.replace(person, device_id=phone.device_id)
    keep(phone.record_store(), field_records(RECORDS, device))
    chance = random.Random(1)  # noqa: S311 - the same in every run
    for _ in range(photos):
        data = chance.randbytes(PHOTO_BYTES)
        make = _photo(phone, device, data)
        phone.photo_store().append(make, attachments={ATTACHMENT_NAME: ("image/jpeg", data)})


def _photo(phone: Phone, person: Person, data: bytes) -> Callable[[int], Photo]:
    sha256 = hashlib.sha256(data).hexdigest()
    return lambda number: Photo(
        id=f"photo:{sha256}",
        schema_version=1,
        record_number=number,
        recorded=phone.clock.now(),
        staff_id=person.staff_id,
        unit_id=person.unit_id,
        device_id=person.device_id,
        sha256=sha256,
        length_bytes=len(data),
        width=1,
        height=1,
        role="original",
        source="camera",
        record_id="hazard.reported:bench",
    )


async def _sync(phone: Phone) -> tuple[float, float, float]:
    """Seconds until no record waits to be sent, until the first photo is, and until all are."""
    syncing = Syncing(phone)
    begun = time.perf_counter()
    records_s = first_photo_s = 0.0
    syncing.start()
    try:
        async with asyncio.timeout(_LONGEST_S):
            while True:
                photos, records = await phone.photo_counts(), await phone.counts()
                now = time.perf_counter() - begun
                first_photo_s = first_photo_s or (now if photos["sent"] + photos["accepted"] else 0.0)
                records_s = records_s or (0.0 if records["saved"] else now)
                if not records["saved"] + photos["saved"]:
                    return records_s, first_photo_s, now
                await asyncio.sleep(_LOOK_EVERY_S)
    except TimeoutError as error:
        raise BenchError(f"records {records}, photos {photos} after {_LONGEST_S:.0f} s on the slow link") from error
    finally:
        await syncing.stop()


async def _require_all(product: Product, phone: Phone, photos: int) -> None:
    """Each photo once."""
    async with HubAdmin(product.hub_url) as admin:
        await admin.require_count(phone.photo_store().path.stem, photos)
