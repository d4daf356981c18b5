"""The backend's answers to a phone: what became of each record, where the worker belongs, what is archived."""

from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import BackendDocument, Id, Utc, Word


class ReceiptEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`accepted`: in PostGIS. `waiting`: there too, what it refers to is still to come. `refused`: see reason."""

    record_id: Id
    rev: Word
    state: Literal["accepted", "waiting", "refused"]
    code: Word = ""
    reason_zh: str = ""
    reason_en: str = ""
    action_zh: str = ""
    action_en: str = ""
    photos_arrived: int = 0


class Receipt(BackendDocument, tag="receipt", frozen=True, kw_only=True):
    """One for each intake batch and device."""

    device_id: Id
    issued_at: Utc
    entries: tuple[ReceiptEntry, ...]


class MembershipUnit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    unit_id: Id
    name: Word
    kind: Word = ""


class Membership(BackendDocument, tag="membership", frozen=True, kw_only=True):
    """The units whose data this member of staff may hold; a phone drops a unit's data only on a newer `version` of it.

    `_id` is `membership:<staff id>`, in each of his `user_` databases.
    """

    staff_id: Id
    version: int
    issued_at: Utc
    units: tuple[MembershipUnit, ...]


class QuarterClosed(BackendDocument, tag="quarter.closed", frozen=True, kw_only=True):
    """The quarter is verified and archived, and its databases are gone from the hub: a phone may drop its own files of
    it, if every record in them was accepted.

    `_id` is `quarter.closed:<staff id>_<quarter>`, in a later quarter's `user_` database.
    """

    staff_id: Id
    quarter: Annotated[str, msgspec.Meta(pattern=r"^\d{4}[1-4]$")]
    closed_at: Utc
