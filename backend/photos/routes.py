"""HTTP of the photo archive."""

from litestar import Response, Router, get
from sqlalchemy.ext.asyncio import AsyncSession

from backend.photos import service as photos
from backend.photos.service import PhotoOut, PhotoStore, VoiceNoteOut
from backend.scope import Caller, signed_in
from backend.settings import Settings

# The id is the content's hash: what was fetched once never changes.
_CACHE = "private, max-age=31536000, immutable"
_TYPES = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp"}


@get("/{photo_id:str}")
async def open_photo(session: AsyncSession, caller: Caller, settings: Settings, photo_id: str) -> Response[bytes]:
    picture = await photos.open_photo(session, caller, PhotoStore.of(settings), photo_id)
    headers = {"Cache-Control": _CACHE, "X-Content-Type-Options": "nosniff"}
    return Response(picture, media_type=_TYPES.get(picture[:2], "application/octet-stream"), headers=headers)


@get("/")
async def list_photos(session: AsyncSession, caller: Caller, record_id: str) -> list[PhotoOut]:
    return await photos.list_photos(session, caller, record_id)


@get("/{note_id:str}")
async def open_voice_note(session: AsyncSession, caller: Caller, settings: Settings, note_id: str) -> Response[bytes]:
    recording = await photos.open_voice_note(session, caller, PhotoStore.of(settings), note_id)
    headers = {"Cache-Control": _CACHE, "X-Content-Type-Options": "nosniff"}
    return Response(recording, media_type="audio/wav", headers=headers)


@get("/")
async def list_voice_notes(session: AsyncSession, caller: Caller, record_id: str) -> list[VoiceNoteOut]:
    return await photos.list_voice_notes(session, caller, record_id)


router = Router(path="/api/photos", route_handlers=[open_photo, list_photos], guards=[signed_in], tags=["photos"])
voice_router = Router(
    path="/api/voice-notes", route_handlers=[open_voice_note, list_voice_notes], guards=[signed_in], tags=["photos"]
)
