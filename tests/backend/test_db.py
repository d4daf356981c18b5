"""The engine that everything runs on."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.db import Database


async def test_what_a_failed_statement_was_given_does_not_stand_in_its_error(own_database: Database) -> None:
    async with own_database.sessions() as session:
        with pytest.raises(DBAPIError) as failed:
            await session.execute(text("SELECT :phone || 1/0"), {"phone": "100-0000-0402"})
    assert "division by zero" in str(failed.value)
    assert "100-0000-0402" not in str(failed.value)
