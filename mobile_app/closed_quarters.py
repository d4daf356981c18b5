"""Quarters that are over: what this phone still holds of them, and when it may forget its own files. For threads."""

import logging

from mobile_app.phone import Phone
from mobile_app.stores import Stores, database_of
from sync.documents.receipts import QuarterClosed
from sync.signatures import read_signed
from sync.store.records import RecordStore

_TAG = "quarter.closed"
# In a file that stays, for a record in it that was not accepted: the hub has the quarter no more.
_CLOSED = "quarter_closed"

_log = logging.getLogger(__name__)


def unsettled_databases(stores: Stores) -> list[str]:
    """Databases of which this phone holds something that the office has not answered: while a quarter is named here,
    the office keeps it, and opens it again if it was gone.
    """
    own = (*stores.all_own("user"), *stores.all_own("media"))
    return sorted(database_of(store) for store in own if _unanswered(store))


def still_to_sync(store: RecordStore) -> bool:
    """Whether a quarter's file has business with the hub: something to send or to be answered; as long as the office
    keeps the quarter, also a refusal that it may take back.
    """
    return _unanswered(store) or bool(store.counts()["refused"] and not store.get_meta(_CLOSED))


def drop_closed(phone: Phone) -> list[str]:
    """Drops the files of quarters that the office has signed off, where every record in them was accepted; which."""
    return [quarter for quarter in _signed_off(phone) if _drop(phone.stores, quarter)]


def _signed_off(phone: Phone) -> list[str]:
    staff_id, keys = phone.profile.staff.staff_id, phone.profile.signing_keys
    found = []
    for store in phone.stores.all_own("user"):
        for document in store.list(start=f"{_TAG}:", end=f"{_TAG}:\uffff"):
            said = read_signed(document.id, document.body, keys)
            if isinstance(said, QuarterClosed) and said.staff_id == staff_id:
                found.append(said.quarter)
    return found


def _drop(stores: Stores, quarter: str) -> bool:
    dropped = stores.drop_quarter(quarter)
    if dropped:
        _log.info("quarter %s is archived: its files are dropped", quarter)
    for store in (*stores.all_own("user"), *stores.all_own("media")):
        if database_of(store).endswith(f"_{quarter}") and not store.get_meta(_CLOSED):
            store.set_meta(_CLOSED, "1")
    return dropped


def _unanswered(store: RecordStore) -> bool:
    counts = store.counts()
    if counts["saved"] or counts["sent"]:
        return True
    refused = store.records(states=("refused",), limit=counts["refused"]) if counts["refused"] else []
    return any(line.answered_at is None for line in refused)
