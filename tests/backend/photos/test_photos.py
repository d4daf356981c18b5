"""The photo archive: who may look at which picture, and what counts as one."""

from io import BytesIO

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from PIL import Image
from sqlalchemy.ext.asyncio import AsyncSession

from backend.errors import MissingError
from backend.photos.models import Photo, VoiceNote
from backend.photos.rules import check_file
from backend.photos.service import PhotoStore, open_photo
from backend.scope import Caller, Grant
from backend.settings import Settings
from tests.factories import records
from tests.factories.accounts import Company, bearer, make_company, make_staff


async def make_photo(
    session: AsyncSession, settings: Settings, company: Company, *, seed: int = 1, personal: bool = False
) -> tuple[str, bytes]:
    picture = records.jpeg(seed)
    photo = records.photo(picture, "hazard.reported:1")
    session.add(
        Photo(
            id=photo.id,
            organisation_id=company.unit.id,
            company_id=company.company.id,
            staff_id="li",
            device_id="phone",
            record_id=photo.record_id,
            role="marked",
            source="camera",
            personal=personal,
            length_bytes=len(picture),
            width=64,
            height=48,
            recorded_at=photo.recorded.at,
        )
    )
    await session.flush()
    await PhotoStore.of(settings).put(photo.id, picture)
    return photo.id, picture


class TestOpenPhoto:
    async def test_nobody_unknown_may(
        self, client: AsyncTestClient[Litestar], session: AsyncSession, settings: Settings
    ) -> None:
        photo_id, _ = await make_photo(session, settings, await make_company(session))
        assert (await client.get(f"/api/photos/{photo_id}")).status_code == 401

    async def test_another_company_and_an_inspector_may_not(
        self, client: AsyncTestClient[Litestar], session: AsyncSession, settings: Settings
    ) -> None:
        company, other = await make_company(session), await make_company(session)
        photo_id, _ = await make_photo(session, settings, company)
        stranger = await make_staff(session, other, roles=["dispatcher"])
        inspector = await make_staff(session, company, roles=["inspector"])
        for person in (stranger, inspector):
            answer = await client.get(f"/api/photos/{photo_id}", headers=bearer(client, person))
            assert (answer.status_code, answer.json()["code"]) == (404, "photo.missing")

    async def test_the_office_gets_the_very_bytes(
        self, client: AsyncTestClient[Litestar], session: AsyncSession, settings: Settings
    ) -> None:
        company = await make_company(session)
        photo_id, picture = await make_photo(session, settings, company)
        dispatcher = bearer(client, await make_staff(session, company, roles=["dispatcher"]))
        answer = await client.get(f"/api/photos/{photo_id}", headers=dispatcher)
        assert (answer.content, answer.headers["content-type"]) == (picture, "image/jpeg")
        listed = await client.get("/api/photos", params={"record_id": "hazard.reported:1"}, headers=dispatcher)
        assert [p["id"] for p in listed.json()] == [photo_id]

    async def test_a_picture_of_a_person_needs_a_right_to_see_persons(
        self, session: AsyncSession, settings: Settings
    ) -> None:
        company = await make_company(session)
        photo_id, picture = await make_photo(session, settings, company, seed=2, personal=True)
        store = PhotoStore.of(settings)

        def caller(right: str) -> Caller:
            grant = Grant(company.unit.id, company.unit.path, frozenset({right}))
            return Caller(staff_id="x", company_id=company.company.id, grants=(grant,))

        with pytest.raises(MissingError):
            await open_photo(session, caller("patrol.view"), store, photo_id)
        assert await open_photo(session, caller("customer.view"), store, photo_id) == picture

    async def test_a_lost_file_is_a_clear_answer(
        self, client: AsyncTestClient[Litestar], session: AsyncSession, settings: Settings
    ) -> None:
        company = await make_company(session)
        photo_id, _ = await make_photo(session, settings, company, seed=3)
        digest = photo_id.removeprefix("photo:")
        (settings.data_dir / "photos" / digest[:2] / digest).unlink()
        dispatcher = bearer(client, await make_staff(session, company, roles=["dispatcher"]))
        assert (await client.get(f"/api/photos/{photo_id}", headers=dispatcher)).status_code == 404


class TestStore:
    async def test_the_same_picture_twice_is_one(self, tmp_path):
        store, picture = PhotoStore(tmp_path), records.jpeg()
        photo_id = records.photo(picture, "x:1").id
        await store.put(photo_id, picture)
        await store.put(photo_id, picture)
        assert await store.get(photo_id) == picture

    async def test_a_disk_that_fails_is_no_fault_of_the_photo(self, tmp_path):
        store, picture = PhotoStore(tmp_path), records.jpeg()
        photo = records.photo(picture, "x:1")
        (tmp_path / photo.sha256[:2]).write_text("a file where the folder should be")
        with pytest.raises(OSError, match="cannot keep"):
            await store.put(photo.id, picture)


class TestCheckPicture:
    def test_a_real_one_is_good(self):
        picture = records.jpeg()
        assert check_file(records.photo(picture, "x:1").id, picture) == ""

    def test_a_small_file_that_unpacks_to_a_giant_is_refused(self):
        out = BytesIO()
        Image.new("1", (20_000, 20_000)).save(out, "PNG")
        bomb = out.getvalue()
        assert len(bomb) < 1_000_000
        assert check_file(records.photo(bomb, "x:1").id, bomb) == "not_an_image"

    def test_a_picture_of_a_kind_no_phone_makes_is_refused(self):
        out = BytesIO()
        Image.new("RGB", (8, 8)).save(out, "TIFF")
        assert check_file(records.photo(out.getvalue(), "x:1").id, out.getvalue()) == "not_an_image"


class TestCheckRecording:
    def test_one_as_phones_write_it_is_good(self):
        recording = records.wav()
        assert check_file(records.voice_note(recording, "x:1").id, recording) == ""

    @pytest.mark.parametrize(
        "recording",
        [
            b"<html><script>alert(1)</script>",
            b"RIFF",
            records.jpeg(),
            records.wav()[:-1],
            records.wav() + b"more",
            records.wav(kind=85),
            records.wav(channels=2),
            records.wav(0.01, rate=400),
        ],
        ids=["a page", "cut short", "a picture", "one byte less", "one byte more", "MP3", "two channels", "too slow"],
    )
    def test_anything_else_is_refused(self, recording):
        assert check_file(records.voice_note(recording, "x:1").id, recording) == "not_a_recording"

    def test_another_file_than_its_id_names_is_refused(self):
        assert check_file(records.voice_note(records.wav(), "x:1").id, records.wav(2)) == "photo_differs"


class TestVoiceNote:
    async def test_the_office_hears_it_and_another_company_does_not(
        self, client: AsyncTestClient[Litestar], session: AsyncSession, settings: Settings
    ) -> None:
        company, other = await make_company(session), await make_company(session)
        recording = records.wav()
        note = records.voice_note(recording, "hazard.reported:1")
        session.add(
            VoiceNote(
                id=note.id,
                organisation_id=company.unit.id,
                company_id=company.company.id,
                staff_id="li",
                device_id="phone",
                record_id=note.record_id,
                length_bytes=note.length_bytes,
                duration_s=note.duration_s,
                recorded_at=note.recorded.at,
            )
        )
        await session.flush()
        await PhotoStore.of(settings).put(note.id, recording)
        assert (await client.get(f"/api/voice-notes/{note.id}")).status_code == 401
        dispatcher, stranger = [
            bearer(client, await make_staff(session, each, roles=["dispatcher"])) for each in (company, other)
        ]
        assert (await client.get(f"/api/voice-notes/{note.id}", headers=stranger)).status_code == 404
        heard = await client.get(f"/api/voice-notes/{note.id}", headers=dispatcher)
        assert (heard.content, heard.headers["content-type"]) == (recording, "audio/wav")
        listed = await client.get("/api/voice-notes", params={"record_id": "hazard.reported:1"}, headers=dispatcher)
        assert [(n["id"], n["duration_s"]) for n in listed.json()] == [(note.id, 1.0)]
