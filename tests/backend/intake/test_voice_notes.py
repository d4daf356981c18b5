"""What a worker said about a finding, taken beside the finding itself."""

import base64

from sqlalchemy import select

from backend.photos.models import VoiceNote
from sync.documents.photos import VOICE_ATTACHMENT_NAME
from tests.factories import records


def sent(note, recording):
    data = base64.b64encode(recording).decode()
    attachment = {VOICE_ATTACHMENT_NAME: {"content_type": "audio/wav", "data": data}}
    return records.document(note, _attachments=attachment)


async def test_it_is_kept_with_its_record_and_answered(world, li):
    recording = records.wav(2)
    hazard = li.hazard()
    note = records.voice_note(recording, hazard.id, duration_s=2.0, **li.who())
    world.push(li.user, records.document(li.hazard(voice_note=note.id)))
    world.push(li.media, sent(note, recording))
    await world.feed.read(li.user)
    assert await world.feed.read(li.media) == 1
    assert (await world.answers(li))[note.id].state == "accepted"
    assert await world.photos.get(note.id) == recording
    async with world.database.sessions() as session:
        row = (await session.scalars(select(VoiceNote).where(VoiceNote.staff_id == li.staff_id))).one()
    assert (row.id, row.record_id, row.duration_s, row.organisation_id) == (note.id, hazard.id, 2.0, li.unit_id)


async def test_what_is_no_recording_is_held_with_its_bytes(world, li):
    page = b"<html><script>alert(1)</script></html>"
    note = records.voice_note(page, "hazard.reported:x", **li.who())
    world.push(li.media, sent(note, page))
    assert await world.feed.read(li.media) == 0
    (held,) = await world.quarantine(li)
    assert (held.code, held.attachment) == ("not_a_recording", page)
    assert (await world.answers(li))[note.id].code == "not_a_recording"


async def test_one_among_the_records_is_held(world, li):
    recording = records.wav()
    world.push(li.user, sent(records.voice_note(recording, "hazard.reported:x", **li.who()), recording))
    await world.feed.read(li.user)
    assert [held.code for held in await world.quarantine(li)] == ["wrong_database"]
