"""Health, metrics, headers and the shape of errors."""

import msgspec
import pytest
from litestar import get
from litestar.testing import AsyncTestClient
from prometheus_client import REGISTRY, generate_latest
from sqlalchemy.ext.asyncio import AsyncSession

from backend.app import create_app
from backend.db import Database
from backend.settings import Settings
from tests.factories.accounts import bearer, make_company, make_staff

# How `/metrics` counts a failure of the server.
COUNTED = {"status": "500", "code": "server.failed"}


class TestHealth:
    async def test_it_is_alive_and_ready(self, client: AsyncTestClient) -> None:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}

    async def test_it_is_not_ready_without_its_database(self, settings: Settings) -> None:
        nowhere = msgspec.structs.replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none")
        app = create_app(nowhere, database=Database(nowhere))
        async with AsyncTestClient(app) as client:
            answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")

    async def test_metrics_name_routes_not_rows(self, client: AsyncTestClient) -> None:
        await client.get("/healthz")
        text = generate_latest().decode()
        assert 'qixun_requests_total{method="GET",route="/healthz",status="200"}' in text


class TestSchema:
    async def test_it_is_openapi_3_1_and_knows_the_routes(self, client: AsyncTestClient) -> None:
        schema = (await client.get("/schema/openapi.json")).json()
        assert schema["openapi"].startswith("3.1")
        assert "/api/sign-in" in schema["paths"]

    async def test_every_answer_and_every_form_is_described(self, client: AsyncTestClient) -> None:
        paths = (await client.get("/schema/openapi.json")).json()["paths"]
        bare = [
            path
            for path, operations in paths.items()
            for operation in operations.values()
            for content in operation["responses"].get("200", {}).get("content", {}).values()
            if not content.get("schema")
        ]
        assert bare == []
        form = paths["/api/oauth/token"]["post"]["requestBody"]["content"]
        assert list(form) == ["application/x-www-form-urlencoded"]

    @pytest.mark.parametrize("path", ["/api/sign-in", "/api/refresh", "/api/oauth/token"])
    async def test_what_gives_tokens_asks_for_none(self, client: AsyncTestClient, path: str) -> None:
        paths = (await client.get("/schema/openapi.json")).json()["paths"]
        assert paths[path]["post"]["security"] == [{}]


class TestMalformed:
    @pytest.mark.parametrize("body", [b'{"staff_number": "\xff"}', b"[" * 100_000], ids=["no UTF-8", "endless nesting"])
    async def test_json_that_no_reader_reads_is_the_senders_fault(self, client: AsyncTestClient, body: bytes) -> None:
        answer = await client.post("/api/sign-in", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")

    @pytest.mark.parametrize("query", ["search=%00", f"offset={10**22}"])
    async def test_a_value_that_postgresql_does_not_know_is_the_senders_fault(
        self, client: AsyncTestClient, session: AsyncSession, query: str
    ) -> None:
        staff = await make_staff(session, await make_company(session), roles=["company_admin"])
        answer = await client.get(f"/api/hazards?{query}", headers=bearer(client, staff))
        assert (answer.status_code, answer.json()["code"]) == (422, "value.unusable")


class TestAnswers:
    async def test_every_answer_carries_its_id_and_safe_headers(self, client: AsyncTestClient) -> None:
        answer = await client.get("/healthz", headers={"X-Request-ID": "from-the-proxy-1"})
        assert answer.headers["x-request-id"] == "from-the-proxy-1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]

    async def test_a_forged_request_id_is_replaced(self, client: AsyncTestClient) -> None:
        answer = await client.get("/healthz", headers={"X-Request-ID": 'x" evil log line'})
        assert "evil" not in answer.headers["x-request-id"]

    async def test_an_unknown_address_is_a_problem(self, client: AsyncTestClient) -> None:
        answer = await client.get("/api/nothing-here")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "address.unknown"

    async def test_a_failure_shows_nothing_of_the_inside(self, settings: Settings, database: Database) -> None:
        @get("/fails", sync_to_thread=False)
        def fails() -> None:
            raise RuntimeError("the password is 1234")

        app = create_app(settings, database=database, route_handlers=[fails])
        async with AsyncTestClient(app, raise_server_exceptions=False) as client:
            before = REGISTRY.get_sample_value("qixun_problems_total", COUNTED) or 0
            answer = await client.get("/fails")
        assert REGISTRY.get_sample_value("qixun_problems_total", COUNTED) == before + 1
        assert (answer.status_code, answer.json()["code"]) == (500, "server.failed")
        assert "1234" not in answer.text
