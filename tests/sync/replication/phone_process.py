"""A phone that pushes what it has, a little at a time: `python phone_process.py STORE URL DATABASE TOKEN`."""

import asyncio
import sys
from pathlib import Path

from sync.replication import RemoteDatabase, Replicator
from sync.store.records import RecordStore


async def push(path: str, url: str, database: str, token: str) -> None:
    async def current_token() -> str:
        return token

    store = RecordStore.open(Path(path))
    async with RemoteDatabase(url, database, current_token) as remote:
        replicator = Replicator(
            store,
            remote,
            push=True,
            pull=False,
            batch_bytes=8_000,
            on_sent=lambda ids: print(len(ids), flush=True),  # noqa: T201 (the test counts them)
        )
        await replicator.run_once()
    store.close()


asyncio.run(push(*sys.argv[1:]))
