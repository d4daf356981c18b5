"""What the office sends and reads about orders and deliveries."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

from backend.customers.schemas import PaperRecordOut
from sync.documents.envelope import Utc, Word

Name = Annotated[Word, msgspec.Meta(min_length=1)]
# `overdue`: not done and its time is over; `failed`: the last visit was in vain, a further attempt is to be planned.
OrderState = Literal["open", "in_progress", "overdue", "failed", "done", "withdrawn", "reassigned"]


class LineIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    specification: Name
    quantity: Annotated[int, msgspec.Meta(ge=1, le=200)]


class OrderIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    customer_id: Name
    station_id: Name
    staff_id: Name
    lines: Annotated[tuple[LineIn, ...], msgspec.Meta(min_length=1, max_length=20)]
    start_at: Utc
    due_at: Utc
    vehicle: Word = ""


class Reassign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    staff_id: Name
    vehicle: Word = ""
    reason: Word = ""


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further attempt after a visit in vain."""

    start_at: Utc
    due_at: Utc


class Voiding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """作废: why a delivery counts no more."""

    reason: Name


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Name


class OrderLineOut(msgspec.Struct, frozen=True, kw_only=True):
    specification: str
    quantity: int


class OrderFilters(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime | None = None
    until: datetime | None = None
    staff_id: str = ""
    customer_id: str = ""
    station_id: str = ""
    state: OrderState | None = None
    search: str = ""


class DeliveryFilters(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime | None = None
    until: datetime | None = None
    staff_id: str = ""
    customer_id: str = ""


class VisitFilters(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime | None = None
    outcome: str = ""


class SlipFilters(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime | None = None
    until: datetime | None = None
    customer_id: str = ""
    kind: str = ""
    search: str = ""


class BalanceFilters(msgspec.Struct, frozen=True, kw_only=True):
    customer_id: str = ""
    search: str = ""


class ReturnFilters(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime | None = None
    until: datetime | None = None
    staff_id: str = ""
    vehicle: str = ""


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """`customer_missing`: what keeps the driver from entering the delivery (5.8.3-07)."""

    id: str
    organisation_id: str
    order_number: str
    station_id: str
    customer_id: str
    customer_name: str
    customer_address: str
    customer_missing: tuple[str, ...]
    staff_id: str
    staff_name: str
    vehicle: str
    lines: tuple[OrderLineOut, ...]
    start_at: datetime
    due_at: datetime
    attempt: int
    state: OrderState
    status_reason: str
    done_at: datetime | None
    replaces: str | None
    next_appointment: date | None


class CheckOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    at: datetime
    staff_id: str
    items: list[Any]
    passed: bool
    list_version: int
    hazard_id: str | None
    photos: list[str]
    note: str
    corrects: str
    voided_at: datetime | None
    void_reason: str


class DeliveryOut(msgspec.Struct, frozen=True, kw_only=True):
    """`receiver` is empty once the customer is erased; `papers` were made at this delivery, `agreement_on` is when the
    customer signed his contract (5.8.3-05).
    """

    id: str
    organisation_id: str
    task_id: str
    customer_id: str
    customer_name: str
    check_id: str
    staff_id: str
    staff_name: str
    at: datetime
    delivered: list[Any]
    returned: list[Any]
    leak_test: dict[str, Any]
    signature_kind: str
    receiver: str
    receiver_relation: str
    signature_photo: str
    payment: dict[str, Any] | None
    deposits: list["SlipOut"]
    papers: list[PaperRecordOut]
    agreement_on: str
    photos: list[str]
    note: str
    lon: float | None
    lat: float | None
    corrects: str
    voided_at: datetime | None
    void_reason: str


class SlipOut(msgspec.Struct, frozen=True, kw_only=True):
    """押金单."""

    id: str
    delivery_id: str
    organisation_id: str
    customer_id: str
    customer_code: str
    customer_name: str
    staff_id: str
    staff_name: str
    at: datetime
    kind: str
    number: str
    specification: str
    quantity: int
    amount_fen: int
    moved_to: str


class DepositBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What the company still holds of a customer's deposits: by size and in all."""

    customer_id: str
    customer_code: str
    customer_name: str
    cylinders: dict[str, int]
    amount_fen: int
    last_at: datetime


class ReturnOut(msgspec.Struct, frozen=True, kw_only=True):
    """回站入库."""

    id: str
    organisation_id: str
    station_id: str
    vehicle: str
    staff_id: str
    staff_name: str
    at: datetime
    full: list[str]
    empty: list[str]
    missing: list[str]
    missing_reason: str


class VisitOut(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    task_id: str
    customer_id: str
    customer_name: str
    staff_id: str
    staff_name: str
    at: datetime
    outcome: str
    attempt: int
    notice_posted: bool
    door_gap_ppm: float | None
    next_appointment: date | None
    reason: str
    witness: str
    door_photo: str
    notice_photo: str
    notice_handed_over: bool
    photos: list[str]
    note: str
    corrects: str
    voided_at: datetime | None
    void_reason: str


class OrderOut(msgspec.Struct, frozen=True, kw_only=True):
    order: OrderRow
    checks: list[CheckOut]
    deliveries: list[DeliveryOut]
    visits: list[VisitOut]
    papers: list[PaperRecordOut]


class OftenMissed(msgspec.Struct, frozen=True, kw_only=True):
    """A customer met in vain again and again, for the community's list."""

    customer_id: str
    customer_code: str
    customer_name: str
    community: str
    address: str
    visits: int
    last_at: datetime
    last_outcome: str
