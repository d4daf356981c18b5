"""The sync pill against the files themselves, whatever happens in whatever order."""

import asyncio
import re
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mobile_app.components.sync import pill_of
from mobile_app.components.ui import Ui
from mobile_app.hazards.work import report_hazard
from mobile_app.office_news import take_receipts
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft, Picture
from mobile_app.session import DeviceIds, Profile
from mobile_app.sync_status import StatusBoard
from sync.databases import media_database, user_database
from sync.documents.patrol import PatrolStarted
from sync.documents.receipts import Receipt, ReceiptEntry
from sync.errors import Unreachable
from sync.store.records import RecordStore
from tests.mobile_app import phones

WANG, WANG_ID, WANG_DEVICE = "1002", "018f00000000700080000000000000b2", "018f00000000700080000000000000d2"
DONE = ("accepted", "waiting")
NETWORK = st.sampled_from(["answers", "answers", "silent", "fails", "refuses", "allows"])


def lay_out_two(folder: Path) -> None:
    """Li and Wang have both worked with this phone."""
    phones.lay_out(folder)
    li = folder / "profiles" / f"{phones.DEVICE_ID}.json"
    profile = msgspec.json.decode(li.read_bytes(), type=Profile)
    databases = msgspec.structs.replace(
        profile.databases, user=(user_database(WANG_ID, phones.NOW),), media=(media_database(WANG_ID, phones.NOW),)
    )
    staff = msgspec.structs.replace(profile.staff, staff_id=WANG_ID, staff_number=WANG, name="演示-王送气")
    wang = msgspec.structs.replace(profile, device_id=WANG_DEVICE, staff=staff, databases=databases)
    li.with_name(f"{WANG_DEVICE}.json").write_bytes(msgspec.json.encode(wang))
    ids = DeviceIds({phones.NUMBER: phones.DEVICE_ID, WANG: WANG_DEVICE}, phones.NUMBER)
    (folder / "devices.json").write_bytes(msgspec.json.encode(ids))


class Kept(msgspec.Struct, frozen=True):
    """A row of the phone's own table, read without the product."""

    kind: str
    id: str
    rev: str
    tag: str
    state: str
    parked: bool


class Pill(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        lay_out_two(Path(self.folder.name))
        self.phone: Phone = self.run(Phone.open(Path(self.folder.name), phones.NOWHERE))
        self.now = phones.NOW
        self.made = 0
        self.corrected: set[str] = set()
        self.sign_in(phones.NUMBER)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.run(self.phone.close())
            self.runner.close()
            self.folder.cleanup()

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def rows(self) -> list[Kept]:
        found = []
        for path in (Path(self.folder.name) / "stores" / self.staff_id).glob("*.sqlite"):
            kind = path.name.partition("_")[0]
            if kind not in {"user", "media"}:
                continue
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
                rows = connection.execute("SELECT id, rev, tag, state, receipt_at = 0 FROM records").fetchall()
            connection.close()
            found += [Kept(kind, *row[:4], bool(row[4])) for row in rows]
        return found

    def store_of(self, kept: Kept) -> RecordStore:
        stores = self.phone.stores.all_own("user" if kept.kind == "user" else "media")
        return next(store for store in stores if store.record(kept.id) is not None)

    # What a worker does

    @rule(number=st.sampled_from([phones.NUMBER, WANG]))
    def sign_in(self, number: str) -> None:
        if self.phone.signed_in:
            self.run(self.phone.sign_out())
        self.run(self.phone.sign_in(number, phones.PASSWORD))
        self.staff_id = phones.STAFF_ID if number == phones.NUMBER else WANG_ID
        self.board = StatusBoard(self.phone)
        self.online: bool | None = None
        self.trouble: set[str] = set()

    @rule(pictures=st.integers(0, 2))
    def record(self, pictures: int) -> None:
        if not pictures:
            self.run(self.phone.record(PatrolStarted))
            return
        drafts = []
        for _ in range(pictures):
            self.made += 1
            marked, original = (Picture.of(f"{kind} {self.made}".encode(), (4, 3)) for kind in ("marked", "original"))
            moment = self.phone.clock.now()
            drafts.append(
                PhotoDraft(picture=marked, original=original, source="camera", recorded=moment, position=None)
            )
        self.run(report_hazard(self.phone, hazard_type="ice", photos=drafts))

    @precondition(lambda self: any(k.state == "refused" and k.tag == "hazard.reported" for k in self.rows()))
    @rule(data=st.data())
    def correct(self, data: st.DataObject) -> None:
        kept = data.draw(
            st.sampled_from([k for k in self.rows() if k.state == "refused" and k.tag == "hazard.reported"])
        )
        if not kept.parked:  # what the hub would not take is sent again, not corrected
            self.run(report_hazard(self.phone, hazard_type="ice", corrects=kept.id))
            self.corrected.add(kept.id)

    @rule()
    def send_again(self) -> None:
        self.run(self.phone.retry([kept.id for kept in self.rows() if kept.state == "refused"]))

    @rule()
    def a_quarter_ends(self) -> None:
        if self.now == phones.NOW:
            self.now += timedelta(days=92)
            self.phone.clock.take_server(self.now)

    # What becomes of the records

    @rule(number=st.integers(1, 9))
    def send(self, number: int) -> None:
        for kept in [k for k in self.rows() if k.state == "saved"][:number]:
            self.store_of(kept).mark_sent([kept.id])

    @rule(number=st.integers(1, 9), state=st.sampled_from(["accepted", "accepted", "waiting", "refused"]))
    def answer(self, number: int, state: Any) -> None:
        entries = [
            ReceiptEntry(
                record_id=kept.id, rev=kept.rev, state=state, code="unit.foreign" if state == "refused" else ""
            )
            for kept in [k for k in self.rows() if k.state in {"sent", "waiting"}][:number]
        ]
        self.made += 1
        issued = datetime.now(UTC) + timedelta(seconds=self.made)
        receipt = Receipt(
            id=f"receipt:{self.made}", device_id=self.phone.device_id, issued_at=issued, entries=tuple(entries)
        )
        phones.put(self.phone.record_store(), [receipt])
        take_receipts(self.phone)

    @rule()
    def the_hub_will_not_take_one(self) -> None:
        for kept in [k for k in self.rows() if k.state == "saved"][:1]:
            self.store_of(kept).park(kept.id, "too_large", "太大")

    @rule(told=NETWORK)
    def the_network(self, told: str) -> None:
        self.online = tell(self.board, told, self.online, self.trouble)

    @invariant()
    def the_pill_says_what_the_files_say(self) -> None:
        self.run(self.board.refresh())
        words = pill_of(Ui(), self.board.status).words
        check_words(words, self.rows(), self.online, self.trouble, self.corrected)


Pill.TestCase.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
TestPill = Pill.TestCase


class TestEveryState:
    """The same, with the files put into each state at once: what a walk through them seldom meets."""

    @given(
        steps=st.lists(
            st.tuples(st.lists(st.sampled_from(["saved", "sent", *DONE, "refused"]), min_size=6, max_size=6), NETWORK),
            min_size=1,
            max_size=3,
        )
    )
    @settings(max_examples=120, deadline=None, database=None)
    def test_the_pill_says_what_the_files_say(self, worked: tuple[asyncio.Runner, Phone], steps: Any) -> None:
        runner, phone = worked
        board, online, trouble = runner.run(opened_board(phone)), None, set[str]()
        for states, told in steps:
            rows = put_into(phone, states)
            online = tell(board, told, online, trouble)
            runner.run(board.refresh())
            check_words(pill_of(Ui(), board.status).words, rows, online, trouble, set())
            runner.run(board.refresh())
            check_words(pill_of(Ui(), board.status).words, rows, online, trouble, set())


async def opened_board(phone: Phone) -> StatusBoard:
    return StatusBoard(phone)


def tell(board: StatusBoard, told: str, online: bool | None, trouble: set[str]) -> bool | None:  # noqa: FBT001
    """The network's word to the board, and what is true after it."""
    if told == "answers":
        board.progressed("user", None)
        trouble -= {"", "user"}
        return True
    if told in {"silent", "fails"}:
        board.progressed("user", Unreachable("gone", connected=told == "fails"))
        trouble.add("")
        return told == "fails"
    if told == "refuses":
        board.note("unit", "服务器暂不允许同步", "not allowed now")
        trouble.add("unit")
    elif told == "allows":
        board.clear("unit")
        trouble.discard("unit")
    return online


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Phone]]:
    """A phone with two records and two photos, original and marked."""
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("worked")
        phones.lay_out(folder)
        phone = runner.run(phones.open_phone(folder))
        for number in (1, 2):
            marked, original = (Picture.of(f"{kind} {number}".encode(), (4, 3)) for kind in ("marked", "original"))
            moment = phone.clock.now()
            draft = PhotoDraft(picture=marked, original=original, source="camera", recorded=moment, position=None)
            runner.run(report_hazard(phone, hazard_type="ice", photos=[draft]))
        yield runner, phone
        runner.run(phone.close())


def put_into(phone: Phone, states: list[str]) -> list[Kept]:
    """Writes the states into the files, past the product; what lies in them then."""
    left = iter(states)
    rows = []
    for kind, store in (("user", phone.record_store()), ("media", phone.photo_store())):
        with sqlite3.connect(store.path) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            for line in store.records():
                state = next(left)
                code = "unit.foreign" if state == "refused" else ""
                connection.execute("UPDATE records SET state = ?, code = ? WHERE id = ?", (state, code, line.id))
                rows.append(Kept(kind, line.id, "", line.tag, state, parked=False))
        connection.close()
    return rows


def check_words(words: str, rows: list[Kept], online: bool | None, trouble: set[str], corrected: set[str]) -> None:  # noqa: FBT001
    count = Counter((kept.kind, kept.state) for kept in rows)
    came_back = sum(k.state == "refused" and (k.id not in corrected or k.parked) for k in rows)
    saved = count["user", "saved"] + count["media", "saved"]
    open_ones = saved + count["user", "sent"] + count["media", "sent"]
    assert ("离线" in words) == (online is False), words
    assert ("连接中" in words) == (online is None), words
    for claim, truth in (
        (r"(\d+) 条待传", count["user", "saved"]),
        (r"(\d+) 个文件待传", count["media", "saved"]),
        (r"(\d+) 条待收", count["user", "sent"]),
        (r"(\d+) 个文件待收", count["media", "sent"]),
        (r"(\d+) 条退回", came_back),
    ):
        said = re.search(claim, words)
        assert said is None or int(said[1]) == truth > 0, (words, count)
    syncing = re.search(r"同步中 (\d+)/(\d+)", words)
    if syncing:
        assert online
        assert not trouble
        assert int(syncing[2]) - int(syncing[1]) == saved > 0, (words, count)
    if "全部已收" in words:
        assert all(kept.state in DONE for kept in rows), (words, count)
    if "已收" in words:
        assert online, words
        assert not trouble, words
        assert open_ones + came_back == 0, (words, count)
    if came_back:
        assert syncing or "退回" in words, (words, count)
    elif open_ones:
        assert syncing or "待传" in words or "待收" in words, (words, count)
    elif online and not trouble:
        assert ("已收" if rows else "没有待传") in words, (words, count)
