"""What runs beside requests, each part against a real database and real servers on loopback."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select, text

from backend import audit
from backend.accounts.keys import SigningKeys
from backend.accounts.models import ConsoleSession
from backend.db import Database
from backend.jobs import delete_expired, jobs_app
from backend.settings import Settings
from backend.worker import hub_root, work
from tests.factories.accounts import make_company, make_staff


async def _until(condition: Callable[[], Awaitable[bool]], limit_s: float = 15) -> None:
    async with asyncio.timeout(limit_s):
        while not await condition():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.05)


class TestWork:
    async def test_the_audit_is_sealed_and_it_stops_when_asked_though_the_hub_is_away(
        self, own_settings: Settings, own_database: Database
    ) -> None:
        nowhere = msgspec.structs.replace(own_settings, port=1, hub_admin="a:b")
        async with own_database.sessions() as session, session.begin():
            await audit.record(session, None, "staff.signed_in", "staff", "s1")
        stop = asyncio.Event()
        working = asyncio.create_task(work(nowhere, own_database, SigningKeys(own_settings.data_dir / "keys"), stop))

        async def sealed() -> bool:
            async with own_database.sessions() as session:
                statement = select(func.count()).where(audit.AuditEntry.position.is_not(None))
                return bool(await session.scalar(statement))

        await _until(sealed)
        stop.set()
        await asyncio.wait_for(working, 10)


class TestJobs:
    async def test_a_due_job_is_done_by_a_worker(self, own_database: Database) -> None:
        async with own_database.sessions() as session, session.begin():
            staff = await make_staff(session, await make_company(session))
            gone = datetime.now(UTC) - timedelta(hours=1)
            session.add(ConsoleSession(token_hash=b"x", staff_id=staff.id, csrf_token="y", expires_at=gone))
        app = jobs_app(own_database)
        async with app.open_async():
            await app.tasks[delete_expired.name].defer_async(timestamp=0)
            await app.run_worker_async(
                wait=False, install_signal_handlers=False, additional_context={"database": own_database}
            )
        async with own_database.sessions() as session:
            assert await session.scalar(select(func.count()).select_from(ConsoleSession)) == 0
            done = await session.scalar(
                text("SELECT status FROM procrastinate_jobs WHERE task_name = 'delete_expired'")
            )
        assert done == "succeeded"


class TestHubRoot:
    @pytest.mark.parametrize(
        ("given", "address"),
        [
            ({"hub_admin": "admin:p@ss"}, "http://admin:p%40ss@127.0.0.1:8000/sync"),
            ({"hub_admin": "admin:x", "host": "0.0.0.0"}, "http://admin:x@127.0.0.1:8000/sync"),
            ({"hub_admin": "admin:x", "couchdb_url": "http://couchdb:5984"}, "http://admin:x@couchdb:5984"),
            ({"hub_admin": "admin:x", "couchdb_url": "http://me:y@couchdb:5984"}, "http://me:y@couchdb:5984"),
        ],
    )
    def test_it_carries_the_administrator(self, given: dict[str, Any], address: str) -> None:
        assert hub_root(Settings(**given)) == address
