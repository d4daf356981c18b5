"""`/metrics`: who may read it, and that each figure changes when what it counts does."""

import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import structlog
from litestar import Litestar
from litestar.testing import AsyncTestClient
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, figures
from backend.db import Database
from backend.intake.models import (
    Conflict,
    Fact,
    HubDatabase,
    HubManifest,
    OutboxDocument,
    QuarantinedDocument,
    RecordNumbers,
)
from backend.observing import configure_logging
from backend.settings import Settings
from backend.worker import shown_figures
from tests.factories.accounts import make_company, make_device, make_staff

NOW = datetime.now(UTC)
EARLIER = NOW - timedelta(minutes=10)
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
Figures = dict[tuple[str, str], float]


def read(page: bytes) -> Figures:
    return {
        (sample.name, ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
        if sample.name.startswith("qixun_")
    }


def changed(before: Figures, after: Figures) -> Figures:
    return {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}


class TestWhoMayScrape:
    @pytest.mark.parametrize(
        ("host", "headers", "allowed"),
        [
            ("127.0.0.1", {}, True),
            ("::1", {}, True),
            ("10.0.0.7", {}, False),
            ("", {}, False),
            ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, False),
            ("10.0.0.7", {"authorization": "Bearer right"}, True),
            ("127.0.0.1", {"x-forwarded-for": "203.0.113.9", "authorization": "Bearer right"}, True),
            ("10.0.0.7", {"authorization": "Bearer wrong"}, False),
            ("10.0.0.7", {"authorization": "Basic right"}, False),
        ],
    )
    def test_this_machine_or_the_token(self, host: str, headers: dict[str, str], *, allowed: bool) -> None:
        assert figures.may_scrape(host, headers, "right") is allowed

    def test_without_a_token_in_the_settings_an_empty_one_opens_nothing(self) -> None:
        assert not figures.may_scrape("10.0.0.7", {"authorization": "Bearer "}, "")

    async def test_a_stranger_is_told_how(self, client: AsyncTestClient[Litestar]) -> None:
        answer = await client.get("/metrics")
        assert (answer.status_code, answer.json()["code"]) == (401, "metrics.token_needed")


class TestState:
    async def test_each_figure_follows_what_it_counts(self, database: Database, session: AsyncSession) -> None:
        before = read(await figures.page(database))
        company = await make_company(session)
        phone = await make_device(session, await make_staff(session, company))
        phone.last_seen_at, phone.waiting, phone.refused = NOW, 7, 2
        phone.oldest_waiting_at = NOW - timedelta(hours=1)
        session.add_all(_one_of_each(company.unit.id))
        for status in ("todo", "failed"):
            job = "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'x', :status)"
            await session.execute(text(job), {"status": status})
        await audit.record(session, None, "staff.signed_in", "staff", "s1")
        await session.flush()
        found = changed(before, read(await figures.page(database)))
        ages = {name: found.pop((name, "")) for name in ("qixun_outbox_oldest_seconds", "qixun_phone_oldest_seconds")}
        assert ages["qixun_outbox_oldest_seconds"] >= 600
        assert ages["qixun_phone_oldest_seconds"] >= 3600
        assert found.pop(("qixun_hub_read_age_seconds", "kind=user")) >= 600
        assert found.pop(("qixun_hub_compared_age_seconds", "")) >= 600
        assert found == {
            ("qixun_outbox_waiting", ""): 1,
            ("qixun_jobs", "state=todo"): 1,
            ("qixun_jobs", "state=failed"): 1,
            ("qixun_quarantine_open", "code=forged"): 1,
            ("qixun_conflicts_open", "kind=task.withdrawn"): 1,
            ("qixun_records_unsettled", ""): 1,
            ("qixun_hub_databases", "kind=user"): 1,
            ("qixun_hub_databases_to_provision", ""): 1,
            ("qixun_hub_databases_unverified", ""): 1,
            ("qixun_phones_with_gaps", ""): 1,
            ("qixun_phones", "state=heard_of"): 1,
            ("qixun_phone_records_waiting", ""): 7,
            ("qixun_phone_records_refused", ""): 2,
            ("qixun_audit_unsealed", ""): 1,
        }

    async def test_without_postgresql_the_rest_is_told(self, settings: Settings) -> None:
        nowhere = Database(msgspec.structs.replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none"))
        found = read(await figures.page(nowhere))
        await nowhere.close()
        assert found["qixun_database_up", ""] == 0
        assert ("qixun_outbox_waiting", "") not in found
        assert ("qixun_intake_seconds_count", "") in found


def _one_of_each(unit_id: str) -> list[Any]:
    """A wish not carried out, a document not written, one held back, a contradiction, a record that waits."""
    who: dict[str, Any] = {"organisation_id": unit_id, "staff_id": "s", "device_id": "d"}
    fact = {"tag": "x", "rev": "1-a", "database": "user_s_20264", "company_id": unit_id, "record_number": 1}
    held = {"database": "user_s_20264", "doc_id": "x:1", "rev": "1-a", "seq": "1", "code": "forged", "body": b""}
    return [
        HubDatabase(name="user_s_20264", kind="user", owner_id="s", read_at=EARLIER),
        HubManifest(database="user_s_20264", compared_at=EARLIER),
        RecordNumbers(device_id="d", kind="user", whole_up_to=1, highest=3, missing=1),
        OutboxDocument(database="user_s_20264", doc_id="x:2", body=b"{}", sha256=b"", changed_at=EARLIER),
        QuarantinedDocument(id="q1", received_at=NOW, **who, **held),
        Conflict(id="c1", organisation_id=unit_id, kind="task.withdrawn", key="a b", record_ids=["a", "b"]),
        Fact(id="x:3", recorded_at=NOW, received_at=NOW, state="waiting", body=b"", **who, **fact),
    ]


class TestProcess:
    async def test_a_refused_sign_in_is_counted_by_its_code(self, client: AsyncTestClient[Litestar]) -> None:
        key = {"status": "401", "code": "sign_in.wrong_password"}
        before = REGISTRY.get_sample_value("qixun_problems_total", key) or 0
        await client.post("/api/sign-in", json={"staff_number": "nobody", "password": "not this one"})
        assert REGISTRY.get_sample_value("qixun_problems_total", key) == before + 1

    def test_a_taken_page_is_counted_with_the_way_of_its_records(self) -> None:
        names = ("qixun_record_way_seconds_count", "qixun_intake_seconds_count")
        before = [REGISTRY.get_sample_value(name) or 0 for name in names]
        slow = REGISTRY.get_sample_value("qixun_record_way_seconds_bucket", {"le": "60.0"}) or 0
        moments = [datetime.now(UTC) - timedelta(hours=3), datetime.now(UTC) - timedelta(days=1)]
        figures.note_taken("user", moments, datetime.now(UTC))
        assert [REGISTRY.get_sample_value(name) for name in names] == [before[0] + 2, before[1] + 1]
        assert REGISTRY.get_sample_value("qixun_record_way_seconds_bucket", {"le": "60.0"}) == slow

    def test_warnings_are_counted_by_name_also_where_only_errors_are_written(
        self, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        configure_logging(msgspec.structs.replace(settings, log_level="error"))
        key = {"event": "outbox.stopped", "level": "warning"}
        other = {"event": "other", "level": "error"}
        before = [REGISTRY.get_sample_value("qixun_log_events_total", each) or 0 for each in (key, other)]
        structlog.get_logger().warning("outbox.stopped", reason="the hub is away")
        structlog.get_logger().error("Li's phone 138 says no")
        after = [REGISTRY.get_sample_value("qixun_log_events_total", each) for each in (key, other)]
        assert after == [before[0] + 1, before[1] + 1]
        assert "outbox.stopped" not in capsys.readouterr().err


class TestWorkersPage:
    async def test_a_worker_apart_shows_its_own(self, settings: Settings, database: Database) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        own = msgspec.structs.replace(settings, metrics_port=port)
        async with shown_figures(own, database), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            async with http.get("/metrics") as answer:
                assert answer.status == 200
                assert b"qixun_intake_seconds_bucket" in await answer.read()
            async with http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}) as answer:
                assert answer.status == 401


class TestGuide:
    def test_every_figure_is_explained(self) -> None:
        told = set(re.findall(r"`(qixun_[a-z_]+)`", OPERATIONS.read_text(encoding="utf-8")))
        counted = {family.name for family in REGISTRY.collect() if family.name.startswith("qixun_")}
        assert {name.removesuffix("_total") for name in told} == counted | figures.NAMES
