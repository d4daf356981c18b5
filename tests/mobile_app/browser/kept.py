"""What lies in the files of a phone that is driven in a browser, whatever its screen says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mobile_app.store_keys import FILE_NAME, parse_key
from sync.databases import media_database, user_database
from sync.documents import FieldRecord, decode_record
from sync.store.records import RecordStore
from tests.mobile_app import phones
from tests.mobile_app.browser.conftest import Screen


@contextmanager
def file_on(folder: Path, database: str) -> Iterator[RecordStore]:
    """The phone's file, whatever the screen says."""
    key = parse_key((folder / FILE_NAME).read_text())
    store = RecordStore.open(folder / "stores" / phones.STAFF_ID / f"{database}.sqlite", seal=key)
    try:
        yield store
    finally:
        store.close()


def records_on(folder: Path, tag: str) -> list[FieldRecord]:
    with file_on(folder, user_database(phones.STAFF_ID, phones.NOW)) as store:
        return [decode_record(d.id, d.body) for d in store.list(start=f"{tag}:", end=f"{tag}:\uffff")]


def files_of(folder: Path, tag: str) -> list[tuple[Any, dict[str, bytes]]]:
    """Photos or recordings, each with its attachments."""
    with file_on(folder, media_database(phones.STAFF_ID, phones.NOW)) as store:
        found = store.list(start=f"{tag}:", end=f"{tag}:\uffff")
        return [
            (decode_record(d.id, d.body), {name: store.attachment(a.digest) for name, a in d.attachments.items()})
            for d in found
        ]


async def open_task(screen: Screen, task_id: str) -> None:
    await screen.tap(f"agenda-{task_id}")
    await screen.tap("start-task")
