"""What the checker must know of a run that no document tells: what was done dishonestly, what is lost for good."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.draws import PHONES
from tests.faults.evidence import read_journal
from tests.faults.world import World


class Ledger:
    def __init__(self, world: World) -> None:
        self._world = world
        self._ledger: dict[str, Any] = {"lost": {}, "acts": [], "restored": []}
        self._number = 0

    def _journaled(self, phone: int | None = None) -> list[dict[str, Any]]:
        numbers = range(PHONES) if phone is None else [phone]
        paths = [self._world.journal(number) for number in numbers]
        return [entry for path in paths if path.exists() for entry in read_journal(path)]

    def _survey(self) -> None:
        """After something was put back: records that no copy is left of are lost for good, and nobody can help it."""
        folders = [self._world.folder / "phones", self._world.hub_data]
        there = {doc_id for folder in folders for path in files_in(folder) for doc_id in _ids(path)}
        with psycopg.connect(self._world.url) as connection:
            rows = connection.execute("SELECT id FROM facts UNION SELECT doc_id FROM quarantine")
            there |= {row[0] for row in rows}
        for entry in self._journaled():
            if entry["id"] not in there:
                self._ledger["lost"].setdefault(entry["id"], f"step {self._number}")
        self._note()

    def _note(self) -> None:
        (self._world.folder / "ledger.json").write_text(json.dumps(self._ledger))


def one_of(things: list[Any], which: float) -> Any:
    return things[int(which * len(things))]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _ids(path: Path) -> set[str]:
    """Documents in a store's file that nobody may have open; none in one whose making was cut off."""
    if path.suffix not in {".sqlite", ".db"}:
        return set()
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'docs'").fetchall():
            return set()
        return {row[0] for row in connection.execute("SELECT id FROM docs")}
