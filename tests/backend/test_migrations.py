import subprocess
import sys
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from backend.cluster import Cluster
from backend.db import libpq_url
from backend.migrations.run import check, upgrade


class TestUpgrade:
    @pytest.fixture
    def empty(self, cluster: Cluster) -> Iterator[str]:
        name = f"migrated_{uuid.uuid4().hex[:12]}"
        yield cluster.create_database(name)
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def test_two_processes_at_once_and_a_later_start_leave_one_schema(self, empty: str) -> None:
        program = f"from backend.migrations.run import upgrade; upgrade({empty!r})"
        both = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
        assert [each.wait() for each in both] == [0, 0]
        subprocess.run([sys.executable, "-c", program], check=True)
        with psycopg.connect(libpq_url(empty)) as connection:
            versions = connection.execute("SELECT count(*) FROM alembic_version").fetchone()
            queue = connection.execute("SELECT to_regclass('procrastinate_jobs')::text").fetchone()
        assert versions == (1,)
        assert queue == ("procrastinate_jobs",)

    def test_tables_and_models_agree(self, empty: str) -> None:
        upgrade(empty)
        check(empty)
