"""`qixun bench sync` as a person runs it: real servers, real clients, figures that agree with each other."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qixun.bench.documents import DOCUMENT_BYTES, Person, field_records, read_documents, write_documents
from tests.qixun.command import Command, sentence

_PROGRAM = Path(sys.executable).with_name("qixun")
DOCUMENTS, MORE = 300, 600
PHONES, PHOTOS = 3, 2
# A minute on an idle machine; the first run also installs the peer.
_LONGEST_S = 400

pytestmark = pytest.mark.timeout(_LONGEST_S + 10)


def _bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """It makes databases and servers of its own: only the data directory is given."""
    environ = Command(database_url="", data_dir=folder).environment()
    command = [_PROGRAM, "bench", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=_LONGEST_S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    asked = ("--documents", f"{DOCUMENTS},{MORE}", "--rounds", "1", "--photos", str(PHOTOS), "--phones", str(PHONES))
    (folder / "page.md").write_text("# 前\n<!-- measured -->\nold\n<!-- /measured -->\n后\n")
    files = ("--json", str(folder / "figures.json"), "--docs", str(folder / "page.md"))
    return _bench(folder / "data", "sync", *asked, *files)


@pytest.fixture(scope="module")
def figures(folder: Path, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = msgspec.json.decode((folder / "figures.json").read_bytes())
    return found


def _database_of(data_dir: Path) -> Path | None:
    """Where the cluster of a running measurement lies, once it serves."""
    notes = data_dir.glob("bench-*/cluster/postgres-is-elsewhere.txt")
    elsewhere = [Path(note.read_text().partition(" is in ")[2].partition(":")[0]) for note in notes]
    found = [*elsewhere, *data_dir.glob("bench-*/cluster/postgres")]
    return next((place for place in found if (place / "pgdata" / "postmaster.pid").exists()), None)


class TestBenchSync:
    @pytest.mark.parametrize("way", ["push", "pull"])
    def test_a_ratio_is_that_of_our_rate_to_the_peers_better_one(self, figures: dict[str, Any], way: str) -> None:
        found = figures[way]
        assert found["documents"] == DOCUMENTS
        assert set(found["by_documents"]) == {str(DOCUMENTS), str(MORE)}
        assert found["growth"] == pytest.approx(found["docs_per_s"] / found["by_documents"][str(MORE)]["docs_per_s"])
        for who, name in (("qixun", "docs_per_s"), ("pouchdb_100",) * 2, ("pouchdb_1000",) * 2):
            rate = found[name if name == "docs_per_s" else f"{name}_docs_per_s"]
            assert rate == pytest.approx(DOCUMENTS / min(found["rounds_s"][who]))
        better = max(found["pouchdb_100_docs_per_s"], found["pouchdb_1000_docs_per_s"])
        assert found["ratio_to_pouchdb"] == pytest.approx(found["docs_per_s"] / better)

    def test_intake_is_held_against_a_copy_of_all_rows_that_it_wrote(self, figures: dict[str, Any]) -> None:
        intake = figures["intake"]
        assert intake["documents"] == DOCUMENTS
        # Each record leaves its body, a line in the log, and a row of its domain.
        assert intake["rows"] >= 3 * DOCUMENTS
        assert intake["tables"] >= 5
        assert intake["ratio_to_copy"] == pytest.approx(intake["copy_seconds"] / intake["seconds"])

    def test_records_are_seen_in_postgis_and_the_delays_are_in_order(self, figures: dict[str, Any]) -> None:
        visible = figures["intake"]["visible"]
        assert visible["records"] == DOCUMENTS
        assert 0 < visible["p50_s"] <= visible["p95_s"] <= visible["longest_s"]

    def test_a_sync_with_nothing_new_asks_the_server_and_moves_nothing(self, figures: dict[str, Any]) -> None:
        nothing_new = figures["nothing_new"]
        assert nothing_new["documents"] == MORE
        assert 0 < nothing_new["requests"] <= 3
        assert 0 < nothing_new["pouchdb_requests"] < 20

    def test_the_hub_alone_is_held_against_the_recorded_couchdb(self, figures: dict[str, Any]) -> None:
        for call in ("bulk_docs", "bulk_get", "revs_diff"):
            found = figures["hub"][call]
            assert found["ratio_to_couchdb"] == pytest.approx(
                DOCUMENTS / min(found["rounds_s"]) / found["couchdb_docs_per_s"]
            )

    def test_the_app_lists_its_records_without_a_network(self, figures: dict[str, Any]) -> None:
        start = figures["app_start"]
        assert start["documents"] == MORE
        assert 0 < start["loading_s"] < start["seconds"] == min(start["rounds_s"])

    def test_all_photos_come_over_the_slow_link_after_the_records(self, figures: dict[str, Any]) -> None:
        link = figures["slow_link"]
        assert link["photos"] == PHOTOS
        assert link["records_s"] <= link["first_photo_s"] <= link["seconds"]
        assert link["sent_ratio"] == link["sent_bytes"] / link["photo_bytes"] > 1

    def test_every_phone_gets_through_and_its_records_into_postgis(self, figures: dict[str, Any]) -> None:
        phones = figures["phones"]
        assert (phones["phones"], phones["failed"]) == (PHONES, 0)
        assert phones["in_postgis"] == PHONES * phones["pushed_each"]
        assert 0 < phones["p50_s"] <= phones["p95_s"] <= phones["longest_s"]

    def test_the_table_names_machine_versions_and_how_to_run_it_again(
        self, figures: dict[str, Any], done: subprocess.CompletedProcess[str]
    ) -> None:
        assert figures["versions"]["pouchdb"].startswith("9.")
        assert f"{figures['machine']['cores']} cores" in done.stdout
        again = f"--documents {DOCUMENTS},{MORE} --rounds 1 --photos {PHOTOS} --phones {PHONES}"
        assert f"`qixun bench sync {again}`" in done.stdout
        assert f"| {figures['push']['ratio_to_pouchdb']:.2f} |" in done.stdout

    def test_the_page_of_documentation_gets_the_table_in_its_place(
        self, folder: Path, done: subprocess.CompletedProcess[str]
    ) -> None:
        page = (folder / "page.md").read_text()
        assert page == f"# 前\n<!-- measured -->\n{done.stdout}<!-- /measured -->\n后\n"

    def test_nothing_of_it_stays_in_the_data_directory(
        self, folder: Path, done: subprocess.CompletedProcess[str]
    ) -> None:
        assert list((folder / "data").iterdir()) == []

    def test_ctrl_c_leaves_nothing(self, tmp_path: Path) -> None:
        environ = Command(database_url="", data_dir=tmp_path / "data").environment()
        asked = ("sync", "--only", "visible", "--documents", "9999")
        with subprocess.Popen(
            [_PROGRAM, "bench", *asked], env=environ, stderr=subprocess.PIPE, start_new_session=True, text=True
        ) as bench:
            assert "visible" in bench.stderr.readline()
            deadline = time.monotonic() + 60
            while not (database := _database_of(tmp_path / "data")) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert database is not None
            os.killpg(bench.pid, signal.SIGINT)
            complained = bench.stderr.read()
            assert bench.wait(60) == 130
        assert list((tmp_path / "data").iterdir()) == []
        assert not database.exists()
        assert "Traceback" not in complained

    def test_a_page_without_a_place_for_the_table_is_told_before_anything_starts(self, tmp_path: Path) -> None:
        (tmp_path / "page.md").write_text("# 别的\n")
        failed = _bench(tmp_path / "data", "sync", "--docs", str(tmp_path / "page.md"))
        assert failed.returncode == 1
        assert "<!-- measured -->" in sentence(failed)
        assert (tmp_path / "page.md").read_text() == "# 别的\n"

    @pytest.mark.parametrize("asked", [["--only", "pusch"], ["--documents", "0"], ["--documents", "10,x"]])
    def test_what_cannot_be_measured_is_said_before_anything_starts(self, tmp_path: Path, asked: list[str]) -> None:
        failed = _bench(tmp_path, "sync", *asked)
        assert failed.returncode == 2
        assert asked[1].rpartition(",")[2] in failed.stderr
        assert list(tmp_path.iterdir()) == []

    def test_a_hub_that_does_not_answer_is_told_in_one_sentence(self, tmp_path: Path) -> None:
        asked = ("--documents", "1", "--without-peer", "--hub", "http://a:b@127.0.0.1:9")
        failed = _bench(tmp_path, "sync", *asked)
        assert failed.returncode == 1
        assert "127.0.0.1" in sentence(failed)
        assert list(tmp_path.iterdir()) == []


class TestDocuments:
    def test_each_is_a_valid_record_of_the_promised_size(self, tmp_path: Path) -> None:
        person = Person("li", "east", "li-phone")
        write_documents(tmp_path / "records.ndjson", 50, person)
        assert {len(line) for line in (tmp_path / "records.ndjson").read_bytes().splitlines()} == {DOCUMENT_BYTES}
        assert [record.record_number for record in read_documents(tmp_path / "records.ndjson")] == list(range(1, 51))

    def test_two_runs_write_the_same_texts_under_new_ids(self) -> None:
        first, second = (list(field_records(9, Person("li", "east", "li-phone"))) for _ in range(2))
        assert [record.note for record in first] == [record.note for record in second]
        assert {record.id for record in first}.isdisjoint(record.id for record in second)
