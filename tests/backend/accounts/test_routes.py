"""Signing in, and who is kept out."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from litestar.testing import AsyncTestClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service
from backend.accounts.models import Device, RefreshToken
from backend.accounts.service.tokens import issue_access_token
from backend.app import create_app
from backend.audit import AuditEntry
from backend.db import Database
from backend.settings import Settings
from tests.factories.accounts import PASSWORD, bearer, make_company, make_device, make_organisation, make_staff

DEVICE = {"device_id": "0192aaaa", "name": "手机", "platform": "android", "app_version": "0.1.0"}


async def _sign_in(client: AsyncTestClient, number: str, *, password: str = PASSWORD, device: Any = None) -> Any:
    return await client.post("/api/sign-in", json={"staff_number": number, "password": password, "device": device})


class TestSignIn:
    async def test_a_wrong_password_and_an_unknown_number_get_the_same_answer(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        staff = await make_staff(session, await make_company(session))
        wrong = await _sign_in(client, staff.staff_number, password="not this one")
        unknown = await _sign_in(client, "nobody-has-this", password="not this one")
        assert (wrong.status_code, wrong.json()["code"]) == (401, "sign_in.wrong_password")
        assert wrong.headers["content-type"] == "application/problem+json"
        without_id = [{**each.json(), "request_id": ""} for each in (wrong, unknown)]
        assert without_id[0] == without_id[1]

    async def test_somebody_who_left_is_refused(self, client: AsyncTestClient, session: AsyncSession) -> None:
        staff = await make_staff(session, await make_company(session))
        staff.active = False
        await session.flush()
        assert (await _sign_in(client, staff.staff_number)).json()["code"] == "sign_in.wrong_password"

    async def test_a_number_is_locked_after_wrong_passwords_even_for_the_right_one(
        self, client: AsyncTestClient, session: AsyncSession, settings: Settings
    ) -> None:
        staff = await make_staff(session, await make_company(session))
        for _ in range(settings.sign_in_attempts):
            assert (await _sign_in(client, staff.staff_number, password="wrong-wrong")).status_code == 401
        locked = await _sign_in(client, staff.staff_number)
        assert (locked.status_code, locked.json()["code"]) == (429, "sign_in.locked")

    async def test_an_inspector_gets_what_a_shift_needs(self, client: AsyncTestClient, session: AsyncSession) -> None:
        company = await make_company(session)
        staff = await make_staff(session, company, roles=["inspector"])
        body = (await _sign_in(client, staff.staff_number, device=DEVICE)).json()
        assert body["staff"]["roles"] == ["inspector"]
        assert [unit["unit_id"] for unit in body["units"]] == [company.unit.id]
        assert body["databases"]["units"] == [f"unit_{company.unit.id}"]
        assert body["databases"]["user"][0].startswith(f"user_{staff.id}_")
        claims = jwt.decode(body["access_token"], options={"verify_signature": False})
        assert claims["_couchdb.roles"] == ["device:0192aaaa", f"unit:{company.unit.id}"]
        key_id = jwt.get_unverified_header(body["access_token"])["kid"]
        jwt.decode(body["access_token"], body["signing_keys"][key_id], algorithms=["ES256"])

    async def test_another_persons_device_is_refused(self, client: AsyncTestClient, session: AsyncSession) -> None:
        company = await make_company(session)
        device = await make_device(session, await make_staff(session, company))
        other = await make_staff(session, company)
        answer = await _sign_in(client, other.staff_number, device={**DEVICE, "device_id": device.id})
        assert (answer.status_code, answer.json()["code"]) == (409, "device.other_owner")

    @pytest.mark.parametrize(
        "body",
        [b"{", b"[]", b'{"staff_number": 1, "password": "x"}', b'{"staff_number": "a", "password": "b", "extra": 1}'],
    )
    async def test_a_malformed_body_is_a_clear_problem(self, client: AsyncTestClient, body: bytes) -> None:
        answer = await client.post("/api/sign-in", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")

    async def test_a_body_over_the_limit_is_refused(self, client: AsyncTestClient, settings: Settings) -> None:
        answer = await _sign_in(client, "x" * (settings.max_body_bytes + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "body.too_large")


class TestAccessToken:
    async def test_nobody_is_asked_to_sign_in(self, client: AsyncTestClient) -> None:
        answer = await client.get("/api/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "sign_in.needed")

    async def _code(self, client: AsyncTestClient, token: str) -> str:
        answer = await client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        return str(answer.json()["code"])

    async def test_an_expired_token_is_refused(self, client: AsyncTestClient, session: AsyncSession) -> None:
        staff = await make_staff(session, await make_company(session))
        token, _ = issue_access_token(
            client.app.state.signing_keys, subject=staff.id, organisation_id=staff.company_id, lifetime_s=-60
        )
        assert await self._code(client, token) == "sign_in.expired"

    async def test_a_token_signed_by_somebody_else_is_refused(self, client: AsyncTestClient) -> None:
        key_id, _ = client.app.state.signing_keys.current
        claims = {"sub": "x", "org": "y", "iat": 0, "exp": 2**33}
        foreign = ec.generate_private_key(ec.SECP256R1())
        forged = jwt.encode(claims, foreign, algorithm="ES256", headers={"kid": key_id})
        assert await self._code(client, forged) == "sign_in.forged"

    async def test_a_token_without_signature_is_refused(self, client: AsyncTestClient) -> None:
        key_id, _ = client.app.state.signing_keys.current
        parts = [{"alg": "none", "kid": key_id, "typ": "JWT"}, {"sub": "x", "org": "y", "iat": 0, "exp": 2**33}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        assert await self._code(client, ".".join([*encoded, ""])) == "sign_in.forged"

    async def test_a_public_key_used_as_a_shared_secret_is_refused(self, client: AsyncTestClient) -> None:
        key_id, _ = client.app.state.signing_keys.current
        forged = jwt.encode(
            {"sub": "x", "org": "y", "iat": 0, "exp": 2**33}, "s" * 64, algorithm="HS256", headers={"kid": key_id}
        )
        assert await self._code(client, forged) == "sign_in.forged"

    async def test_a_revoked_device_is_shut_out_at_once(self, client: AsyncTestClient, session: AsyncSession) -> None:
        company = await make_company(session)
        staff = await make_staff(session, company)
        lost, kept = await make_device(session, staff), await make_device(session, staff)
        admin = await make_staff(session, company, roles=["company_admin"])
        revoked = await client.post(f"/api/devices/{lost.id}/revoke", headers=bearer(client, admin))
        assert revoked.status_code == 204
        answers = [await client.get("/api/me", headers=bearer(client, staff, each)) for each in (lost, kept)]
        assert [each.status_code for each in answers] == [401, 200]
        assert answers[0].json()["code"] == "device.revoked"
        assert await service.active_device_ids(session, staff.id) == [kept.id]


class TestRefresh:
    async def _signed_in(self, client: AsyncTestClient, session: AsyncSession) -> str:
        staff = await make_staff(session, await make_company(session))
        return str((await _sign_in(client, staff.staff_number, device=DEVICE)).json()["refresh_token"])

    async def _refresh(self, client: AsyncTestClient, token: str, device_id: str = "0192aaaa") -> Any:
        return await client.post("/api/refresh", json={"refresh_token": token, "device_id": device_id})

    async def test_another_device_cannot_use_the_token(self, client: AsyncTestClient, session: AsyncSession) -> None:
        token = await self._signed_in(client, session)
        assert (await self._refresh(client, token, "0192bbbb")).status_code == 401

    async def test_each_use_gives_a_successor(self, client: AsyncTestClient, session: AsyncSession) -> None:
        first = await self._signed_in(client, session)
        second = (await self._refresh(client, first)).json()["refresh_token"]
        assert second != first
        assert (await self._refresh(client, second)).status_code == 200

    async def test_a_phone_whose_answer_was_lost_may_ask_again(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        first = await self._signed_in(client, session)
        await self._refresh(client, first)
        assert (await self._refresh(client, first)).status_code == 200

    async def test_a_used_token_that_comes_back_ends_the_whole_chain(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        first = await self._signed_in(client, session)
        second = (await self._refresh(client, first)).json()["refresh_token"]
        third = (await self._refresh(client, second)).json()["refresh_token"]
        assert (await self._refresh(client, first)).status_code == 401
        assert (await self._refresh(client, third)).status_code == 401

    async def test_a_thief_who_asks_again_does_not_keep_what_the_owner_lost(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        stolen = await self._signed_in(client, session)
        owners = (await self._refresh(client, stolen)).json()["refresh_token"]
        thiefs = (await self._refresh(client, stolen)).json()["refresh_token"]
        assert (await self._refresh(client, owners)).status_code == 401
        assert (await self._refresh(client, thiefs)).status_code == 401

    async def test_an_old_token_is_refused(self, client: AsyncTestClient, session: AsyncSession) -> None:
        token = await self._signed_in(client, session)
        await session.execute(update(RefreshToken).values(expires_at=datetime.now(UTC) - timedelta(days=1)))
        assert (await self._refresh(client, token)).status_code == 401

    async def test_signing_out_ends_this_devices_chain(self, client: AsyncTestClient, session: AsyncSession) -> None:
        staff = await make_staff(session, await make_company(session))
        body = (await _sign_in(client, staff.staff_number, device=DEVICE)).json()
        headers = {"Authorization": f"Bearer {body['access_token']}"}
        assert (await client.post("/api/sign-out", headers=headers)).status_code == 204
        assert (await self._refresh(client, body["refresh_token"])).status_code == 401


class TestStaff:
    async def test_an_inspector_may_not_list_staff(self, client: AsyncTestClient, session: AsyncSession) -> None:
        staff = await make_staff(session, await make_company(session), roles=["inspector"])
        answer = await client.get("/api/staff", headers=bearer(client, staff))
        assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")

    async def test_another_companys_staff_is_invisible(self, client: AsyncTestClient, session: AsyncSession) -> None:
        ours, theirs = await make_company(session), await make_company(session)
        admin = await make_staff(session, ours, roles=["company_admin"])
        stranger = await make_staff(session, theirs)
        listed = (await client.get("/api/staff", headers=bearer(client, admin))).json()
        assert [each["id"] for each in listed] == [admin.id]
        changed = await client.put(
            f"/api/staff/{stranger.id}/active", json={"active": False}, headers=bearer(client, admin)
        )
        assert changed.status_code == 404

    async def test_a_right_in_one_unit_does_not_reach_the_next(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        company = await make_company(session)
        admin = await make_staff(session, company, roles=["company_admin"], on=company.other_unit)
        colleague = await make_staff(session, company)
        listed = (await client.get("/api/staff", headers=bearer(client, admin))).json()
        assert colleague.id not in [each["id"] for each in listed]

    async def test_nobody_gives_away_more_than_he_holds(self, client: AsyncTestClient, session: AsyncSession) -> None:
        company = await make_company(session)
        admin = await make_staff(session, company, roles=["company_admin"])
        grant = {"organisation_id": company.company.id, "role": "system_admin"}
        answer = await client.post(f"/api/staff/{admin.id}/grants", json=grant, headers=bearer(client, admin))
        assert (answer.status_code, answer.json()["code"]) == (403, "role.beyond_own")

    @pytest.mark.parametrize(("path", "body"), [("active", {"active": False}), ("password", {"password": PASSWORD})])
    async def test_nobody_shuts_out_who_stands_above_him(
        self, client: AsyncTestClient, session: AsyncSession, path: str, body: dict[str, Any]
    ) -> None:
        company = await make_company(session)
        chief = await make_staff(session, company, roles=["company_admin"])
        admin = await make_staff(session, company, roles=["company_admin"], on=company.unit)
        answer = await client.put(f"/api/staff/{chief.id}/{path}", json=body, headers=bearer(client, admin))
        assert (answer.status_code, answer.json()["code"]) == (403, "role.beyond_own")
        below = await client.put(f"/api/staff/{admin.id}/{path}", json=body, headers=bearer(client, chief))
        assert below.status_code == 204

    async def test_a_new_member_can_sign_in(self, client: AsyncTestClient, session: AsyncSession) -> None:
        company = await make_company(session)
        admin = await make_staff(session, company, roles=["company_admin"])
        staff = {
            "staff_number": "N-1001",
            "name": "演示-王送气",
            "organisation_id": company.unit.id,
            "password": PASSWORD,
            "unit_ids": [company.unit.id],
        }
        made = await client.post("/api/staff", json=staff, headers=bearer(client, admin))
        assert made.status_code == 201
        assert (await _sign_in(client, "N-1001")).status_code == 200

    @pytest.mark.parametrize("password", ["short", "88888888", "N-1002-abcdef"])
    async def test_a_weak_password_is_refused(
        self, client: AsyncTestClient, session: AsyncSession, password: str
    ) -> None:
        company = await make_company(session)
        admin = await make_staff(session, company, roles=["company_admin"])
        staff = {
            "staff_number": "N-1002",
            "name": "某人",
            "organisation_id": company.unit.id,
            "password": password,
        }
        made = await client.post("/api/staff", json=staff, headers=bearer(client, admin))
        assert (made.status_code, made.json()["code"]) == (422, "password.weak")


class TestDevices:
    async def test_a_report_notes_last_contact_and_the_clocks_error(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        company = await make_company(session)
        staff = await make_staff(session, company)
        device = await make_device(session, staff)
        a_day_slow = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        status = {"waiting": 7, "refused": 1, "battery_percent": 41, "clock_at": a_day_slow}
        answer = await client.post("/api/devices/status", json=status, headers=bearer(client, staff, device))
        assert answer.status_code == 200
        await session.refresh(device)
        assert (device.waiting, device.refused) == (7, 1)
        assert device.clock_offset_s == pytest.approx(86_400, abs=5)

    async def test_how_long_the_oldest_record_waits_does_not_depend_on_the_phones_clock(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        staff = await make_staff(session, await make_company(session))
        device = await make_device(session, staff)
        headers = bearer(client, staff, device)
        a_day_slow = datetime.now(UTC) - timedelta(days=1)
        status = {
            "waiting": 3,
            "clock_at": a_day_slow.isoformat(),
            "oldest_waiting_at": (a_day_slow - timedelta(hours=2)).isoformat(),
        }
        await client.post("/api/devices/status", json=status, headers=headers)
        await session.refresh(device)
        assert device.oldest_waiting_at is not None
        assert datetime.now(UTC) - device.oldest_waiting_at == pytest.approx(
            timedelta(hours=2), abs=timedelta(minutes=5)
        )
        await client.post("/api/devices/status", json={"waiting": 0}, headers=headers)
        await session.refresh(device)
        assert device.oldest_waiting_at is None

    async def test_a_phone_that_was_found_again_signs_in_again(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        company = await make_company(session)
        admin = bearer(client, await make_staff(session, company, roles=["company_admin"]))
        staff = await make_staff(session, company)
        await _sign_in(client, staff.staff_number, device=DEVICE)
        one = f"/api/devices/{DEVICE['device_id']}"
        assert (await client.post(f"{one}/revoke", headers=admin)).status_code == 204
        assert (await _sign_in(client, staff.staff_number, device=DEVICE)).json()["code"] == "device.revoked"
        assert (await client.post(f"{one}/reinstate", headers=bearer(client, staff))).status_code == 403
        assert (await client.post(f"{one}/reinstate", headers=admin)).status_code == 204
        assert (await _sign_in(client, staff.staff_number, device=DEVICE)).status_code == 200
        actions = await session.scalars(select(AuditEntry.action).where(AuditEntry.subject_type == "device"))
        assert {"device.revoked", "device.reinstated"} <= set(actions)

    async def test_the_office_sees_its_companys_devices_only(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        ours, theirs = await make_company(session), await make_company(session)
        admin = await make_staff(session, ours, roles=["company_admin"])
        own = await make_device(session, await make_staff(session, ours))
        foreign = await make_device(session, await make_staff(session, theirs))
        listed = (await client.get("/api/devices", headers=bearer(client, admin))).json()
        assert [each["id"] for each in listed] == [own.id]
        answer = await client.post(f"/api/devices/{foreign.id}/revoke", headers=bearer(client, admin))
        assert answer.status_code == 404
        assert await session.scalar(select(Device.revoked_at).where(Device.id == foreign.id)) is None


class TestConsoleSession:
    async def _cookie(self, client: AsyncTestClient, session: AsyncSession, settings: Settings) -> tuple[str, str]:
        staff = await make_staff(session, await make_company(session), roles=["company_admin"])
        cookie, csrf_token, _ = await service.open_console_session(
            client.app.state.database, settings, staff_number=staff.staff_number, password=PASSWORD
        )
        return f"qixun_session={cookie}", csrf_token

    async def test_a_form_of_another_site_is_refused(
        self, client: AsyncTestClient, session: AsyncSession, settings: Settings
    ) -> None:
        cookie, _ = await self._cookie(client, session, settings)
        answer = await client.post("/api/sign-out", headers={"Cookie": cookie})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf.missing")

    async def test_the_console_reads_and_writes_with_its_token(
        self, client: AsyncTestClient, session: AsyncSession, settings: Settings
    ) -> None:
        cookie, csrf_token = await self._cookie(client, session, settings)
        assert (await client.get("/api/me", headers={"Cookie": cookie})).status_code == 200
        headers = {"Cookie": cookie, "X-CSRF-Token": csrf_token}
        assert (await client.post("/api/sign-out", headers=headers)).status_code == 204


class TestClientToken:
    async def test_a_wrong_secret_is_refused(self, client: AsyncTestClient, session: AsyncSession) -> None:
        company = await make_company(session)
        made = await service.create_client(
            session, None, name="省平台", organisation_id=company.province.id, datasets=["T2-08"]
        )
        form = {"grant_type": "client_credentials", "client_id": made.client_id, "client_secret": "wrong"}
        answer = await client.post("/api/oauth/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize("credentials", ["é", "=", "//8="])
    async def test_credentials_that_are_no_text_are_refused(self, client: AsyncTestClient, credentials: str) -> None:
        headers = {b"Authorization": f"Basic {credentials}".encode("latin-1")}
        form = {"grant_type": "client_credentials"}
        answer = await client.post("/api/oauth/token", data=form, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    async def test_a_program_gets_a_token_of_its_data_sets(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        county = await make_organisation(session, "county")
        made = await service.create_client(
            session, None, name="县平台", organisation_id=county.id, datasets=["T2-11", "T2-08"]
        )
        answer = await client.post(
            "/api/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(made.client_id, made.client_secret),
        )
        assert answer.status_code == 200
        assert answer.json()["scope"] == "T2-08 T2-11"


class TestGuessing:
    async def test_a_burst_of_guesses_in_parallel_is_counted(
        self, own_settings: Settings, own_database: Database
    ) -> None:
        async with own_database.sessions() as session, session.begin():
            number = (await make_staff(session, await make_company(session))).staff_number
        async with AsyncTestClient(create_app(own_settings, database=own_database)) as client:
            answers = await asyncio.gather(*(_sign_in(client, number, password=f"guess {n}") for n in range(12)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [401] * own_settings.sign_in_attempts + [429] * (12 - own_settings.sign_in_attempts)


class TestAudit:
    async def test_a_dispatcher_may_not_read_it(self, client: AsyncTestClient, session: AsyncSession) -> None:
        staff = await make_staff(session, await make_company(session), roles=["dispatcher"])
        assert (await client.get("/api/audit", headers=bearer(client, staff))).status_code == 403

    async def test_what_was_done_is_shown_with_who_did_it_in_ones_own_company(
        self, client: AsyncTestClient, session: AsyncSession
    ) -> None:
        ours, theirs = await make_company(session), await make_company(session)
        admin = await make_staff(session, ours, roles=["company_admin"], name="演示-管理员")
        stranger = await make_staff(session, theirs, roles=["company_admin"])
        colleague = await make_staff(session, ours)
        closing = {"active": False}
        await client.put(f"/api/staff/{colleague.id}/active", json=closing, headers=bearer(client, admin))
        shown = (await client.get("/api/audit", headers=bearer(client, admin))).json()
        assert [(each["action"], each["actor_name"], each["subject_id"]) for each in shown] == [
            ("staff.deactivated", "演示-管理员", colleague.id)
        ]
        assert (await client.get("/api/audit", headers=bearer(client, stranger))).json() == []
