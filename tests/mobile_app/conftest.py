from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mobile_app.phone import Phone
from tests.mobile_app.phones import fill, lay_out, open_phone


@pytest.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Phone]:
    """Li's phone in the morning, without a network."""
    lay_out(tmp_path)
    opened = await open_phone(tmp_path)
    fill(opened)
    yield opened
    await opened.close()
