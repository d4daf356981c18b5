"""What an administrator does to the hub from the command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from sqlalchemy import select

from backend.accounts.keys import LEAD_S, SigningKeys
from backend.db import Database
from backend.intake import manifest, quarters
from backend.intake.archives import ArchiveError
from backend.intake.hub import HubClient, HubError
from backend.intake.models import HubDatabase, HubManifest
from backend.intake.outbox import sign_anew
from backend.photos.service import PhotoStore
from backend.settings import Settings
from backend.worker import hub_root
from qixun.starting import StartError, hub_administrator


async def rotate_key(settings: Settings, database: Database, *, stolen: bool) -> None:
    key_id = SigningKeys(settings.data_dir / "keys").rotate(revoke_old=stolen)
    if not stolen:
        minutes = round(LEAD_S / 60)
        print(f"{key_id}  {minutes} 分钟后启用，旧密钥随后自动停用 / signs in {minutes} minutes, then the old one ends")
        return
    async with database.sessions() as session, session.begin():
        await sign_anew(session)
    print(f"{key_id}  旧密钥已作废，手机会自动重新登录 / the old keys count for nothing; phones renew by themselves")


async def compare(settings: Settings, database: Database) -> None:
    async with _hub(settings) as hub:
        found = await manifest.reconcile(database, hub, PhotoStore.of(settings))
    for each in found:
        state = "=" if each.verified else "…" if each.behind else "≠"
        print(f"{state} {each.database}  {each.documents}  -{each.missed} +{each.gone} ~{each.unwritten}")
    print(f"{len(found)} 个库有变化 / databases that had changed")


async def list_archives(database: Database) -> None:
    async with database.sessions() as session:
        rows = await session.execute(
            select(HubManifest, HubDatabase.dropped_at)
            .join(HubDatabase, HubDatabase.name == HubManifest.database)
            .where(HubManifest.archive_path != "")
            .order_by(HubManifest.database)
        )
        for kept, dropped_at in rows:
            sha256 = (kept.archive_sha256 or b"").hex()
            print(f"{kept.database}  {dropped_at.date() if dropped_at else '-'}  {kept.archive_path}  sha256:{sha256}")


async def restore(settings: Settings, database: Database, name: str) -> None:
    async with _hub(settings) as hub:
        count = await quarters.restore(settings, database, hub, name)
    print(f"{name}  {count}")


@asynccontextmanager
async def _hub(settings: Settings) -> AsyncIterator[HubClient]:
    """The configured hub, or the embedded one of the server that runs on this machine."""
    hub = HubClient(hub_root(msgspec.structs.replace(settings, hub_admin=hub_administrator(settings))))
    try:
        yield hub
    except HubError as error:
        advice = "请先启动 qixun serve 或检查 QIXUN_COUCHDB_URL / start `qixun serve`, or see QIXUN_COUCHDB_URL"
        raise StartError(f"{advice}: {error}") from error
    except ArchiveError as error:
        raise StartError(str(error)) from error
    finally:
        await hub.close()
