"""The command line, each command a process of its own on a real database: what it does, what it says when it cannot."""

import socket
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import shapely
from litestar.testing import AsyncTestClient

from backend.app import create_app
from backend.cluster import Cluster
from backend.settings import Settings
from qixun.cli import _parser
from tests.factories.network import LAT, LON, pipe_row, write_layer
from tests.qixun.command import Command, free_port, lines_with, sentence
from tests.qixun.conftest import ADMINISTRATOR, COMPANY, PASSWORD, UNIT

GOOD = shapely.LineString([(LON, LAT), (LON + 0.001, LAT)])
POINT = shapely.LineString([(LON, LAT), (LON, LAT)])
ABROAD = shapely.LineString([(2.35, 48.85), (2.36, 48.85)])


def _count(command: Command, table: str) -> int:
    with psycopg.connect(command.database_url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # a name of ours
    assert row is not None
    return int(row[0])


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two good pipes; one without a level, one without length, one abroad, one twice, one without geometry."""
    rows: list[tuple[dict[str, Any], Any]] = [
        (pipe_row("SH-1"), GOOD),
        (pipe_row("SH-2", "没有这个级别"), GOOD),
        (pipe_row("SH-3"), POINT),
        (pipe_row("SH-4"), ABROAD),
        (pipe_row("SH-1"), GOOD),
        (pipe_row("SH-6"), None),
        (pipe_row("SH-7"), GOOD),
    ]
    return write_layer(tmp_path / "管网.gpkg", rows)


class TestImportCylinders:
    @pytest.fixture
    def register(self, tmp_path: Path) -> Path:
        """Two good rows, a bad date, an unknown size, a code twice; a CSV under a name that says otherwise."""
        path = tmp_path / "台账.xls"
        rows = ["气瓶编号,规格,制造年月,备注", "SH-1,YSP35.5,2022-05,", "SH-2,YSP118,202206,"]
        rows += ["SH-3,YSP35.5,五月,", "SH-4,YSP99,2022-05,", "SH-1,YSP35.5,2022-05,"]
        path.write_bytes("\n".join(rows).encode("gb18030"))
        return path

    @pytest.mark.requirement("E5.8.4-2")
    def test_good_rows_are_taken_bad_ones_listed_and_the_same_again_changes_nothing(
        self, qixun: Command, register: Path, tmp_path: Path
    ) -> None:
        trial = qixun("import-cylinders", register, "--unit", UNIT, "--dry-run")
        assert lines_with(trial, ["5 read, 2 accepted", "3 rejected"]) != []
        assert _count(qixun, "cylinders") == 0
        done = qixun("import-cylinders", register, "--unit", UNIT, "--json", tmp_path / "report.json")
        assert (done.returncode, _count(qixun, "cylinders")) == (1, 2)
        assert "2 / 2" in done.stderr
        for row, reason in ((4, "the date of manufacture is no date"), (5, "no such size"), (6, "that of row 2")):
            assert len(lines_with(done, [f"  row {row} ", reason])) == 1, done.stdout
        assert len(msgspec.json.decode((tmp_path / "report.json").read_bytes())["rejected"]) == 3
        again = qixun("import-cylinders", register, "--unit", UNIT)
        assert lines_with(again, ["(0 new, 0 changed, 2 as before)"]) != []

    def test_what_is_no_table_is_one_sentence(self, founded: Command, tmp_path: Path) -> None:
        path = tmp_path / "picture.xlsx"
        path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
        assert "neither a workbook nor a table" in sentence(founded("import-cylinders", path, "--unit", UNIT))


class TestImportNetwork:
    def test_a_dry_run_reports_and_writes_nothing(self, qixun: Command, mixed: Path) -> None:
        before = _count(qixun, "audit_entries"), _count(qixun, "outbox")
        done = qixun("import-network", mixed, "--unit", UNIT, "--dry-run")
        assert lines_with(done, ["7 read, 2 accepted", "5 rejected"]) != []
        assert lines_with(done, ["dry run: nothing was written"]) != []
        assert _count(qixun, "pipes") == _count(qixun, "patrol_areas") == 0
        assert (_count(qixun, "audit_entries"), _count(qixun, "outbox")) == before

    def test_good_rows_are_taken_and_each_rejected_row_is_listed_with_its_reason(
        self, qixun: Command, mixed: Path, tmp_path: Path
    ) -> None:
        done = qixun("import-network", mixed, "--unit", UNIT, "--json", tmp_path / "report.json")
        assert done.returncode == 1
        assert _count(qixun, "pipes") == 2
        for row, code in (
            (2, "pressure_level"),
            (3, "zero_length"),
            (4, "outside"),
            (5, "duplicate_code"),
            (6, "no_geometry"),
        ):
            listed = lines_with(done, [f"  row {row} ", code])
            assert len(listed) == 1, done.stdout
            zh, _, en = listed[0].partition(" / ")
            assert len(zh) > len(f"  row {row} {code}: ")
            assert en.endswith(".")
        report = msgspec.json.decode((tmp_path / "report.json").read_bytes())
        assert [rejected["row"] for rejected in report["layers"][0]["rejected"]] == [2, 3, 4, 5, 6]

    def test_a_file_without_fault_ends_well_and_changes_nothing_the_second_time(
        self, qixun: Command, tmp_path: Path
    ) -> None:
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), GOOD)])
        first = qixun("import-network", path, "--unit", UNIT)
        second = qixun("import-network", path, "--unit", UNIT)
        assert (first.returncode, second.returncode) == (0, 0)
        assert lines_with(first, ["1 new"]) != []
        assert lines_with(second, ["0 new, 0 changed, 1 as before"]) != []

    def test_columns_may_be_named_by_hand(self, qixun: Command, tmp_path: Path) -> None:
        path = write_layer(tmp_path / "a.gpkg", [({"甲": "SH-1", "乙": "中压A"}, GOOD)])
        done = qixun("import-network", path, "--unit", UNIT, "--map", "code=甲", "--map", "pressure_level=乙")
        assert (done.returncode, _count(qixun, "pipes")) == (0, 1)

    def test_more_rejected_rows_than_a_screen_holds_are_counted(self, qixun: Command, tmp_path: Path) -> None:
        path = write_layer(tmp_path / "a.gpkg", [(pipe_row(f"SH-{n}", "?"), GOOD) for n in range(30)])
        done = qixun("import-network", path, "--unit", UNIT, "--dry-run")
        assert len(lines_with(done, ["  row "])) == 20
        assert lines_with(done, ["10 more", "--json"]) != []


class TestRefusedImports:
    def test_an_unknown_unit(self, founded: Command, mixed: Path) -> None:
        done = founded("import-network", mixed, "--unit", "没有这个班")
        assert "no unit is called '没有这个班'" in sentence(done)
        assert done.returncode == 1

    def test_a_file_that_is_not_there(self, founded: Command, tmp_path: Path) -> None:
        assert "cannot be read" in sentence(founded("import-network", tmp_path / "none.gpkg", "--unit", UNIT))

    def test_a_file_that_names_no_coordinate_system(self, qixun: Command, tmp_path: Path) -> None:
        with pytest.warns(UserWarning, match="crs"):
            path = write_layer(tmp_path / "a.gpkg", [(pipe_row("SH-1"), GOOD)], crs=None)
        assert "Name it, for example EPSG:4490" in sentence(qixun("import-network", path, "--unit", UNIT))
        assert qixun("import-network", path, "--unit", UNIT, "--crs", "EPSG:4490", "--dry-run").returncode == 0

    def test_a_coordinate_system_that_does_not_exist(self, founded: Command, mixed: Path) -> None:
        done = founded("import-network", mixed, "--unit", UNIT, "--crs", "EPSG:1")
        assert "Unknown coordinate system 'EPSG:1'" in sentence(done)

    def test_a_truncated_file_leaves_nothing_half_written(self, qixun: Command, mixed: Path, tmp_path: Path) -> None:
        cut = tmp_path / "cut.gpkg"
        cut.write_bytes(mixed.read_bytes()[:5000])
        done = qixun("import-network", cut, "--unit", UNIT)
        assert done.returncode == 1
        assert "import-network" not in sentence(done)
        assert _count(qixun, "pipes") == 0

    def test_a_mapping_that_is_none(self, founded: Command, mixed: Path) -> None:
        done = founded("import-network", mixed, "--unit", UNIT, "--map", "code")
        assert done.returncode == 2
        assert "'code' is not FIELD=COLUMN" in done.stderr


class TestCreateCompany:
    async def test_its_administrator_signs_in(self, qixun: Command) -> None:
        settings = Settings(database_url=qixun.database_url, data_dir=qixun.data_dir, database_pool=2)
        async with AsyncTestClient(create_app(settings)) as client:
            right = {"staff_number": ADMINISTRATOR, "password": PASSWORD, "device": None}
            answer = await client.post("/api/sign-in", json=right)
            wrong = await client.post("/api/sign-in", json=right | {"password": "not-his-password"})
        assert answer.status_code in {200, 201}
        assert answer.json()["staff"]["company_name"] == COMPANY
        assert [unit["name"] for unit in answer.json()["units"]] == [UNIT]
        assert wrong.status_code == 401

    def test_its_units_have_lists_and_limits_for_phones(self, qixun: Command) -> None:
        assert _count(qixun, "outbox WHERE doc_id LIKE 'reference.list:%'") > 5
        assert _count(qixun, "outbox WHERE doc_id LIKE 'reference.settings:%'") == 1

    def test_a_weak_password_makes_nothing(self, qixun: Command) -> None:
        done = qixun("create-company", "另一家", "--administrator", "A902", said="12345678\n")
        assert "Choose another" in sentence(done)
        assert _count(qixun, "organisations WHERE name = '另一家'") == 0

    def test_without_a_password_nothing_is_made(self, qixun: Command) -> None:
        done = qixun("create-company", "另一家", "--administrator", "A902")
        assert done.returncode == 1
        assert sentence(done)
        assert _count(qixun, "organisations WHERE name = '另一家'") == 0

    def test_a_staff_number_that_is_taken_makes_nothing(self, qixun: Command) -> None:
        done = qixun("create-company", "另一家", "--administrator", ADMINISTRATOR, said=f"{PASSWORD}\n")
        assert "The staff number is taken." in sentence(done)
        assert _count(qixun, "organisations WHERE name = '另一家'") == 0


class TestStart:
    """What keeps a command from starting is one sentence and status 1."""

    def test_a_busy_port(self, founded: Command) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            done = founded("serve", QIXUN_PORT=port)
        assert done.returncode == 1
        assert f"port {port} on 127.0.0.1 cannot be used" in sentence(done)

    def test_a_base_map_that_is_none(self, founded: Command, tmp_path: Path) -> None:
        (tmp_path / "town.pmtiles").write_text("streets")
        done = founded("serve", QIXUN_PORT=str(free_port()), QIXUN_BASEMAP=str(tmp_path / "town.pmtiles"))
        assert done.returncode == 1
        assert "it is no PMTiles file of version 3" in sentence(done)

    def test_a_data_directory_that_is_a_file(self, founded: Command, tmp_path: Path) -> None:
        broken = tmp_path / "file"
        broken.write_text("not a directory")
        done = founded("migrate", QIXUN_DATABASE_URL="", QIXUN_DATA_DIR=str(broken))
        assert done.returncode == 1
        assert "the data directory cannot be used" in sentence(done)

    def test_a_private_cluster_that_is_broken(self, founded: Command, tmp_path: Path) -> None:
        directory = Cluster(tmp_path / "broken").directory
        (directory / "pgdata").mkdir(parents=True)
        done = founded("migrate", QIXUN_DATABASE_URL="", QIXUN_DATA_DIR=str(tmp_path / "broken"))
        assert done.returncode == 1
        assert "restore it from a backup or move it away" in sentence(done)

    def test_a_database_that_does_not_answer(self, founded: Command) -> None:
        url = f"postgresql://nobody:secret@127.0.0.1:{free_port()}/qixun"
        said = sentence(founded("migrate", QIXUN_DATABASE_URL=url))
        assert "the database does not answer" in said
        assert "secret" not in said

    def test_an_address_that_is_no_postgresql(self, founded: Command) -> None:
        assert "postgresql://" in sentence(founded("migrate", QIXUN_DATABASE_URL="mysql://root@127.0.0.1/qixun"))

    def test_a_database_where_the_account_may_make_nothing(self, founded: Command, cluster: Cluster) -> None:
        address = _reader(cluster)
        said = sentence(founded("migrate", QIXUN_DATABASE_URL=address))
        assert "the database cannot be migrated" in said
        assert "permission denied" in said

    def test_an_unknown_setting(self, founded: Command) -> None:
        done = founded("migrate", QIXUN_PROT="9000")
        assert "there is no setting QIXUN_PROT" in sentence(done)
        assert done.returncode == 1

    def test_a_setting_that_does_not_fit(self, founded: Command) -> None:
        assert "QIXUN_PORT='many'" in sentence(founded("migrate", QIXUN_PORT="many"))

    def test_the_phone_app_s_variables_trouble_no_server(self, founded: Command) -> None:
        done = founded(
            "migrate",
            QIXUN_SERVER_URL="http://127.0.0.1:8000",
            QIXUN_PHONE_DIR="/tmp",
            QIXUN_PHONE_KEY_FILE="/tmp/key",
            QIXUN_GPS="tcp://x:1",
        )
        assert (done.returncode, done.stderr) == (0, "")

    def test_a_worker_alone_says_that_it_needs_a_hub(self, founded: Command) -> None:
        assert "QIXUN_COUCHDB_URL" in sentence(founded("worker"))


def _reader(cluster: Cluster) -> str:
    """The address of an account that may connect to the `postgres` database and nothing more."""
    role, password = "qixun_test_reader", "reader"
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    return cluster.url("postgres").replace(cluster.url("postgres").split("@")[0], f"postgresql://{role}:{password}")


class TestHubAdmin:
    def test_it_is_made_once_and_kept_from_other_users(self, founded: Command, tmp_path: Path) -> None:
        qixun = msgspec.structs.replace(founded, data_dir=tmp_path)
        first, second = qixun("hub-admin"), qixun("hub-admin")
        name, _, password = first.stdout.strip().partition(":")
        assert name == "admin"
        assert len(password) > 20
        assert second.stdout == first.stdout
        assert (qixun.data_dir / "hub-admin").stat().st_mode & 0o077 == 0

    def test_a_configured_one_is_shown(self, founded: Command) -> None:
        assert founded("hub-admin", QIXUN_HUB_ADMIN="root:configured").stdout == "root:configured\n"


class TestHelp:
    @pytest.mark.parametrize("command", sorted(_parser()._subparsers._group_actions[0].choices))
    def test_each_command_has_one(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as end:
            _parser().parse_args([command, "--help"])
        assert end.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: qixun {command}")

    def test_a_person_who_names_no_command_is_shown_them(self, founded: Command) -> None:
        done = founded()
        assert done.returncode == 2
        assert "usage: qixun" in done.stderr
