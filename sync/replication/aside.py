"""Records at which the hub itself fails (500), sent apart and ever less often, so that their neighbours travel.

A record is set aside only while the hub takes others: one that fails at everything (a full disk, a broken
database) is waited for with all records, however long, and none of them is blamed.
"""

import time
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from sync.store.records import RecordStore

# The worker hears of it after some minutes; a hub that was only overloaded has recovered by then.
PAUSES_S = (10.0, 30.0, 90.0, 270.0)
# A local document of the phone's store: the tries count on when the app is started again.
_KEY = "qixun-set-aside"


class _Aside(Struct, frozen=True):
    tries: int
    next_at: float  # seconds since 1970, by this phone's clock


_decoder = msgspec.json.Decoder(dict[str, _Aside])


class SetAside:
    """What is set aside in one store; to be called from threads."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def failed(self, ids: Iterable[str]) -> list[str]:
        """The hub failed at these once more; those that have been tried often enough, to be parked."""
        asides = self._read()
        given_up = []
        with self._store.transaction():
            self._store.send_apart(ids)
            for doc_id in ids:
                tries = asides[doc_id].tries if doc_id in asides else 0
                if tries < len(PAUSES_S):
                    asides[doc_id] = _Aside(tries + 1, time.time() + PAUSES_S[tries])
                else:
                    del asides[doc_id]
                    given_up.append(doc_id)
            self._store.put_local(_KEY, msgspec.json.encode(asides))
        return given_up

    def now(self) -> tuple[set[str], set[str]]:
        """(Those to be tried now, each alone; those whose pause is not over.)"""
        due: set[str] = set()
        pausing: set[str] = set()
        for doc_id, aside in self._read().items():
            # A clock that was set back must not keep a record waiting for years.
            pause_s = aside.next_at - time.time()
            (pausing if 0 < pause_s <= max(PAUSES_S) else due).add(doc_id)
        return due, pausing

    def next_in_s(self) -> float | None:
        """How long until one is to be tried again; None where nothing is set aside."""
        asides = self._read()
        return max(min(aside.next_at for aside in asides.values()) - time.time(), 0.0) if asides else None

    def _read(self) -> dict[str, _Aside]:
        """Those that were sent, parked or retried by hand meanwhile have left."""
        kept = self._store.get_local(_KEY)
        asides: Mapping[str, _Aside] = _decoder.decode(kept[1]) if kept else {}
        still = set(self._store.to_retry()) if asides else set()
        return {doc_id: aside for doc_id, aside in asides.items() if doc_id in still}
