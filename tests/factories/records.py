"""Field records as a phone makes them, the documents that carry them, and pictures."""

import hashlib
import random
import struct
import uuid
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import msgspec
from PIL import Image

from sync.documents.envelope import Moment, Record, encode_body, new_id
from sync.documents.hazards import HazardReported
from sync.documents.patrol import PatrolStarted
from sync.documents.photos import Photo, VoiceNote

BOOT = "boot-1"


def moment(at: datetime | None = None, **fields: Any) -> Moment:
    return Moment(**{"at": at or datetime.now(UTC), "boot_id": BOOT, "monotonic_s": 100.0, "clock": "server", **fields})


def envelope(tag: str, **fields: Any) -> dict[str, Any]:
    """What every record carries, with a new id."""
    return {
        "id": new_id(tag),
        "schema_version": 1,
        "record_number": 1,
        "recorded": moment(),
        "staff_id": "li",
        "unit_id": "east",
        "device_id": "li-phone",
        **fields,
    }


def hazard(**fields: Any) -> HazardReported:
    return HazardReported(**envelope("hazard.reported", **{"hazard_type": "occupation", **fields}))


def patrol_started(**fields: Any) -> PatrolStarted:
    return PatrolStarted(**envelope("patrol.started", **fields))


def photo(picture: bytes, record_id: str, **fields: Any) -> Photo:
    digest = hashlib.sha256(picture).hexdigest()
    own = {
        "id": f"photo:{digest}",
        "sha256": digest,
        "length_bytes": len(picture),
        "width": 64,
        "height": 48,
        "role": "marked",
        "source": "camera",
        "record_id": record_id,
    }
    return Photo(**envelope("photo", **{**own, **fields}))


def jpeg(seed: int = 1) -> bytes:
    """A small real picture, another for each seed."""
    noise = random.Random(seed).randbytes(64 * 48 * 3)
    out = BytesIO()
    Image.frombytes("RGB", (64, 48), noise).save(out, "JPEG", quality=80)
    return out.getvalue()


def voice_note(recording: bytes, record_id: str, **fields: Any) -> VoiceNote:
    digest = hashlib.sha256(recording).hexdigest()
    own = {"id": f"voice_note:{digest}", "sha256": digest, "length_bytes": len(recording), "duration_s": 1.0}
    return VoiceNote(**envelope("voice_note", **{**own, "record_id": record_id, **fields}))


def wav(seconds: float = 1.0, *, rate: int = 8000, kind: int = 7, channels: int = 1) -> bytes:
    """A second of silence as a phone writes it."""
    sound = b"\xff" * int(rate * seconds)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, channels, rate, rate * channels, channels, 8)
    inside = b"WAVE" + form + struct.pack("<4sI", b"data", len(sound)) + sound
    return struct.pack("<4sI", b"RIFF", len(inside)) + inside


def document(record: Record, **fields: Any) -> dict[str, Any]:
    """The first revision as it lies in the hub, with `fields` put over it."""
    body = msgspec.json.decode(encode_body(record))
    return {"_id": record.id, "_rev": f"1-{uuid.uuid4().hex}", **body, **fields}


def a_day() -> timedelta:
    return timedelta(days=1)
