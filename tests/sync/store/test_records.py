import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.documents.envelope import Moment, Record, encode_body, new_id
from sync.documents.hazards import HazardReported
from sync.documents.patrol import PatrolStarted
from sync.documents.receipts import Receipt, ReceiptEntry
from sync.errors import Conflict
from sync.store.records import RecordStore

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
WHO: dict[str, Any] = {
    "schema_version": 1,
    "recorded": Moment(at=NOON, boot_id="b", monotonic_s=1.0),
    "staff_id": "li",
    "unit_id": "u",
    "device_id": "d",
}


def hazard(record_id: str = "") -> Callable[[int], Record]:
    record_id = record_id or new_id("hazard.reported")
    return lambda number: HazardReported(id=record_id, record_number=number, hazard_type="exposed_pipe", **WHO)


def receipt(store: RecordStore, record_id: str, state: Any, *, minute: int = 0, **words: Any) -> Receipt:
    document = store.get(record_id)
    assert document is not None
    entry = ReceiptEntry(record_id=record_id, rev=document.rev, state=state, **words)
    return Receipt(id=new_id("receipt"), device_id="d", issued_at=NOON + timedelta(minutes=minute), entries=(entry,))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecordStore]:
    opened = RecordStore.open(tmp_path / "user_li_20264.db")
    yield opened
    opened.close()


def states(store: RecordStore) -> list[tuple[int, str]]:
    return [(line.number, line.state) for line in store.records()]


class TestSteps:
    """When a record was saved, sent and answered, for whoever asks where it is."""

    def test_each_step_has_its_time(self, store: RecordStore) -> None:
        store.append(hazard("hazard.reported:1"))
        [saved] = store.records()
        assert (saved.saved_at, saved.sent_at, saved.answered_at) == (saved.changed_at, None, None)
        store.mark_sent(["hazard.reported:1"])
        [sent] = store.records()
        assert (sent.saved_at, sent.sent_at) == (saved.saved_at, sent.changed_at)
        store.take_receipt(receipt(store, "hazard.reported:1", "accepted"))
        [accepted] = store.records()
        assert (accepted.saved_at, accepted.sent_at, accepted.answered_at) == (saved.saved_at, sent.sent_at, NOON)

    def test_the_oldest_without_an_answer_tells_how_long_it_waits(self, store: RecordStore) -> None:
        assert store.oldest_open_at() is None
        for record_id in ("hazard.reported:1", "hazard.reported:2"):
            store.append(hazard(record_id))
        second, first = store.records()
        store.mark_sent(["hazard.reported:1"])
        assert store.oldest_open_at() == first.saved_at
        store.take_receipt(receipt(store, "hazard.reported:1", "accepted"))
        assert store.oldest_open_at() == second.saved_at
        store.take_receipt(receipt(store, "hazard.reported:2", "refused", code="unreadable"))
        assert store.oldest_open_at() is None

    def test_a_receipt_that_overtakes_the_answer_to_the_push_stays(self, store: RecordStore) -> None:
        store.append(hazard("hazard.reported:1"))
        store.take_receipt(receipt(store, "hazard.reported:1", "accepted"))
        store.mark_sent(["hazard.reported:1"])
        [line] = store.records()
        assert line.state == "accepted"
        assert line.sent_at is not None

    def test_a_second_notice_of_sending_changes_no_time(self, store: RecordStore) -> None:
        store.append(hazard("hazard.reported:1"))
        store.mark_sent(["hazard.reported:1"])
        before = store.records()
        store.mark_sent(["hazard.reported:1"])
        assert store.records() == before


class TestAppend:
    def test_numbers_count_without_a_gap(self, store: RecordStore) -> None:
        for _ in range(3):
            store.append(hazard())
        assert states(store) == [(3, "saved"), (2, "saved"), (1, "saved")]
        assert store.next_number() == 4

    def test_a_record_that_cannot_be_made_takes_no_number(self, store: RecordStore) -> None:
        def broken(number: int) -> Record:
            raise RuntimeError

        with pytest.raises(RuntimeError):
            store.append(broken)
        store.append(hazard())
        assert states(store) == [(1, "saved")]

    def test_the_same_record_twice_is_refused_and_takes_no_number(self, store: RecordStore) -> None:
        store.append(hazard("hazard.reported:1"))
        with pytest.raises(Conflict):
            store.append(hazard("hazard.reported:1"))
        assert store.next_number() == 2
        assert store.counts()["saved"] == 1

    def test_a_record_with_another_number_is_refused(self, store: RecordStore) -> None:
        with pytest.raises(ValueError, match="7 instead of 1"):
            store.append(lambda _: hazard()(7))
        assert store.info().doc_count == 0

    def test_document_and_photo_are_there(self, store: RecordStore) -> None:
        rev = store.append(hazard("hazard.reported:1"), attachments={"photo.jpg": ("image/jpeg", b"jpeg")})
        document = store.get("hazard.reported:1")
        assert document is not None
        assert document.rev == rev
        assert b'"record_number":1' in document.body
        assert store.attachment(document.attachments["photo.jpg"].digest) == b"jpeg"

    def test_its_draft_goes_with_it(self, store: RecordStore) -> None:
        store.save_draft("hazard", b"{}", {"1.jpg": b"jpeg"})
        store.append(hazard(), draft="hazard")
        assert store.draft("hazard") is None

    def test_a_refused_record_keeps_its_draft(self, store: RecordStore) -> None:
        store.append(hazard("hazard.reported:1"))
        store.save_draft("hazard", b"{}")
        with pytest.raises(Conflict):
            store.append(hazard("hazard.reported:1"), draft="hazard")
        assert store.draft("hazard") is not None

    def test_a_new_quarter_goes_on_counting(self, store: RecordStore) -> None:
        store.seed_number(41)
        store.append(hazard())
        store.seed_number(7)
        store.append(hazard())
        assert [number for number, _ in states(store)] == [42, 41]

    def test_a_killed_phone_has_every_record_it_was_told_of(self, tmp_path: Path) -> None:
        path = tmp_path / "killed.db"
        with subprocess.Popen(
            [sys.executable, "-c", RECORD_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE, text=True
        ) as phone:
            assert phone.stdout is not None
            told = [phone.stdout.readline().strip() for _ in range(20)]
            phone.send_signal(signal.SIGKILL)
            told += phone.stdout.read().split()
        store = RecordStore.open(path)
        kept = store.records(limit=10_000)
        store.close()
        assert {line.id for line in kept} >= set(told)
        assert [line.number for line in kept] == list(range(len(kept), 0, -1))


RECORD_UNTIL_KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sync.documents.envelope import Moment, new_id
from sync.documents.patrol import PatrolStarted
from sync.store.records import RecordStore
store = RecordStore.open(Path(sys.argv[1]))
moment = Moment(at=datetime.now(UTC), boot_id="b", monotonic_s=1.0)
for _ in range(5000):
    record_id = new_id("patrol.started")
    store.append(lambda number: PatrolStarted(id=record_id, schema_version=1, record_number=number, recorded=moment,
                                              staff_id="li", unit_id="u", device_id="d"))
    print(record_id, flush=True)
"""


class TestRecords:
    def test_pages_states_and_types(self, store: RecordStore) -> None:
        for _ in range(3):
            store.append(hazard())
        store.append(lambda number: PatrolStarted(id=new_id("patrol.started"), record_number=number, **WHO))
        first = store.records(limit=2)
        assert [line.number for line in first] == [4, 3]
        assert [line.number for line in store.records(before=first[-1].number)] == [2, 1]
        assert [line.number for line in store.records(tags=["patrol.started"])] == [4]
        assert store.records(states=["accepted"]) == []
        assert store.counts() == {"saved": 4, "sent": 0, "accepted": 0, "waiting": 0, "refused": 0}


class TestTakeReceipt:
    @pytest.fixture(autouse=True)
    def one_record(self, store: RecordStore) -> None:
        store.append(hazard("hazard.reported:1"))

    def test_saved_sent_accepted(self, store: RecordStore) -> None:
        store.mark_sent(["hazard.reported:1"])
        assert states(store) == [(1, "sent")]
        store.take_receipt(receipt(store, "hazard.reported:1", "accepted"))
        store.mark_sent(["hazard.reported:1"])
        assert states(store) == [(1, "accepted")]

    def test_a_refusal_says_why_and_what_to_do(self, store: RecordStore) -> None:
        words = {"code": "out_of_bounds", "reason_zh": "读数超范围", "action_zh": "请重新记录"}
        store.take_receipt(receipt(store, "hazard.reported:1", "refused", **words))
        line = store.record("hazard.reported:1")
        assert line is not None
        assert (line.state, line.code, line.reason_zh, line.action_zh) == ("refused", *words.values())

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_the_latest_receipt_wins_in_any_order(self, store: RecordStore, order: tuple[int, int]) -> None:
        receipts = (
            receipt(store, "hazard.reported:1", "waiting"),
            receipt(store, "hazard.reported:1", "accepted", minute=5, photos_arrived=2),
        )
        for index in order:
            store.take_receipt(receipts[index])
        line = store.record("hazard.reported:1")
        assert line is not None
        assert (line.state, line.photos_arrived) == ("accepted", 2)

    def test_a_receipt_for_another_revision_is_passed_over(self, store: RecordStore) -> None:
        entry = ReceiptEntry(record_id="hazard.reported:1", rev="1-somebody", state="accepted")
        store.take_receipt(Receipt(id="receipt:1", device_id="d", issued_at=NOON, entries=(entry,)))
        assert states(store) == [(1, "saved")]


class TestPark:
    @pytest.fixture(autouse=True)
    def parked(self, store: RecordStore) -> None:
        store.append(hazard("hazard.reported:1"))
        store.park("hazard.reported:1", "too_large", "服务器不接收", reason_en="too large", action_zh="联系办公室")

    def test_it_stays_on_the_phone_and_says_why(self, store: RecordStore) -> None:
        line = store.record("hazard.reported:1")
        assert line is not None
        assert (line.state, line.code, line.reason_zh) == ("refused", "too_large", "服务器不接收")
        assert store.get("hazard.reported:1") is not None

    def test_it_can_be_sent_again(self, store: RecordStore) -> None:
        store.retry(["hazard.reported:1"])
        assert (states(store), store.to_retry()) == ([(1, "saved")], ["hazard.reported:1"])
        store.mark_sent(["hazard.reported:1"])
        assert (states(store), store.to_retry()) == ([(1, "sent")], [])

    def test_what_the_office_refused_is_not_sent_again(self, store: RecordStore) -> None:
        store.take_receipt(receipt(store, "hazard.reported:1", "refused"))
        store.retry(["hazard.reported:1"])
        assert (states(store), store.to_retry()) == ([(1, "refused")], [])


class TestDrafts:
    def test_a_draft_and_its_photos_survive_a_restart(self, store: RecordStore) -> None:
        store.save_draft("hazard", b'{"a":1}', {"1.jpg": b"one", "2.jpg": b"two"})
        store.save_draft("hazard", b'{"a":2}')
        store.save_draft("patrol", b"{}")
        store.close()
        again = RecordStore.open(store.path)
        draft = again.draft("hazard")
        keys = [d.key for d in again.drafts()]
        again.close()
        assert draft is not None
        assert (draft.body, draft.blobs) == (b'{"a":2}', {"1.jpg": b"one", "2.jpg": b"two"})
        assert keys == ["hazard", "patrol"]

    def test_a_photo_taken_back_is_gone(self, store: RecordStore) -> None:
        store.save_draft("hazard", b"{}", {"1.jpg": b"one", "2.jpg": b"two"})
        store.save_draft("hazard", b"{}", {"2.jpg": b"better"})
        draft = store.draft("hazard")
        assert draft is not None
        assert draft.blobs == {"2.jpg": b"better"}

    def test_drafts_do_not_replicate(self, store: RecordStore) -> None:
        store.save_draft("hazard", b"{}")
        assert store.changes() == []
        store.drop_draft("hazard")
        assert store.drafts() == []


class TestCounts:
    def test_they_are_those_of_the_records_whatever_happened(self, store: RecordStore) -> None:
        for number in range(1, 9):
            store.append(hazard(f"hazard.reported:{number}"))
        store.mark_sent(["hazard.reported:1", "hazard.reported:2", "hazard.reported:3", "unknown"])
        store.park("hazard.reported:4", "too_large", "太大")
        store.retry(["hazard.reported:4", "hazard.reported:5"])
        store.take_receipt(receipt(store, "hazard.reported:1", "accepted"))
        store.take_receipt(receipt(store, "hazard.reported:1", "accepted", minute=1))
        store.take_receipt(receipt(store, "hazard.reported:2", "refused"))
        with pytest.raises(Conflict):
            store.append(hazard("hazard.reported:1"))
        assert store.counts() == {"saved": 5, "sent": 1, "accepted": 1, "waiting": 0, "refused": 1}

    def test_a_list_of_several_states_and_types_is_in_order_and_cut(self, store: RecordStore) -> None:
        for number in range(1, 9):
            store.append(hazard(f"hazard.reported:{number}"))
        store.mark_sent([f"hazard.reported:{number}" for number in (2, 4, 6)])
        assert [line.number for line in store.records(states=("saved", "sent", "sent"), limit=5)] == [8, 7, 6, 5, 4]
        assert [line.number for line in store.records(tags=("hazard.reported", "x"), before=4)] == [3, 2, 1]
        assert [line.number for line in store.records(tags=("hazard.reported",), states=("sent",))] == [6, 4, 2]
        assert store.records(states=()) == store.records(tags=()) == store.records(tags=("x",), states=()) == []


class TestAdopt:
    """A phone that was put back to an older copy of its file, and whose later records come back from the hub."""

    def pulled(self, store: RecordStore, record_id: str, number: int) -> None:
        store.put(record_id, encode_body(hazard(record_id)(number)))

    def test_the_phone_has_its_records_again_and_counts_on_after_them(self, store: RecordStore) -> None:
        store.append(hazard("hazard.reported:1"))
        self.pulled(store, "hazard.reported:2", 2)
        self.pulled(store, "hazard.reported:3", 3)
        known = [(f"hazard.reported:{number}", number) for number in (1, 2, 3)]
        assert store.adopt(known) == 2
        assert states(store) == [(3, "sent"), (2, "sent"), (1, "saved")]
        assert store.own(["hazard.reported:3"]) == {"hazard.reported:3"}
        assert store.next_number() == 4
        assert store.adopt(known) == 0
        store.take_receipt(receipt(store, "hazard.reported:3", "accepted"))
        assert store.counts()["accepted"] == 1

    def test_a_number_that_was_given_again_meanwhile_keeps_both_records(self, store: RecordStore) -> None:
        for record_id in ("hazard.reported:1", "hazard.reported:2"):
            store.append(hazard(record_id))
        for number in (1, 2):
            self.pulled(store, f"hazard.reported:old{number}", number)
        assert store.adopt([("hazard.reported:old1", 1), ("hazard.reported:old2", 2)]) == 2
        assert states(store) == [(2, "saved"), (1, "saved"), (-1, "sent"), (-2, "sent")]
        assert store.next_number() == 3

    def test_what_is_not_in_the_file_is_not_adopted(self, store: RecordStore) -> None:
        assert store.adopt([("hazard.reported:1", 1)]) == 0
        assert store.next_number() == 1


class TestCountTypes:
    def test_types_are_counted_in_the_states_asked_for(self, store: RecordStore) -> None:
        for number in range(1, 4):
            store.append(hazard(f"hazard.reported:{number}"))
        store.append(lambda number: PatrolStarted(id="patrol.started:1", record_number=number, **WHO))
        store.mark_sent(["hazard.reported:1"])
        store.take_receipt(receipt(store, "hazard.reported:2", "accepted"))
        assert store.count_types(("saved", "sent")) == {"hazard.reported": 2, "patrol.started": 1}
        assert store.count_types(("refused",)) == {}


class TestMadeAfter:
    def test_later_records_of_one_type_in_their_order(self, store: RecordStore) -> None:
        for number in range(1, 6):
            store.append(hazard(f"hazard.reported:{9 - number}"))
        store.append(lambda number: PatrolStarted(id="patrol.started:1", record_number=number, **WHO))
        store.mark_sent(["hazard.reported:5"])
        assert store.made_after(2, "hazard.reported") == [f"hazard.reported:{n}" for n in (6, 5, 4)]
        assert store.made_after(6, "hazard.reported") == []
