"""Whose records count, and when they were made: decided without a database."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from backend.intake.rules import CODES, Arrived, Clock, Ours, Owner, Refused, corrected, judge, learned, remarks_on
from sync.databases import DatabaseName
from sync.documents import BACKEND_TYPES, FIELD_TYPES
from sync.documents.envelope import Position, encode_body
from tests.factories import records

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LI = Owner("li", "company", {"li-phone": None}, frozenset({"east"}))
USER, MEDIA = DatabaseName("user", "li", "20264"), DatabaseName("media", "li", "20264")


def arrived(record, **fields):
    return Arrived(**{"id": record.id, "rev": "1-a", "seq": "1", "body": encode_body(record), **fields})


def verdict(one, database=USER, owner=LI, *, ours=False):
    return judge(one, database, owner, lambda doc_id, body: ours)


class TestJudge:
    def test_his_own_record_is_good(self):
        record = records.hazard()
        assert verdict(arrived(record)) == record

    @pytest.mark.parametrize("tag", sorted(BACKEND_TYPES))
    def test_what_the_backend_writes_counts_only_with_its_signature(self, tag):
        document = Arrived(id=f"{tag}:1", rev="7-a", seq="1", body=b"{}")
        assert isinstance(verdict(document, ours=True), Ours)
        assert verdict(document) == Refused("forged")

    def test_an_unknown_persons_database_gives_nothing(self):
        assert verdict(arrived(records.hazard()), owner=None).code == "wrong_owner"

    def test_a_photo_belongs_among_the_photos(self):
        photo = records.photo(records.jpeg(), "hazard.reported:x")
        assert verdict(arrived(photo), MEDIA) == photo
        assert verdict(arrived(photo), USER) == Refused("wrong_database")

    def test_a_photo_is_named_by_its_content(self):
        photo = records.photo(records.jpeg(), "hazard.reported:x")
        renamed = arrived(photo, id="photo:" + "0" * 64)
        assert verdict(renamed, MEDIA).code == "unreadable"

    def test_written_out_nul_is_an_ordinary_text(self):
        record = records.hazard(note="\\u0000")
        assert verdict(arrived(record)) == record

    @pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"[" * 50_000])
    def test_anything_at_all_is_answered(self, body):
        assert verdict(arrived(records.hazard(), body=body)).code == "unreadable"

    def test_every_code_has_its_words(self):
        words = [msgspec.structs.astuple(w)[:4] for w in CODES.values()]
        assert all(all(parts) for parts in words)
        assert len(FIELD_TYPES) > 10


class TestCorrected:
    def test_a_trusted_time_stands(self):
        moment = records.moment(NOW - timedelta(days=3), clock="gnss")
        assert corrected(moment, NOW, Clock()) == NOW - timedelta(days=3)

    @pytest.mark.parametrize("clock", ["gnss", "server", "unset"])
    def test_nothing_is_recorded_after_it_was_received(self, clock):
        moment = records.moment(NOW + timedelta(days=1), clock=clock)
        assert corrected(moment, NOW, Clock()) == NOW

    def test_records_of_a_fast_clock_keep_their_distances(self):
        first = records.moment(NOW + timedelta(days=1), clock="unset", monotonic_s=100.0)
        second = records.moment(NOW + timedelta(days=1, hours=1), clock="unset", monotonic_s=3700.0)
        clock = learned(learned(Clock(), first, NOW), second, NOW)
        assert corrected(second, NOW, clock) - corrected(first, NOW, clock) == timedelta(hours=1)

    def test_the_order_of_learning_does_not_matter(self):
        moments = [records.moment(NOW, clock="unset", monotonic_s=float(s)) for s in (5, 500, 50)]
        forward = backward = Clock()
        for moment in moments:
            forward = learned(forward, moment, NOW)
        for moment in reversed(moments):
            backward = learned(backward, moment, NOW)
        assert forward == backward

    def test_a_small_offset_is_left_alone(self):
        moment = records.moment(NOW - timedelta(hours=1), clock="unset")
        assert corrected(moment, NOW, Clock(offset_s=30.0)) == moment.at


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (None, []),
        (Position(lon=126.5, lat=43.8, accuracy_m=5, source="gnss"), []),
        (Position(lon=126.5, lat=43.8, accuracy_m=5, source="gnss", mocked=True), ["position_mocked"]),
        (Position(lon=0, lat=0, accuracy_m=5, source="gnss"), ["position_abroad"]),
    ],
)
def test_remarks_on_positions(position, expected):
    assert remarks_on(records.moment(NOW), NOW, position) == expected
