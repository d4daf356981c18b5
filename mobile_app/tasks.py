"""The office's tasks on this phone, and how far the phone is with each."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from mobile_app.read_once import ReadOnce
from mobile_app.stores import Stores
from sync.documents.tasks import DeliveryTask, PatrolTask
from sync.signatures import read_signed

LocalStatus = Literal["new", "running", "done"]
_RUNNING_TAGS = ("patrol.started", "delivery.checked")
_DONE_TAGS = ("patrol.finished", "delivery.completed", "visit.failed")


class Task(msgspec.Struct, frozen=True):
    """A task as the office wrote it, and how far this phone is with it (which the office may not know yet)."""

    task: PatrolTask | DeliveryTask
    local: LocalStatus

    @property
    def open(self) -> bool:
        return self.task.status == "open" and self.local != "done"


class _TaskRef(msgspec.Struct, frozen=True):
    task_id: str = ""


class _Named:
    """The tasks that records of some types name."""

    def __init__(self, tags: Sequence[str]) -> None:
        self._ids: set[str] = set()
        self._records = ReadOnce(tags)

    def ids(self, stores: Stores) -> set[str]:
        for store in stores.all_own("user"):
            self._ids |= {
                msgspec.json.decode(document.body, type=_TaskRef).task_id for document in self._records.of(store)
            }
        return self._ids


class Tasks:
    """Believes only what the backend has signed; each revision is verified once."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._verified: dict[tuple[str, ...], PatrolTask | DeliveryTask | None] = {}
        self._running = _Named(_RUNNING_TAGS)
        self._done = _Named(_DONE_TAGS)

    def all(self, keys: Mapping[str, str]) -> list[Task]:
        """Open ones first, then by when they are due."""
        found: dict[str, PatrolTask | DeliveryTask] = {}
        for store in self._stores.all_own("user"):
            for document in store.list(start="task.", end="task.\uffff"):
                key = (document.id, document.rev, *keys)
                if key not in self._verified:
                    signed = read_signed(document.id, document.body, keys)
                    self._verified[key] = signed if isinstance(signed, PatrolTask | DeliveryTask) else None
                task = self._verified[key]
                if task is not None and task.staff_id == self._stores.staff_id:
                    found.setdefault(task.id, task)
        running, done = self._running.ids(self._stores), self._done.ids(self._stores)
        tasks = [Task(t, "done" if t.id in done else "running" if t.id in running else "new") for t in found.values()]
        return sorted(tasks, key=lambda line: (not line.open, line.task.due_at, line.task.id))
