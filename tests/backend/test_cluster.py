"""The private cluster: made once, found again, shared, and honest when it cannot start."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from backend import cluster as module
from backend.cluster import Cluster, ClusterError

_QUICK = ("fsync=off", "full_page_writes=off")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory with a cluster in it, stopped."""
    folder = tmp_path_factory.mktemp("cluster")
    # pytest's own folders are closed to other users, as /root is.
    running = Cluster(folder, options=_QUICK)
    running.start()
    running.create_database()
    running.stop()
    yield folder
    _remove(running)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Cluster]:
    """Not started yet."""
    cluster = Cluster(tmp_path, options=_QUICK)
    yield cluster
    _remove(cluster)


def _remove(cluster: Cluster) -> None:
    shutil.rmtree(cluster.directory)


class TestStart:
    def test_what_was_stored_is_there_after_a_restart(self, made: Path) -> None:
        first = Cluster(made, options=_QUICK)
        first.start()
        with psycopg.connect(first.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT postgis_version()")
        first.stop()
        second = Cluster(made, options=_QUICK)
        second.start()
        with psycopg.connect(second.url()) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        second.stop()

    def test_a_wrong_password_is_refused(self, made: Path) -> None:
        running = Cluster(made, options=_QUICK)
        running.start()
        wrong = running.url().replace(running._password(), "guess")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        running.stop()

    def test_the_last_user_stops_it(self, made: Path) -> None:
        one, two = Cluster(made, options=_QUICK), Cluster(made, options=_QUICK)
        one.start()
        two.start()
        one.stop()
        with psycopg.connect(two.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        two.stop()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(two.url())

    def test_a_server_left_by_a_killed_program_is_used_again(self, made: Path) -> None:
        program = (
            "import sys, time; from pathlib import Path; from backend.cluster import Cluster\n"
            f"c = Cluster(Path({str(made)!r}), options={_QUICK!r}); c.start(); print('up', flush=True); time.sleep(60)"
        )
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        again = Cluster(made, options=_QUICK)
        began = time.monotonic()
        again.start()
        took_s = time.monotonic() - began
        with psycopg.connect(again.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        again.stop()
        assert took_s < 3

    def test_a_broken_directory_gives_one_sentence(self, fresh: Cluster) -> None:
        fresh.pgdata.mkdir()
        with pytest.raises(ClusterError, match="PG_VERSION"):
            fresh.start()

    def test_another_version_of_postgresql_is_named(self, fresh: Cluster) -> None:
        fresh.pgdata.mkdir()
        (fresh.pgdata / "PG_VERSION").write_text("99\n")
        with pytest.raises(ClusterError, match="install postgresql-99"):
            fresh.start()

    def test_a_machine_without_postgresql_is_told_what_to_install(
        self, fresh: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_installed", dict)
        with pytest.raises(ClusterError, match="apt-get install"):
            fresh.start()
