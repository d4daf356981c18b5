"""What is asked again at every change of the screen, and is not read again from the start each time."""

from collections.abc import Iterable, Iterator

from sync.documents.envelope import tag_of
from sync.store.models import Document
from sync.store.store import Store

_PAGE = 500


class ReadOnce:
    """Hands out the documents of some types: at first all that a file holds, then those that were written since."""

    def __init__(self, tags: Iterable[str]) -> None:
        self._tags = frozenset(tags)
        self._read_up_to: dict[str, int] = {}

    def of(self, store: Store) -> Iterator[Document]:
        """Asked for from several threads at once, a document may come twice, but none is left out."""
        seq = self._read_up_to.get(store.uuid)
        if seq is None:
            seq = store.update_seq  # before the reading: what is written meanwhile comes with the next
            for tag in sorted(self._tags):
                yield from _all(store, tag)
        while changes := store.changes(seq, limit=_PAGE):
            yield from store.winners(c.id for c in changes if tag_of(c.id) in self._tags and not c.deleted).values()
            seq = changes[-1].seq
        self._read_up_to[store.uuid] = seq


def _all(store: Store, tag: str) -> Iterator[Document]:
    start = f"{tag}:"
    while page := store.list(start=start, end=f"{tag}:\uffff", limit=_PAGE):
        yield from page
        start = page[-1].id + "\0"
