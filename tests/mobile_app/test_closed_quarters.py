"""A phone forgets a quarter on the office's signed word alone, and only what the office has accepted."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mobile_app.closed_quarters import drop_closed, still_to_sync, unsettled_databases
from mobile_app.phone import Phone
from sync.documents.envelope import encode_body
from sync.documents.receipts import QuarterClosed, Receipt, ReceiptEntry
from sync.store.records import RecordStore
from tests.factories import records
from tests.mobile_app.phones import DEVICE_ID, KEY, STAFF_ID, UNIT_ID, put, signed

LAST = "20252"
USER, MEDIA = f"user_{STAFF_ID}_{LAST}", f"media_{STAFF_ID}_{LAST}"


def closed(staff_id: str = STAFF_ID, quarter: str = LAST) -> QuarterClosed:
    now = datetime.now(UTC)
    return QuarterClosed(id=f"quarter.closed:{staff_id}_{quarter}", staff_id=staff_id, quarter=quarter, closed_at=now)


def record(store: RecordStore) -> str:
    made = []

    def make(number: int) -> records.Record:
        who = {"staff_id": STAFF_ID, "unit_id": UNIT_ID, "device_id": DEVICE_ID}
        made.append(records.hazard(record_number=number, **who))
        return made[-1]

    store.append(make)
    return str(made[-1].id)


def answer(store: RecordStore, record_id: str, state: str) -> None:
    document = store.get(record_id)
    assert document is not None
    entry = ReceiptEntry(record_id=record_id, rev=document.rev, state=state)  # type: ignore[arg-type]
    now = datetime.now(UTC)
    store.take_receipt(Receipt(id="receipt:1", device_id=DEVICE_ID, issued_at=now, entries=(entry,)))


@pytest.fixture
def last(phone: Phone) -> RecordStore:
    """The last quarter's file, with a record that the office has accepted."""
    store = phone.stores.own("user", LAST)
    answer(store, record(store), "accepted")
    return store


def files(phone: Phone) -> set[str]:
    return {path.name.partition(".")[0] for path in phone.stores.folder.glob("*.sqlite")}


class TestDropClosed:
    def test_what_is_accepted_and_signed_off_goes(self, phone: Phone, last: RecordStore) -> None:
        put(phone.record_store(), [closed()])
        assert drop_closed(phone) == [LAST]
        assert USER not in files(phone)
        assert drop_closed(phone) == []

    def test_photos_go_with_their_records_and_the_count_goes_on(self, phone: Phone, last: RecordStore) -> None:
        photos = phone.stores.own("media", LAST)
        answer(photos, record(photos), "accepted")
        put(phone.record_store(), [closed()])
        assert drop_closed(phone) == [LAST]
        assert {USER, MEDIA}.isdisjoint(files(phone))
        assert phone.photo_store().next_number() == 2

    @pytest.mark.parametrize(
        "add",
        [
            record,
            lambda store: store.mark_sent([record(store)]),
            lambda store: answer(store, record(store), "waiting"),
            lambda store: answer(store, record(store), "refused"),
            lambda store: store.park(record(store), "413", "太大"),
            lambda store: store.save_draft("hazard", b"{}"),
        ],
        ids=["saved", "sent", "waiting", "refused", "parked", "draft"],
    )
    @pytest.mark.parametrize("kind", ["user", "media"])
    def test_one_that_is_not_keeps_both_files(
        self, phone: Phone, last: RecordStore, kind: str, add: Callable[[RecordStore], object]
    ) -> None:
        add(phone.stores.own(kind, LAST))  # type: ignore[arg-type]
        put(phone.record_store(), [closed()])
        assert drop_closed(phone) == []
        assert USER in files(phone)

    @pytest.mark.parametrize("statement", [closed("somebody"), closed(quarter="20251")])
    def test_another_persons_or_quarters_word_changes_nothing(
        self, phone: Phone, last: RecordStore, statement: QuarterClosed
    ) -> None:
        put(phone.record_store(), [statement])
        assert drop_closed(phone) == []
        assert USER in files(phone)

    def test_a_forged_word_changes_nothing(self, phone: Phone, last: RecordStore) -> None:
        """By somebody who can write into the worker's database."""
        store, stranger = phone.record_store(), ec.generate_private_key(ec.SECP256R1())
        store.put(closed().id, encode_body(closed()))
        assert drop_closed(phone) == []
        doc_id, body = signed(closed(), stranger)
        document = store.get(doc_id)
        assert document is not None
        store.put(doc_id, body, rev=document.rev)
        assert drop_closed(phone) == []
        assert USER in files(phone)
        assert KEY is not stranger

    def test_the_quarter_that_records_go_to_stays(self, phone: Phone) -> None:
        current = phone.record_store()
        put(current, [closed(quarter=current.path.stem[-5:])])
        assert drop_closed(phone) == []
        assert current.path.exists()


class TestUnsettled:
    def test_it_names_what_the_office_has_not_answered(self, phone: Phone, last: RecordStore) -> None:
        assert unsettled_databases(phone.stores) == []
        answer(last, record(last), "refused")
        assert unsettled_databases(phone.stores) == []
        record(phone.stores.own("media", LAST))
        last.park(record(last), "413", "太大")
        assert unsettled_databases(phone.stores) == [MEDIA, USER]

    def test_a_refusal_may_be_taken_back_until_the_quarter_is_closed(self, phone: Phone, last: RecordStore) -> None:
        assert not still_to_sync(last)
        answer(last, record(last), "refused")
        assert still_to_sync(last)
        put(phone.record_store(), [closed()])
        drop_closed(phone)
        assert not still_to_sync(last)
        last.park(record(last), "413", "太大")
        assert still_to_sync(last)


def test_a_quarter_is_named_as_databases_are() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.to_builtins(closed()), "quarter": "../../x"}, QuarterClosed)
