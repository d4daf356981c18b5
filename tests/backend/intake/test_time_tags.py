"""Nothing that was collected is without its time: clauses 4.2.2 and 4.2.6."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.documents import FIELD_TYPES
from sync.documents.envelope import new_id
from sync.documents.photos import ATTACHMENT_NAMES
from tests.factories import records

GOLDEN = Path(__file__).parents[2] / "sync" / "documents" / "golden" / "1"
# Photos travel by another database; their id is their content.
TAGS = sorted(set(FIELD_TYPES) - set(ATTACHMENT_NAMES))
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)


def document(tag: str, who: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A record of this kind as `who`'s phone would send it."""
    body = json.loads((GOLDEN / f"{tag}.json").read_text(encoding="utf-8"))
    moment = {"at": AT.isoformat(), "boot_id": "b", "monotonic_s": 100.0, "clock": "gnss"}
    return body | who | {"_id": new_id(tag), "_rev": f"1-{'a' * 32}", "type": tag, "recorded": moment} | fields


@pytest.mark.requirement("4.2.2-2", "4.2.6-2")
async def test_a_record_of_any_kind_keeps_its_time_and_without_one_is_refused(world, li):
    good = [document(tag, li.who()) for tag in TAGS]
    bad = [document(tag, li.who()) for tag in TAGS]
    for each in bad:
        del each["recorded"]
    world.push(li.user, *good, *bad)
    await world.feed.read(li.user)
    facts = await world.facts(li)
    assert {each["_id"] for each in good} == set(facts)
    assert {fact.recorded_at for fact in facts.values()} == {AT}
    held = await world.quarantine(li)
    assert {each.doc_id for each in held} == {each["_id"] for each in bad}
    assert {each.code for each in held} == {"unreadable"}
    assert all("recorded" in each.detail for each in held)


@pytest.mark.requirement("4.2.2-2", "4.2.6-2")
async def test_a_photo_without_its_time_is_refused(world, li):
    picture = records.jpeg(11)
    photo = records.photo(picture, "hazard.reported:x", **li.who())
    world.push_photo(li, photo, picture, recorded=None)
    await world.feed.read(li.media)
    (held,) = await world.quarantine(li)
    assert (held.code, "recorded" in held.detail) == ("unreadable", True)
