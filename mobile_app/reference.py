"""The office's data on this phone, read from the units' files: lists, limits, pipes, facilities, cylinders.

Each kind is decoded once and again only when a file has changed.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, cast

import msgspec

from mobile_app import cylinder_index
from mobile_app.own_tags import OwnTags
from mobile_app.stores import Stores
from sync.documents import BackendWritten, decode_backend
from sync.documents.envelope import BackendDocument
from sync.documents.reference import (
    Certificate,
    ChoiceList,
    CompanySettings,
    Cylinder,
    Facility,
    InspectionReminder,
    Pipe,
    TagKeys,
)
from sync.rules.geometry import Nearest, nearest_pipe
from sync.signatures import read_signed
from sync.store.store import Store

D = TypeVar("D", bound=BackendDocument)
# Farther from every pipe, a finding is not linked to one.
NEAREST_PIPE_WITHIN_M = 50.0


class Reference:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._own_tags = OwnTags(stores, self._archived)
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[tuple[tuple[str, int], ...], list[BackendWritten]]] = {}

    def settings(self) -> CompanySettings | None:
        return max(self._of(CompanySettings), key=lambda found: found.version, default=None)

    def choices(self, name: str) -> ChoiceList | None:
        lists = [found for found in self._of(ChoiceList) if found.name == name]
        return max(lists, key=lambda found: found.version, default=None)

    def pipes(self, ids: Iterable[str] | None = None) -> dict[str, Pipe]:
        """By pipe id; all of them without `ids`."""
        known = {key_of(pipe.id): pipe for pipe in self._of(Pipe)}
        if ids is None:
            return known
        return {key: known[key] for key in map(key_of, ids) if key in known}

    def facilities(self) -> list[Facility]:
        return list(self._of(Facility))

    def certificates(self) -> list[Certificate]:
        return list(self._of(Certificate))

    def inspections_due(self) -> list[InspectionReminder]:
        """One of each station that has cylinders to be inspected."""
        return list(self._of(InspectionReminder))

    def cylinder(self, code_or_uid: str) -> Cylinder | None:
        """By number, tag UID (also one that was replaced) or the address of its public page; with the tag that was
        bound to it on this phone.
        """
        wanted = code_or_uid.strip().upper()
        found = (self._archived(wanted) or self._own_tags.carrier(wanted)) if wanted else None
        return self._own_tags.laid_over(found) if found is not None else None

    def _archived(self, wanted: str) -> Cylinder | None:
        found = (cylinder_index.find(store, wanted) for store in self._stores.units())
        return next((cylinder for cylinder in found if cylinder is not None), None)

    def index_cylinders(self) -> None:
        """Those of a file that an older version of the app has written."""
        for store in self._stores.units():
            cylinder_index.catch_up(store)

    def tag_keys(self, signing_keys: Mapping[str, str]) -> TagKeys | None:
        return next(self._signed(TagKeys, signing_keys), None)

    def personal_key(self, signing_keys: Mapping[str, str]) -> str:
        """What personal texts are sealed with; empty where no settings that the office signed name one."""
        newest = max(self._signed(CompanySettings, signing_keys), key=lambda found: found.version, default=None)
        return newest.personal_key if newest is not None else ""

    def _signed(self, kind: type[D], signing_keys: Mapping[str, str]) -> Iterator[D]:
        """What anybody who can write to the hub could otherwise put in: believed by its signature alone."""
        tag = str(kind.__struct_config__.tag)
        for store in self._stores.units():
            for document in store.list(start=f"{tag}:", end=f"{tag}:\uffff"):
                found = read_signed(document.id, document.body, signing_keys)
                if isinstance(found, kind):
                    yield found

    def nearest_pipe(self, lon: float, lat: float) -> Nearest | None:
        lines = {pipe_id: pipe.line for pipe_id, pipe in self.pipes().items()}
        return nearest_pipe(lines, lon, lat, within_m=NEAREST_PIPE_WITHIN_M)

    def _of(self, kind: type[D]) -> list[D]:
        tag = str(kind.__struct_config__.tag)
        with self._lock:
            stores = self._stores.units()
            state = tuple((str(store.path), store.update_seq) for store in stores)
            kept = self._kinds.get(tag)
            if kept is None or kept[0] != state:
                kept = (state, [document for store in stores for document in _read(store, tag)])
                self._kinds[tag] = kept
            return cast("list[D]", kept[1])


def key_of(doc_id: str) -> str:
    """What a reference document's `_id` names, without its type."""
    return doc_id.rpartition(":")[2]


def _read(store: Store, tag: str) -> Sequence[BackendWritten]:
    found = []
    for document in store.list(start=f"{tag}:", end=f"{tag}:\uffff"):
        try:
            found.append(decode_backend(document.id, document.body))
        except msgspec.MsgspecError:
            continue  # a newer server's shape: the rest stays of use
    return found
