"""Photos and voice notes travel as documents of their own, `photo:<sha256>` and `voice_note:<sha256>`, one attachment
each, after the records that name them.
"""

from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Id, Record, Word, label, tag_of

ATTACHMENT_NAME = "photo.jpg"
VOICE_ATTACHMENT_NAME = "note.wav"
MAX_PHOTO_BYTES = 1_000_000  # a photo is shrunk before it is stored, so that a bad link carries it


class Photo(Record, tag="photo", frozen=True, kw_only=True):
    """A picture: `marked` carries the watermark and names its unmarked `original`, which is kept as well.

    `check_code` is drawn on the picture too: the first 10 hex digits of SHA-256 over
    `"<original's sha256>|<recorded.at ISO>|<staff_id>|<device_id>"`, so that the office can verify the mark.
    """

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    length_bytes: Annotated[int, msgspec.Meta(ge=1, le=MAX_PHOTO_BYTES)]
    width: Annotated[int, msgspec.Meta(ge=1, le=20_000)]
    height: Annotated[int, msgspec.Meta(ge=1, le=20_000)]
    role: Annotated[Literal["marked", "original", "signature"], label("类别", "Role")]
    source: Annotated[Literal["camera", "album", "screen"], label("来源", "Source")]
    record_id: Id
    original: Word = ""
    check_code: Annotated[Word, label("校验码", "Check code")] = ""
    personal: bool = False


# A minute of G.711 at 16 kHz, with its head.
MAX_VOICE_BYTES = 1_000_000


class VoiceNote(Record, tag="voice_note", frozen=True, kw_only=True):
    """What a worker said about a finding: a WAV file, G.711 mu-law, one channel; every browser and phone plays it."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    length_bytes: Annotated[int, msgspec.Meta(ge=1, le=MAX_VOICE_BYTES)]
    duration_s: Annotated[float, label("时长", "Duration", unit="s", gt=0, le=600)]
    record_id: Id


# The documents of a `media_` database, each with its attachment's name; their ids are their contents' hashes.
ATTACHMENT_NAMES = {"photo": ATTACHMENT_NAME, "voice_note": VOICE_ATTACHMENT_NAME}


def is_file(doc_id: str) -> bool:
    return tag_of(doc_id) in ATTACHMENT_NAMES
