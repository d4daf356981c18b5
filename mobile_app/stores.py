"""The document files of one member of staff on this phone: a records file and a photo file each quarter, one file
for each unit's reference data. Files are opened once and kept; everything here is called from threads.
"""

import threading
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

from mobile_app import cylinder_index
from sync.databases import DatabaseName, parse_database, quarter_of, unit_database
from sync.store.records import RecordStore
from sync.store.store import Store

_SUFFIX = ".sqlite"
_DOWNLOADING = "downloading"
OwnKind = Literal["user", "media"]
_OWN: tuple[OwnKind, ...] = ("user", "media")


class Stores:
    def __init__(self, folder: Path, staff_id: str, *, seal: bytes | None = None) -> None:
        """`seal` is the phone's key, with which all files are sealed."""
        self.folder = folder
        self._seal = seal
        self.staff_id = staff_id
        self._lock = threading.RLock()
        self._records: dict[str, RecordStore] = {}
        self._units: dict[str, Store] = {}

    def current_quarter(self, now: datetime, *, trusted: bool, named_by_server: Iterable[str]) -> str:
        """The quarter that new records go to: that of a trusted clock, never before one already in use.

        A clock that is wrong by years must not open a database that the hub will never have.
        """
        named = [found.quarter for found in map(parse_database, named_by_server) if found and found.kind == "user"]
        known = [*named, *(name.quarter for name in self._own_files("user"))]
        quarter = quarter_of(now)
        if not known:
            return quarter
        latest = max(known)
        return quarter if trusted and quarter == _next_quarter(latest) else latest

    def own(self, kind: OwnKind, quarter: str) -> RecordStore:
        """This quarter's file; a new one goes on counting where the older ones stopped."""
        name = str(DatabaseName(kind, self.staff_id, quarter))
        with self._lock:
            if name not in self._records:
                older = [self._open_records(str(n)) for n in self._own_files(kind) if n.quarter != quarter]
                store = self._open_records(name)
                store.seed_number(max((s.next_number() for s in older), default=1))
            return self._records[name]

    def all_own(self, kind: OwnKind) -> list[RecordStore]:
        """The newest quarter first."""
        with self._lock:
            return [self._open_records(str(name)) for name in self._own_files(kind)]

    def named(self, database: str) -> RecordStore | None:
        """The own store of a database, if its file is here."""
        with self._lock:
            return self._open_records(database) if self._path(database).exists() else None

    def unit(self, unit_id: str) -> Store:
        name = unit_database(unit_id)
        with self._lock:
            if name not in self._units:
                self._units[name] = Store.open(self._path(name), seal=self._seal)
                cylinder_index.follow(self._units[name])
            return self._units[name]

    def units(self) -> list[Store]:
        with self._lock:
            return [self.unit(name.owner) for name in self._names() if name.kind == "unit"]

    def unit_ids(self) -> list[str]:
        return [name.owner for name in self._names() if name.kind == "unit"]

    def downloading(self) -> set[str]:
        """Units whose first download is not whole: what a task needs may be missing."""
        return {unit_id for unit_id in self.unit_ids() if is_downloading(self.unit(unit_id))}

    def drop_unit(self, unit_id: str) -> None:
        """Forgets a unit's reference data; own records never live there."""
        name = unit_database(unit_id)
        with self._lock:
            store = self._units.pop(name, None)
            if store is not None:
                store.close()
            self._delete(name)

    def drop_quarter(self, quarter: str) -> bool:
        """Forgets the records and photos of a quarter, if nothing in either file is without the office's acceptance;
        whether anything was forgotten. To be called on the office's signed word alone.
        """
        with self._lock:
            files = {kind: str(DatabaseName(kind, self.staff_id, quarter)) for kind in _OWN}
            there = {kind: name for kind, name in files.items() if self._path(name).exists()}
            newest = max((name.quarter for name in self._own_files("user")), default=quarter)
            if not there or quarter >= newest or not all(map(self._is_settled, there.values())):
                return False
            for kind, name in there.items():
                # The file that new records go into carries the count on.
                self.own(kind, newest)
                self._records.pop(name).close()
                self._delete(name)
            return True

    def _is_settled(self, name: str) -> bool:
        store = self._open_records(name)
        counts = store.counts()
        return not store.drafts() and not any(count for state, count in counts.items() if state != "accepted")

    def _delete(self, name: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            path = self._path(name)
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        with self._lock:
            for store in (*self._records.values(), *self._units.values()):
                store.close()
            self._records.clear()
            self._units.clear()

    def _open_records(self, name: str) -> RecordStore:
        if name not in self._records:
            self._records[name] = RecordStore.open(self._path(name), seal=self._seal)
        return self._records[name]

    def _own_files(self, kind: OwnKind) -> list[DatabaseName]:
        own = [name for name in self._names() if name.kind == kind and name.owner == self.staff_id]
        return sorted(own, key=lambda name: name.quarter, reverse=True)

    def _names(self) -> list[DatabaseName]:
        found = (parse_database(path.name.removesuffix(_SUFFIX)) for path in sorted(self.folder.glob(f"*{_SUFFIX}")))
        return [name for name in found if name is not None]

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_SUFFIX}"


def is_downloading(store: Store) -> bool:
    return store.get_meta(_DOWNLOADING) == "1"


def note_download(store: Store, *, whole: bool) -> None:
    """A unit's file is being filled for the first time, or has everything now."""
    if whole or store.update_seq == 0:
        store.set_meta(_DOWNLOADING, "0" if whole else "1")


def database_of(store: Store) -> str:
    return store.path.name.removesuffix(_SUFFIX)


def _next_quarter(quarter: str) -> str:
    year, number = int(quarter[:4]), int(quarter[4])
    return f"{year}{number + 1}" if number < 4 else f"{year + 1}1"
