"""What an administrator reads and sends about lists and limits."""

from datetime import date, datetime
from typing import Annotated

import msgspec

from backend.reference.defaults import (
    CERTIFICATE_REMINDER_DAYS,
    DELIVERY_PROMISE_MIN,
    LICENCE_ACCEPT_DAYS,
    LICENCE_DECIDE_DAYS,
)
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
    company_required_fields: Annotated[tuple[Word, ...], msgspec.Meta(max_length=20)] = ("safety_officer",)
    person_categories: Annotated[tuple[Word, ...], msgspec.Meta(max_length=20)] = ("residential",)
    # Classes of customers who shall have a gas alarm: 餐饮、工矿业 (E5.8.3-7).
    gas_alarm_categories: Annotated[tuple[Word, ...], msgspec.Meta(max_length=20)] = ("catering", "commercial")
    gas_unit: Word = "ppm"
    # Within how many minutes an order is to be handed over, as the company promises its customers.
    delivery_promise_min: Annotated[float, msgspec.Meta(gt=0, le=10_080)] = DELIVERY_PROMISE_MIN
    # Working days in which the authority takes an application up, and then decides it.
    licence_accept_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = LICENCE_ACCEPT_DAYS
    licence_decide_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = LICENCE_DECIDE_DAYS
    # How many days ahead of a certificate's last day the office is reminded of it.
    certificate_reminder_days: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=0, le=3650)], ...], msgspec.Meta(min_length=1, max_length=5)
    ] = CERTIFICATE_REMINDER_DAYS
    # The same of a cylinder's inspection.
    inspection_reminder_days: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=1, le=365)], ...], msgspec.Meta(min_length=1, max_length=5)
    ] = (60, 30, 7)
    voice_note_at_most_s: Annotated[float, msgspec.Meta(ge=5, le=60)] = 60.0
    # From which day a cylinder needs a tag to be filled or loaded, a handheld a certificate to fill; None: not yet.
    tag_required_from: date | None = None
    explosion_proof_from: date | None = None
    # Cylinders of which nothing was heard for so long, or that stay at a customer's so long, are looked for.
    cylinder_silent_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90
    cylinder_outstanding_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 60


class SettingsOut(msgspec.Struct, frozen=True):
    version: int
    fields: SettingsFields
    changed_at: datetime | None = None


class InspectionPeriod(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the table of inspection periods and service lives; what is empty fits every cylinder.

    `inspection_years` run from manufacture or the last inspection. An inspection passed in the last
    `extends_within_years` of the service life lengthens it by `extension_years`.
    """

    standard: Word = ""
    specifications: Annotated[tuple[Word, ...], msgspec.Meta(max_length=50)] = ()
    made_from: date | None = None
    made_until: date | None = None
    inspection_years: Annotated[int, msgspec.Meta(ge=1, le=30)]
    service_years: Annotated[int, msgspec.Meta(ge=1, le=60)]
    extension_years: Annotated[int, msgspec.Meta(ge=0, le=30)] = 0
    extends_within_years: Annotated[int, msgspec.Meta(ge=0, le=10)] = 1
    note: Word = ""


class InspectionPeriodsIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entries: Annotated[tuple[InspectionPeriod, ...], msgspec.Meta(min_length=1, max_length=100)]


class InspectionPeriodsOut(msgspec.Struct, frozen=True):
    version: int
    entries: tuple[InspectionPeriod, ...]
    changed_at: datetime | None = None
