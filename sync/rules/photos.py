"""The check code that ties a photo's watermark to its unmarked original, its time, its maker and its device."""

import hashlib
from datetime import UTC, datetime

_DIGITS = 10


def check_code(original_sha256: str, recorded_at: datetime, staff_id: str, device_id: str) -> str:
    """What the watermark carries; the office computes it again from the original and compares."""
    moment = recorded_at.astimezone(UTC).isoformat(timespec="milliseconds")
    text = f"{original_sha256}|{moment}|{staff_id}|{device_id}"
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
