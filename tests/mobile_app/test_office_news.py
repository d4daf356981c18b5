"""A phone that was put back to an older copy of itself, and what the hub still has of it."""

from datetime import UTC, datetime

import msgspec

from mobile_app.office_news import take_receipts
from mobile_app.phone import Phone
from sync.documents.envelope import encode_body
from sync.documents.patrol import PatrolStarted
from sync.documents.receipts import Receipt, ReceiptEntry
from tests.mobile_app.phones import put


class TestPutBack:
    async def test_records_that_only_the_hub_had_are_the_phones_again_with_their_receipts(self, phone: Phone) -> None:
        first = await phone.record(PatrolStarted)
        later = msgspec.structs.replace(first, id="patrol.started:later", record_number=7)
        foreign = msgspec.structs.replace(first, id="patrol.started:foreign", record_number=9, device_id="another")
        store = phone.record_store()
        entry = ReceiptEntry(record_id=later.id, rev=store.put("x", encode_body(later)), state="accepted")
        put(store, [Receipt(id="receipt:1", device_id=phone.device_id, issued_at=datetime.now(UTC), entries=(entry,))])
        take_receipts(phone)
        assert store.record(later.id) is None

        for record in (later, foreign):
            store.put(record.id, encode_body(record))
        take_receipts(phone)
        line = store.record(later.id)
        assert line is not None
        assert (line.number, line.state) == (7, "accepted")
        assert store.record(foreign.id) is None
        assert (await phone.record(PatrolStarted)).record_number == 8
