"""One founded town for all seeds, and one healed town for the tests of the checker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.running import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with Town(Path(tmp_path_factory.mktemp("faults"))) as founded:
        yield founded
