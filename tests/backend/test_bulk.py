"""Rows by the statement: what a column holds comes back as it was given, and a row that is there is found."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.bulk import Rows, insert_new, insert_rows, one_of, upsert_rows
from backend.hazards.models import Hazard
from backend.intake.models import DeviceClock, Fact, FactPhoto, OutboxDocument
from tests.factories.accounts import make_company

NOW = datetime(2026, 11, 23, 8, 30, 1, 123456, tzinfo=UTC)
ODD = 'a\tb\\n"c",{d}é气\u2028'


def fact(key: str, **fields: object) -> dict[str, object]:
    texts = dict.fromkeys(("tag", "rev", "database", "organisation_id", "company_id", "staff_id", "device_id"), "x")
    own = {"record_number": 2**61, "recorded_at": NOW, "received_at": NOW, "state": "accepted", "remarks": []}
    return {"id": key, **texts, **own, "photos_named": 0, "body": b"\x00\xff{}", **fields}


class TestInsert:
    async def test_every_kind_of_value_comes_back_as_it_was(self, session: AsyncSession) -> None:
        await insert_rows(session, Fact, [fact("f1", tag=ODD, remarks=[ODD, "", "null"])])
        found = await session.get_one(Fact, "f1")
        assert (found.tag, found.remarks, found.body) == (ODD, [ODD, "", "null"], b"\x00\xff{}")
        assert (found.record_number, found.recorded_at) == (2**61, NOW)

    async def test_bytes_of_every_length_and_none_stay_with_their_row(self, session: AsyncSession) -> None:
        bodies = {"a": b"", "b": None, "c": b"\\x00\x00\xff", "d": "气".encode(), "e": b"x" * 5000}
        rows = [{"database": "d", "doc_id": key, "body": body, "sha256": b"s"} for key, body in bodies.items()]
        await insert_rows(session, OutboxDocument, rows)
        found = await session.execute(select(OutboxDocument.doc_id, OutboxDocument.body))
        assert {key: body for key, body in found} == bodies  # noqa: C416 (rows are not pairs to dict)

    async def test_what_is_there_already_is_left_alone_and_not_named(self, session: AsyncSession) -> None:
        await insert_new(session, Fact, [fact("f1", rev="first")])
        assert await insert_new(session, Fact, [fact("f1", rev="second"), fact("f2")]) == {"f2"}
        assert await session.scalar(select(Fact.rev).where(Fact.id == "f1")) == "first"

    async def test_a_row_that_must_be_new_and_is_not_is_told(self, session: AsyncSession) -> None:
        await insert_rows(session, FactPhoto, [{"fact_id": "f", "photo_id": "p"}])
        with pytest.raises(IntegrityError, match="pk_fact_photos"):
            async with session.begin_nested():
                await insert_rows(session, FactPhoto, [{"fact_id": "f", "photo_id": "p"}])

    async def test_what_the_model_fills_in_is_filled_in(self, session: AsyncSession) -> None:
        unit = (await make_company(session)).unit.id
        rows = Rows(Hazard, ())
        given = {"number": "1", "source": "patrol", "hazard_type": "other", "proposed_grade": "general"}
        who = {"organisation_id": unit, "company_id": unit, "reported_by": "li", "reported_at": NOW, "stage_since": NOW}
        rows.add({"id": "h1", "due_on": date(2026, 12, 1), "point": "SRID=4490;POINT(126.5 43.8)", **given, **who})
        await rows.write(session)
        found = await session.get_one(Hazard, "h1")
        assert (found.stage, found.version, found.photos, found.due_on) == ("pending_review", 1, [], date(2026, 12, 1))
        (again,) = [(await Rows.read(session, Hazard, ["h1"])).get("h1")]
        assert again is not None
        assert again["point"].desc == found.point.desc


class TestUpsert:
    async def test_a_row_is_overwritten_where_it_should_be(self, session: AsyncSession) -> None:
        later = datetime(2026, 11, 24, tzinfo=UTC)
        for booted_at in (NOW, later, NOW):
            row = {"device_id": "d", "boot_id": "b", "booted_at": booted_at, "booted_before": None}
            written = await upsert_rows(
                session,
                DeviceClock,
                [row],
                key=("device_id", "boot_id"),
                where="t.booted_at < excluded.booted_at",
                returning="device_id",
            )
        assert written == []
        assert await session.scalar(select(DeviceClock.booted_at)) == later


class TestRows:
    async def test_only_what_changed_is_written(self, session: AsyncSession) -> None:
        await insert_rows(session, Fact, [fact("f1"), fact("f2")])
        rows = await Rows.read(session, Fact, ["f2", "f1", "unknown", ""])
        changed = rows.get("f2")
        assert changed is not None
        changed["state"] = "waiting"
        assert [row["id"] for row in rows.changed()] == ["f2"]
        await rows.write(session)
        assert dict((await session.execute(select(Fact.id, Fact.state))).all()) == {"f1": "accepted", "f2": "waiting"}

    async def test_one_of_takes_any_text(self, session: AsyncSession) -> None:
        await insert_rows(session, Fact, [fact(ODD), fact("f2")])
        assert (await session.scalars(select(Fact.id).where(one_of(Fact.id, [ODD, "none"])))).all() == [ODD]
        assert (await session.scalars(select(Fact.id).where(one_of(Fact.id, [])))).all() == []
