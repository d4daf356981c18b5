"""One golden document for each type and released schema version: what phones have written stays readable."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync.documents import BACKEND_TYPES, FIELD_TYPES, decode_backend, decode_record
from sync.documents.envelope import encode_body, new_id, tag_of, with_id
from sync.documents.photos import ATTACHMENT_NAMES

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*/*.json"))
FIELD_FILES = [path for path in FILES if path.stem in FIELD_TYPES]
BACKEND_FILES = [path for path in FILES if path.stem in BACKEND_TYPES]


def named(paths: list[Path]) -> Any:
    return pytest.mark.parametrize("path", paths, ids=lambda path: f"{path.stem}-{path.parent.name}")


def golden(path: Path) -> tuple[str, dict[str, Any]]:
    fields = json.loads(path.read_text())
    return fields.pop("_id"), fields


def decode(doc_id: str, body: bytes) -> msgspec.Struct:
    return (decode_record if tag_of(doc_id) in FIELD_TYPES else decode_backend)(doc_id, body)


class TestGolden:
    @pytest.mark.parametrize("tag", [*FIELD_TYPES, *BACKEND_TYPES])
    def test_every_type_has_one_for_its_current_schema(self, tag: str) -> None:
        version = {**FIELD_TYPES, **BACKEND_TYPES}[tag].current_schema
        assert (GOLDEN / str(version) / f"{tag}.json").exists()

    @named(FILES)
    def test_it_reads_as_its_type(self, path: Path) -> None:
        doc_id, fields = golden(path)
        document = decode(doc_id, json.dumps(fields).encode())
        assert document.__struct_config__.tag == path.stem == tag_of(doc_id)

    @named(FILES)
    def test_nothing_is_lost_by_reading_and_writing(self, path: Path) -> None:
        """Every field says something else than its default, so a renamed or dropped one shows."""
        doc_id, fields = golden(path)
        written = json.loads(encode_body(decode(doc_id, json.dumps(fields).encode())))
        assert written == {name: value for name, value in fields.items() if name in written}
        assert set(fields) - set(written) <= {"schema_version"}

    @named(FILES)
    def test_it_fills_every_field_of_its_type(self, path: Path) -> None:
        doc_id, fields = golden(path)
        document = decode(doc_id, json.dumps(fields).encode())
        missing = {f.encode_name for f in msgspec.structs.fields(document)} - set(fields) - {"_id"}
        assert missing <= {"photos"} if path.stem in ATTACHMENT_NAMES else not missing

    @named(FILES)
    def test_a_further_round_changes_nothing(self, path: Path) -> None:
        doc_id, fields = golden(path)
        once = decode(doc_id, json.dumps(fields).encode())
        assert decode(doc_id, encode_body(once)) == once


class TestUnknownFields:
    @named(FIELD_FILES)
    def test_the_office_refuses_a_field_it_does_not_know(self, path: Path) -> None:
        doc_id, fields = golden(path)
        with pytest.raises(msgspec.ValidationError, match="unknown field `unknown`"):
            decode_record(doc_id, json.dumps({**fields, "unknown": 1}).encode())

    @named(BACKEND_FILES)
    def test_a_phone_tolerates_it_since_servers_are_upgraded_first(self, path: Path) -> None:
        doc_id, fields = golden(path)
        known = decode_backend(doc_id, json.dumps(fields).encode())
        assert decode_backend(doc_id, json.dumps({**fields, "unknown": 1}).encode()) == known

    def test_an_unknown_type_is_refused(self) -> None:
        with pytest.raises(msgspec.ValidationError, match=r"Invalid value 'patrol\.danced'"):
            decode_record("patrol.danced:1", b'{"type":"patrol.danced"}')

    def test_a_phone_cannot_send_what_only_the_backend_writes(self) -> None:
        doc_id, fields = golden(GOLDEN / "1" / "receipt.json")
        with pytest.raises(msgspec.ValidationError):
            decode_record(doc_id, json.dumps(fields).encode())


class TestBounds:
    @pytest.mark.parametrize(
        ("tag", "change", "where"),
        [
            ("leak.suspected", {"reading_ppm": -1}, "reading_ppm"),
            ("leak.suspected", {"reading_ppm": 2_000_000}, "reading_ppm"),
            ("hazard.reported", {"hazard_type": ""}, "hazard_type"),
            ("hazard.reported", {"record_number": 0}, "record_number"),
            ("hazard.reported", {"note": "长" * 2001}, "note"),
            ("delivery.completed", {"delivered": []}, "delivered"),
            ("photo", {"length_bytes": 1_000_001}, "length_bytes"),
            ("photo", {"sha256": "xyz"}, "sha256"),
            ("shift.checked", {"items": "none"}, "items"),
            ("visit.failed", {"outcome": "asleep"}, "outcome"),
        ],
    )
    def test_a_value_out_of_bounds_is_told_by_field(self, tag: str, change: dict[str, Any], where: str) -> None:
        doc_id, fields = golden(GOLDEN / "1" / f"{tag}.json")
        with pytest.raises(msgspec.ValidationError, match=rf"\$\.{where}"):
            decode_record(doc_id, json.dumps({**fields, **change}).encode())

    def test_a_time_without_a_zone_is_refused(self) -> None:
        doc_id, fields = golden(GOLDEN / "1" / "hazard.reported.json")
        fields["recorded"]["at"] = "2026-11-23T01:30:05"
        with pytest.raises(msgspec.ValidationError, match=r"\$\.recorded\.at"):
            decode_record(doc_id, json.dumps(fields).encode())

    def test_a_position_off_the_earth_is_refused(self) -> None:
        doc_id, fields = golden(GOLDEN / "1" / "hazard.reported.json")
        fields["position"]["lat"] = 99
        with pytest.raises(msgspec.ValidationError, match=r"\$\.position\.lat"):
            decode_record(doc_id, json.dumps(fields).encode())


class TestIds:
    def test_an_id_names_its_type_and_sorts_by_time(self) -> None:
        ids = [new_id("hazard.reported") for _ in range(100)]
        assert sorted(ids) == ids
        assert {tag_of(doc_id) for doc_id in ids} == {"hazard.reported"}

    @pytest.mark.parametrize("body", [b"{}", b" { } ", b'{"a":1}'])
    def test_a_stored_body_gets_its_id_again(self, body: bytes) -> None:
        assert json.loads(with_id('a"b', body)) == {"_id": 'a"b', **json.loads(body)}
