"""What an administrator reads and sends about lists and limits."""

from datetime import datetime
from typing import Annotated

import msgspec

from backend.reference.defaults import CERTIFICATE_REMINDER_DAYS
from sync.documents.envelope import Word
from sync.documents.reference import ListEntry


class ListOut(msgspec.Struct, frozen=True):
    name: str
    version: int
    entries: tuple[ListEntry, ...]
    changed_at: datetime | None = None


class ListIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entries: Annotated[tuple[ListEntry, ...], msgspec.Meta(min_length=1, max_length=200)]


class SettingsFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`customer_required_fields`: what a customer's record must hold before a delivery can be entered (5.8.3-07)."""

    company_name: Annotated[Word, msgspec.Meta(min_length=1)]
    emergency_phone: Word
    leak_alarm_ppm: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
    leak_emergency_ppm: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
    customer_required_fields: Annotated[tuple[Word, ...], msgspec.Meta(max_length=20)]
    gas_unit: Word = "ppm"
    # How many days ahead of a certificate's last day the office is reminded of it.
    certificate_reminder_days: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=0, le=3650)], ...], msgspec.Meta(min_length=1, max_length=5)
    ] = CERTIFICATE_REMINDER_DAYS
    voice_note_at_most_s: Annotated[float, msgspec.Meta(ge=5, le=60)] = 60.0


class SettingsOut(msgspec.Struct, frozen=True):
    version: int
    fields: SettingsFields
    changed_at: datetime | None = None
