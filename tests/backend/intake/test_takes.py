"""Nothing that a phone may record is without a domain that takes it, in any order, for whatever is still to come."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backend.db import Database
from backend.intake.feed import Feed
from backend.intake.takes import TAKES
from backend.intake.taking import Setup
from sync.documents import FIELD_TYPES
from sync.documents.photos import ATTACHMENT_NAMES
from tests.backend.intake.conftest import Person, World, build
from tests.sync.replication.hubs import HubProcess

GOLDEN = Path(__file__).parents[2] / "sync" / "documents" / "golden" / "1"


@pytest.fixture
async def world(shared_hub: HubProcess, own_database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """With the real domains."""
    world = await build(shared_hub, own_database, tmp_path)
    world.setup = Setup(TAKES, world.keys.public_pems, world.photos)
    world.feed = Feed(own_database, world.client, world.setup)
    yield world
    await world.client.close()


def of(person: Person, tag: str) -> dict[str, Any]:
    """What a phone has once written of this type, as if this person had."""
    found: dict[str, Any] = msgspec.json.decode((GOLDEN / f"{tag}.json").read_bytes())
    return {**found, "_rev": f"1-{'a' * 32}", **person.who()}


def test_every_type_of_record_is_taken_by_a_domain():
    assert set(TAKES) == set(FIELD_TYPES)


@pytest.mark.parametrize("backwards", [False, True])
async def test_one_of_each_type_is_accepted_in_any_order(world, li, backwards):
    tags = sorted(set(FIELD_TYPES) - set(ATTACHMENT_NAMES), reverse=backwards)
    for tag in tags:
        world.push(li.user, of(li, tag))
        await world.feed.read(li.user)
    assert [(held.doc_id, held.code, held.detail) for held in await world.quarantine(li)] == []
    assert len(await world.facts(li)) == len(tags)
    answers = await world.answers(li)
    assert {entry.state for entry in answers.values()} <= {"accepted", "waiting"}
