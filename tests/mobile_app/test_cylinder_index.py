"""Which cylinder a scan means, found in the unit's file: quick, current, and nothing of it readable."""

import statistics
import time
from pathlib import Path

import msgspec
import pytest

from mobile_app import cylinder_index
from mobile_app.reference import Reference
from mobile_app.stores import Stores
from sync.documents.envelope import encode_body
from sync.store.models import Document
from sync.store.store import Store
from tests.mobile_app.phones import cylinder, put

# (With 100,000 a find took 0.07 ms too, and the first look, in the background, a tenth of a millisecond a cylinder.)
MANY = 5_000
TOKEN = "0123456789abcdef01234567"


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(tmp_path / "unit.sqlite", seal=b"k" * 16)
    yield opened
    opened.close()


def code(store: Store, wanted: str) -> str:
    found = cylinder_index.find(store, wanted)
    return found.code if found else ""


class TestFind:
    def test_by_number_tag_former_tag_and_public_page(self, store: Store) -> None:
        put(
            store,
            [cylinder("SH0001", tag_uid="04:a1:b2", former_tags=("04C3D4",), public_token=TOKEN), cylinder("SH0002")],
        )
        page = f"HTTPS://GAS.EXAMPLE.CN/C/{TOKEN.upper()}"
        for wanted in ("SH0001", "04A1B2", "04:A1:B2", "04C3D4", page, f"{page}/"):
            assert code(store, wanted) == "SH0001", wanted
        assert code(store, "SH0003") == code(store, "HTTPS://ELSEWHERE.CN/C/1") == ""

    def test_a_number_wins_over_another_cylinder_s_tag(self, store: Store) -> None:
        put(store, [cylinder("SH0001", tag_uid="SH0002"), cylinder("SH0002")])
        assert code(store, "SH0002") == "SH0002"

    def test_what_changes_is_known_at_the_next_scan(self, store: Store) -> None:
        put(store, [cylinder("SH0001", tag_uid="04AA")])
        assert code(store, "04AA") == "SH0001"
        put(store, [cylinder("SH0001", tag_uid="04BB", former_tags=("04AA",)), cylinder("SH0009", tag_uid="04CC")])
        assert [code(store, uid) for uid in ("04BB", "04AA", "04CC")] == ["SH0001", "SH0001", "SH0009"]
        held = store.get("reference.cylinder:sh0001")
        store.put("reference.cylinder:sh0001", b"{}", rev=held.rev, deleted=True)
        assert code(store, "SH0001") == code(store, "04BB") == ""

    def test_what_is_downloaded_is_found_without_anybody_waiting_for_it(self, tmp_path: Path) -> None:
        """The index is written with the documents, so the first scan after a large download has nothing to read."""
        stores = Stores(tmp_path, "li", seal=b"k" * 16)
        unit = stores.unit("u1")
        unit.put_many(Document(each.id, "", encode_body(each)) for each in map(cylinder, map(str, range(MANY))))
        began = time.perf_counter()
        found = Reference(stores).cylinder("4999")
        assert time.perf_counter() - began < 0.05
        assert found is not None
        assert unit.get_meta("cylinder_index_seen") == str(unit.update_seq)
        stores.close()

    def test_an_empty_file_has_nothing(self, store: Store) -> None:
        assert code(store, "SH0001") == ""

    def test_no_number_or_tag_lies_clear_in_the_sealed_file(self, store: Store, tmp_path: Path) -> None:
        secret = cylinder("ZZ-SECRET-7", tag_uid="04DEADBEEF", public_token=TOKEN)
        put(store, [msgspec.structs.replace(secret, id="reference.cylinder:x")])
        assert code(store, "ZZ-SECRET-7")
        store.compact()
        raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert not any(word in raw for word in (b"ZZ-SECRET-7", b"04DEADBEEF", TOKEN.encode()))

    def test_with_thousands_of_cylinders_a_scan_finds_its_own_in_milliseconds(self, store: Store) -> None:
        made = (
            cylinder(f"SH{number:06}", tag_uid=f"04{number:012X}", public_token=f"{number:024x}")
            for number in range(MANY)
        )
        store.put_many(Document(each.id, "", encode_body(each)) for each in made)
        cylinder_index.catch_up(store)
        took = []
        for number in range(0, MANY, MANY // 40):
            for wanted in (f"SH{number:06}", f"04{number:012X}", f"HTTPS://G.CN/C/{number:024X}", "UNKNOWN"):
                began = time.perf_counter()
                found = code(store, wanted)
                took.append(time.perf_counter() - began)
                assert found in (f"SH{number:06}", "")
        assert statistics.median(took) < 0.005
