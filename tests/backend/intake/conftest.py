"""Two inspectors of two units, a hub in a process of its own, and intake reading it into a real PostGIS."""

import base64
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.keys import SigningKeys
from backend.accounts.models import Device, Organisation, Staff, StaffUnit
from backend.db import Database, new_key
from backend.intake import service
from backend.intake.feed import Feed
from backend.intake.hub import HubClient
from backend.intake.models import Fact, QuarantinedDocument
from backend.intake.outbox import Outbox
from backend.intake.taking import Setup
from backend.photos.intake import TAKES as PHOTO_TAKES
from backend.photos.service import PhotoStore
from backend.taken import Taken, Waiting
from sync.databases import media_database, user_database
from sync.documents import FIELD_TYPES
from sync.documents.envelope import Record
from sync.documents.receipts import Receipt, ReceiptEntry
from sync.signatures import read_signed
from tests.factories import records
from tests.sync.replication.hubs import HubProcess


@pytest.fixture(scope="session")
def shared_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """For tests that neither stop nor restore it: each has people, and so databases, of its own."""
    hub = HubProcess(tmp_path_factory.mktemp("hub"))
    hub.start()
    yield hub
    hub.kill()


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[HubProcess]:
    hub = HubProcess(tmp_path)
    hub.start()
    yield hub
    hub.kill()


class Person(msgspec.Struct):
    """A member of staff with one phone; `number` counts what it records."""

    staff_id: str
    company_id: str
    unit_id: str
    device_id: str
    number: int = 0

    @property
    def user(self) -> str:
        return user_database(self.staff_id, datetime.now(UTC))

    @property
    def media(self) -> str:
        return media_database(self.staff_id, datetime.now(UTC))

    def who(self, **fields: Any) -> dict[str, Any]:
        self.number += 1
        own = {
            "staff_id": self.staff_id,
            "unit_id": self.unit_id,
            "device_id": self.device_id,
            "record_number": self.number,
        }
        return {**own, **fields}

    def hazard(self, **fields: Any) -> Record:
        return records.hazard(**self.who(**fields))


class World:
    """What a test pushes, reads and looks at."""

    def __init__(self, hub: HubProcess, database: Database, keys: SigningKeys, folder: Path) -> None:
        self.hub = hub
        self.database = database
        self.keys = keys
        self.client = HubClient(hub.url.replace("://", "://admin:adminpw@"))
        self.photos = PhotoStore(folder / "photos")
        self.taken: list[str] = []
        self.missing: dict[str, str] = {}
        takes = dict.fromkeys(FIELD_TYPES, self._take) | PHOTO_TAKES
        self.setup = Setup(takes, keys.public_pems, self.photos)
        self.feed = Feed(database, self.client, self.setup)
        self.outbox = Outbox(database, self.client, keys)

    async def _take(self, session: AsyncSession, takens: Sequence[Taken[Any]]) -> Mapping[str, Waiting]:
        """A domain that notes what it takes, fails on 炸 and waits for what `missing` says."""
        if any(taken.record.note == "炸" for taken in takens):
            raise RuntimeError("a fault in a domain")
        self.taken += [taken.record.id for taken in takens]
        asked = {t.record.id: self.missing[t.record.id] for t in takens if t.record.id in self.missing}
        return {key: Waiting((target,)) for key, target in asked.items() if await session.get(Fact, target) is None}

    def push(self, database: str, *documents: dict[str, Any]) -> None:
        """As a phone's replicator does: revisions made elsewhere."""
        self.hub.ask("POST", f"{database}/_bulk_docs", json={"new_edits": False, "docs": list(documents)})

    def push_photo(self, person: Person, photo: Record, picture: bytes | None, **fields: Any) -> None:
        document = records.document(photo, **fields)
        if picture is not None:
            data = base64.b64encode(picture).decode()
            document["_attachments"] = {"photo.jpg": {"content_type": "image/jpeg", "data": data}}
        self.push(person.media, document)

    async def facts(self, person: Person) -> dict[str, Fact]:
        async with self.database.sessions() as session:
            rows = await session.scalars(select(Fact).where(Fact.staff_id == person.staff_id))
            return {row.id: row for row in rows}

    async def quarantine(self, person: Person) -> list[QuarantinedDocument]:
        async with self.database.sessions() as session:
            rows = await session.scalars(
                select(QuarantinedDocument).where(QuarantinedDocument.staff_id == person.staff_id)
            )
            return list(rows)

    async def carry(self) -> None:
        """The outbox's work, to its end."""
        for _ in range(20):
            if not await self.outbox.carry():
                return
        raise AssertionError("the outbox never comes to rest")

    async def receipts(self, person: Person) -> list[Receipt]:
        """What the phone finds in the hub and believes."""
        await self.carry()
        rows = self.hub.ask("GET", f"{person.user}/_all_docs", params={"include_docs": "true"})["rows"]
        found = []
        for row in rows:
            body = {k: v for k, v in row["doc"].items() if not k.startswith("_")}
            document = read_signed(row["id"], msgspec.json.encode(body), self.keys.public_pems())
            if isinstance(document, Receipt):
                found.append(document)
        return found

    async def answers(self, person: Person) -> dict[str, ReceiptEntry]:
        """The last word on each record."""
        receipts = sorted(await self.receipts(person), key=lambda r: r.issued_at)
        return {entry.record_id: entry for receipt in receipts for entry in receipt.entries}


async def build(hub: HubProcess, database: Database, folder: Path) -> World:
    return World(hub, database, SigningKeys(folder / "keys"), folder)


async def hire(world: World, name: str = "演示-李巡检") -> Person:
    """Somebody with a phone, in a unit of a company of his own; his databases are there."""
    company, unit, person, phone = new_key(), new_key(), new_key(), new_key()
    async with world.database.sessions() as session, session.begin():
        session.add_all(
            [
                Organisation(id=company, kind="company", name=f"公司{company}", path=f"/{company}/"),
                Organisation(id=unit, parent_id=company, kind="unit", name="东门站", path=f"/{company}/{unit}/"),
            ]
        )
        await session.flush()
        staff = Staff(
            id=person, staff_number=person, name=name, organisation_id=unit, company_id=company, password_hash="-"
        )
        session.add(staff)
        await session.flush()
        session.add_all(
            [
                StaffUnit(staff_id=person, unit_id=unit),
                Device(
                    id=phone, staff_id=person, organisation_id=unit, name="phone", platform="android", app_version="1"
                ),
            ]
        )
        await session.flush()
        await service.provision(session, person)
    await world.carry()
    return Person(person, company, unit, phone)


@pytest.fixture
async def world(shared_hub: HubProcess, own_database: Database, tmp_path: Path) -> AsyncIterator[World]:
    world = await build(shared_hub, own_database, tmp_path)
    yield world
    await world.client.close()


@pytest.fixture
async def li(world: World) -> Person:
    return await hire(world)
