"""What has come from the hub for this worker: receipts and memberships of the office, believed by their signature, and
records of this phone that it has forgotten.

All are read by the order in which they came, and how far is kept in the file: a kill between the pull and the
reading loses nothing.
"""

import hashlib
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from mobile_app.phone import Phone
from sync.documents import FIELD_TYPES
from sync.documents.envelope import tag_of
from sync.documents.receipts import Membership, Receipt
from sync.signatures import read_signed
from sync.store.records import RecordStore

_READ_UP_TO = "office_news_seq"
_KEYS = "office_news_keys"
_ACCEPTED_AT = "last_accepted_at"
_MEMBERSHIP = "membership_version"
_PAGE = 500


def take_receipts(phone: Phone) -> bool:
    """Applies the receipts that have come since the last time; whether there were any. For a thread."""
    taken = [_take(phone, store) for store in phone.stores.all_own("user")]
    return any(taken)


def last_accepted_at(phone: Phone) -> datetime | None:
    """When the latest receipt that accepted something was issued. For a thread."""
    kept = [store.get_meta(_ACCEPTED_AT) for store in phone.stores.all_own("user")]
    return max((datetime.fromtimestamp(float(at), UTC) for at in kept if at), default=None)


def newer_membership(phone: Phone) -> Membership | None:
    """A signed list of the worker's units that has not been acted on yet. For a thread."""
    staff_id = phone.profile.staff.staff_id
    newest: Membership | None = None
    for store in phone.stores.all_own("user"):
        document = store.get(f"membership:{staff_id}")
        found = read_signed(document.id, document.body, phone.profile.signing_keys) if document else None
        if isinstance(found, Membership) and found.staff_id == staff_id:
            newest = found if newest is None or found.version > newest.version else newest
    return newest if newest is not None and newest.version > _acted_on(phone) else None


def act_on_membership(phone: Phone, membership: Membership) -> tuple[str, ...]:
    """Drops the files of units that the worker has left, then remembers the list; the units that were dropped."""
    kept = {unit.unit_id for unit in membership.units}
    gone = tuple(unit_id for unit_id in phone.stores.unit_ids() if unit_id not in kept)
    for unit_id in gone:
        phone.stores.drop_unit(unit_id)
    phone.record_store().set_meta(_MEMBERSHIP, str(membership.version))
    return gone


def _acted_on(phone: Phone) -> int:
    return max(int(store.get_meta(_MEMBERSHIP) or 0) for store in phone.stores.all_own("user"))


class _Numbered(msgspec.Struct, frozen=True):
    device_id: str
    record_number: Annotated[int, msgspec.Meta(ge=1, lt=2**53)]


def _take(phone: Phone, store: RecordStore) -> bool:
    keys = phone.profile.signing_keys
    # With a new signing key, what could not be believed before is read again.
    mark = hashlib.sha256(msgspec.json.encode(sorted(keys))).hexdigest()
    known = store.get_meta(_KEYS) == mark
    since = int(store.get_meta(_READ_UP_TO) or 0) if known else 0
    if _adopt(phone, store, since):
        since = 0  # what the office said of them may have come before them
    seq, found = since, False
    while changes := store.changes(seq, limit=_PAGE):
        ids = [change.id for change in changes if tag_of(change.id) == "receipt"]
        for document in store.winners(ids).values():
            receipt = read_signed(document.id, document.body, keys)
            if isinstance(receipt, Receipt) and receipt.device_id == phone.device_id:
                _apply(phone, store, receipt)
                found = True
        seq = changes[-1].seq
    if not known or int(store.get_meta(_READ_UP_TO) or 0) != seq:
        with store.transaction():
            store.set_meta(_READ_UP_TO, str(seq))
            store.set_meta(_KEYS, mark)
    return found


def _adopt(phone: Phone, store: RecordStore, seq: int) -> int:
    """Records of this phone that it does not know: it was put back to an older copy, and the hub has them."""
    adopted = 0
    while changes := store.changes(seq, limit=_PAGE):
        ids = [change.id for change in changes if tag_of(change.id) in FIELD_TYPES]
        strange = set(ids) - store.own(ids)
        found = [(record_id, _numbered(document.body)) for record_id, document in store.winners(strange).items()]
        own = [(record_id, one.record_number) for record_id, one in found if one and one.device_id == phone.device_id]
        if own:
            adopted += store.adopt(sorted(own, key=lambda each: each[1]))
        seq = changes[-1].seq
    if adopted:
        files = phone.stores.all_own("user")
        files[0].seed_number(max(file.next_number() for file in files))
    return adopted


def _numbered(body: bytes) -> _Numbered | None:
    try:
        return msgspec.json.decode(body, type=_Numbered)
    except msgspec.MsgspecError:
        return None


def _apply(phone: Phone, store: RecordStore, receipt: Receipt) -> None:
    # A receipt may speak of records of the quarter before, and of photos.
    for own in (*phone.stores.all_own("user"), *phone.stores.all_own("media")):
        own.take_receipt(receipt)
    if any(entry.state != "refused" for entry in receipt.entries):
        issued = receipt.issued_at.timestamp()
        if issued > float(store.get_meta(_ACCEPTED_AT) or 0):
            store.set_meta(_ACCEPTED_AT, str(issued))
