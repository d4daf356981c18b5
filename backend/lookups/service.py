"""The public page of a cylinder (E5.8.4-5) and the market inspector's scan (E5.8.4-6).

A cylinder's page is named by 96 random bits that stand in its QR code and on its tag, so that no page leads to another.
A code that is no such name, also a plain cylinder number of an older label, answers like one that does not exist.
"""

import hashlib
import ipaddress
import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit, events
from backend.accounts import service as accounts
from backend.cylinders import service as cylinders
from backend.db import Database, new_key
from backend.errors import AppError, MissingError, NotAllowedError, UnusableError
from backend.filling import service as filling
from backend.lookups.models import MarketScan, PublicScanCount
from backend.lookups.schemas import MarketReason, MarketScanIn, MarketScanOut, PublicCylinder, PublicState
from backend.pages import Page
from backend.scope import Caller, scoped
from backend.settings import Settings
from sync.databases import BEIJING
from sync.rules.cylinders import Reason, verdict

TOKEN = re.compile(r"^[0-9a-f]{24}$")
_EVERYBODY = "all"
_REMEMBERED = timedelta(hours=1)
# The net of one subscriber: whoever has such a net has all of its addresses.
_IPV6_SUBSCRIBER_BITS = 64
# What an inspector is told in his words, and the order in which it weighs.
_WORDS = {
    "unknown_cylinder": ("档案里没有这只气瓶", "No cylinder of the county's companies"),
    "tag_mismatch": ("标签是复制的，或从别的气瓶移来", "The tag is a copy, or was moved from another cylinder"),
    "tag_void": ("标签已作废", "The tag is void"),
}


class TooManyScansError(AppError):
    def __init__(self) -> None:
        super().__init__(
            429,
            "scan.too_many",
            "查询过于频繁。",
            "Too many look-ups.",
            action="请一分钟后再试。",
            action_en="Try again in a minute.",
        )


async def admit(database: Database, settings: Settings, address: str, now: datetime | None = None) -> None:
    """Counts this look-up in a transaction of its own, so that one that is refused or fails counts as well; in
    PostgreSQL, so that several servers agree. Who is over his own measure does not use up everybody's. Raises
    `TooManyScansError`.
    """
    minute = (now or datetime.now(UTC)).replace(second=0, microsecond=0)
    for asker, most in ((_asker(address), settings.public_scans_each), (_EVERYBODY, settings.public_scans_all)):
        async with database.sessions() as session, session.begin():
            row = insert(PublicScanCount).values(asker=asker, minute=minute, count=1)
            counted = row.on_conflict_do_update(
                index_elements=["asker", "minute"], set_={"count": PublicScanCount.count + 1}
            )
            count = await session.scalar(counted.returning(PublicScanCount.count))
        if (count or 0) > most:
            raise TooManyScansError


def _asker(address: str) -> str:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        known = None
    if isinstance(known, ipaddress.IPv6Address):
        address = str(ipaddress.ip_network((known, _IPV6_SUBSCRIBER_BITS), strict=False))
    return hashlib.sha256(address.encode()).hexdigest()[:32]


async def forget_scan_counts(session: AsyncSession) -> None:
    await session.execute(delete(PublicScanCount).where(PublicScanCount.minute < datetime.now(UTC) - _REMEMBERED))


async def find_public(session: AsyncSession, token: str) -> PublicCylinder:
    """Raises `MissingError`, the same for every token that is none."""
    face = await cylinders.find_face(session, token=token.lower()) if TOKEN.match(token.lower()) else None
    if face is None:
        raise MissingError(
            "cylinder.no_page",
            "没有这个查询码。",
            "There is no such code.",
            action="请核对二维码是否完整；旧标签上只有编号的，请向供气企业查询。",
            action_en="Check that the code is whole; for an older label with a number alone, ask the gas company.",
        )
    last = await filling.last_filling(session, face.company_id, face.code)
    document = face.document
    return PublicCylinder(
        code=face.code,
        company_name=face.company_name,
        specification=document.specification,
        medium=document.medium,
        manufacturer=document.manufacturer,
        factory_number=document.factory_number,
        made_on=document.made_on,
        last_inspected_on=face.last_inspected_on,
        next_inspection_on=document.next_inspection_on,
        service_ends_on=document.service_ends_on,
        filled_on=last.filled_on if last else None,
        filled_net_kg=last.net_kg if last else None,
        state=_public_state(face),
    )


def _public_state(face: cylinders.CylinderFace) -> PublicState:
    document, today = face.document, datetime.now(BEIJING).date()
    if document.scrapped:
        return "scrapped"
    if document.inspection_failed:
        return "failed"
    if document.service_ends_on is not None and document.service_ends_on < today:
        return "ended"
    if document.next_inspection_on is not None and document.next_inspection_on < today:
        return "overdue"
    return "good"


async def scan_in_market(session: AsyncSession, caller: Caller, given: MarketScanIn) -> MarketScanOut:
    """Judges a cylinder by the archives of the companies in the inspector's county, and keeps the scan as a fact."""
    if not caller.paths:
        raise NotAllowedError("right.missing", "您没有这项权限。", "You may not do this.")
    read, stamped = given.read.strip(), given.stamped.strip()
    if not (read or stamped or given.tag_uid):
        raise UnusableError("market.nothing", "请扫码或输入钢印号。", "Scan a code or type the stamped number.")
    name = read.rstrip("/").rpartition("/")[2] if "://" in read else read
    faces = await cylinders.find_faces(session, caller, names=[name or stamped], tag_uid=given.tag_uid)
    if len(faces) > 1:
        raise UnusableError(
            "market.several",
            f"有 {len(faces)} 家企业的气瓶都是这个编号。",
            f"{len(faces)} companies have a cylinder of that number.",
            action="请扫二维码或标签。",
            action_en="Scan the QR code or the tag.",
        )
    face = faces[0] if faces else None
    judged = verdict(
        face.document if face else None,
        face.code if face else name or stamped or given.tag_uid,
        datetime.now(BEIJING).date(),
        "delivery",
        tag_uid=given.tag_uid,
        stamped=stamped if face else "",
    )
    row = MarketScan(
        id=new_key(),
        organisation_id=caller.organisation_id,
        staff_id=caller.staff_id,
        at=datetime.now(UTC),
        read=read,
        tag_uid=given.tag_uid.upper(),
        stamped=stamped,
        cylinder_id=face.id if face else None,
        code=face.code if face else "",
        company_name=face.company_name if face else "",
        verdict="good" if judged.allowed else "black",
        reasons=[f"{code}|{zh}|{en}" for code, zh, en in map(_reason, judged.reasons)],
        note=given.note,
        point=_point(given),
        accuracy_m=given.accuracy_m,
    )
    session.add(row)
    await session.flush()
    facts = {"code": row.code, "verdict": row.verdict, "reasons": list(judged.codes)}
    await audit.record(
        session, caller, "market.scanned", "market_scan", row.id, facts, organisation_id=row.organisation_id
    )
    await events.announce(session, "market.scanned", row.id, row.organisation_id)
    return await find_market_scan(session, caller, row.id)


def _reason(reason: Reason) -> tuple[str, str, str]:
    zh, en = _WORDS.get(reason.code, (reason.zh, reason.en))
    return reason.code, zh, en


def _point(given: MarketScanIn) -> str | None:
    return f"SRID=4490;POINT({given.lon} {given.lat})" if given.lon is not None and given.lat is not None else None


async def find_market_scan(session: AsyncSession, caller: Caller, scan_id: str) -> MarketScanOut:
    page = await list_market_scans(session, caller, scan_id=scan_id, limit=1)
    if not page.items:
        raise MissingError("market.unknown", "没有这条核查记录。", "There is no such scan.")
    return page.items[0]


async def list_market_scans(
    session: AsyncSession,
    caller: Caller,
    *,
    verdict: str = "",  # noqa: A002, RUF100 - the column's own name
    scan_id: str = "",
    limit: int = 100,
    offset: int = 0,
) -> Page[MarketScanOut]:
    """The county's, the newest first."""
    query = scoped(
        select(MarketScan, func.ST_X(MarketScan.point), func.ST_Y(MarketScan.point)), MarketScan.organisation_id, caller
    )
    query = query.where(MarketScan.verdict == verdict) if verdict else query
    query = query.where(MarketScan.id == scan_id) if scan_id else query
    total = await session.scalar(select(func.count()).select_from(query.subquery()))
    rows = (await session.execute(query.order_by(MarketScan.at.desc()).limit(limit).offset(offset))).all()
    names = await accounts.staff_names(session, [row.staff_id for row, _, _ in rows])
    copied = ("id", "at", "staff_id", "read", "code", "company_name", "verdict", "note", "accuracy_m")
    items = [
        MarketScanOut(
            staff_name=names.get(row.staff_id, ""),
            reasons=[MarketReason(*text.split("|", 2)) for text in row.reasons],
            lon=lon,
            lat=lat,
            **{name: getattr(row, name) for name in copied},
        )
        for row, lon, lat in rows
    ]
    return Page(items, total or 0)
