"""The applicant's side: a draft with its papers, submitted when it is complete, taken back while nobody has decided."""

import asyncio
import hashlib
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import audit
from backend.certificates import service as certificates
from backend.db import new_key
from backend.errors import ConflictingError, MissingError, UnusableError
from backend.licensing.models import LicenceApplication, LicenceAttachment
from backend.licensing.rules import EDITABLE
from backend.licensing.schemas import ApplicationIn, ApplicationOut
from backend.licensing.service.showing import find_application, find_row
from backend.licensing.service.steps import move
from backend.photos.service import PhotoStore, is_picture
from backend.reference import service as reference
from backend.scope import Caller
from sync.databases import beijing_today

RIGHT = "licence.apply"
ROLES = "licence_paper"
FILE_MOST_BYTES = 12 * 1024 * 1024
_FILES_MOST = 30
_PDF = b"%PDF-"
_PICTURES = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp"}


async def create_application(session: AsyncSession, caller: Caller, given: ApplicationIn) -> ApplicationOut:
    holder = await certificates.find_holder(session, caller, given.holder_kind, given.holder_id)
    place = await reference.find_place(session, holder.organisation_id, caller=caller, right=RIGHT)
    day = beijing_today()
    number = await reference.next_number(session, place.company_id, "licence", day)
    now = datetime.now(UTC)
    row = LicenceApplication(
        id=new_key(),
        organisation_id=holder.organisation_id,
        company_id=place.company_id,
        number=f"XK-{day:%Y%m%d}-{number:03d}",
        state="draft",
        created_by=caller.staff_id,
        created_at=now,
        changed_at=now,
    )
    await _write(session, caller, row, given)
    return await find_application(session, caller, row.id)


async def change_application(
    session: AsyncSession, caller: Caller, application_id: str, given: ApplicationIn
) -> ApplicationOut:
    row = await _own(session, caller, application_id)
    if (given.holder_kind, given.holder_id) != (row.holder_kind, row.holder_id):
        raise UnusableError(
            "licence.holder", "申请人不能更换，请另建申请。", "The applicant stays: make another application."
        )
    await _write(session, caller, row, given)
    return await find_application(session, caller, row.id)


async def _write(session: AsyncSession, caller: Caller, row: LicenceApplication, given: ApplicationIn) -> None:
    words = await reference.words(session, row.company_id, certificates.LIST_OF[given.holder_kind])
    if given.kind not in words:
        raise UnusableError("certificate.kind", "没有这种证照。", "There is no such certificate.", field="kind")
    for name in ApplicationIn.__struct_fields__:
        setattr(row, name, getattr(given, name))
    row.changed_at = datetime.now(UTC)
    session.add(row)
    await session.flush()
    facts = {"number": row.number, "kind": row.kind, "holder": row.holder_kind}
    await audit.record(session, caller, "licence.saved", "licence", row.id, facts, organisation_id=row.organisation_id)


async def _own(session: AsyncSession, caller: Caller, application_id: str) -> LicenceApplication:
    """One that the applicant may still write."""
    row = await find_row(session, caller, application_id, change=True)
    await reference.find_place(session, row.organisation_id, caller=caller, right=RIGHT)
    if row.state not in EDITABLE:
        raise ConflictingError(
            "licence.not_editable",
            "申请已提交，不能修改。",
            "The application was submitted and cannot be changed.",
            action="需要修改时请先撤回，或等审核人退回",
            action_en="Withdraw it, or wait until it is returned",
            state=row.state,
        )
    return row


async def submit(session: AsyncSession, caller: Caller, application_id: str) -> ApplicationOut:
    row = await find_row(session, caller, application_id, change=True)
    await reference.find_place(session, row.organisation_id, caller=caller, right=RIGHT)
    papers = await session.scalar(select(func.count()).where(LicenceAttachment.application_id == row.id))
    lacking = [
        words
        for given, words in (
            (row.statement.strip(), ("申请说明", "statement")),
            (row.contact.strip(), ("联系人", "contact")),
            (row.contact_phone.strip(), ("联系电话", "telephone")),
            (papers, ("附件", "attachments")),
        )
        if not given
    ]
    if lacking:
        raise UnusableError(
            "licence.incomplete",
            f"还缺：{'、'.join(zh for zh, _ in lacking)}。",
            f"Still missing: {', '.join(en for _, en in lacking)}.",
            action="补全后再提交",
            action_en="Complete it, then submit",
        )
    await move(session, caller, row, "submit")
    row.submitted_at = datetime.now(UTC)
    return await find_application(session, caller, row.id)


async def withdraw(session: AsyncSession, caller: Caller, application_id: str) -> ApplicationOut:
    row = await find_row(session, caller, application_id, change=True)
    await reference.find_place(session, row.organisation_id, caller=caller, right=RIGHT)
    await move(session, caller, row, "withdraw")
    return await find_application(session, caller, row.id)


async def add_attachment(  # noqa: PLR0917 - the parts of an upload
    session: AsyncSession, caller: Caller, store: PhotoStore, application_id: str, role: str, name: str, content: bytes
) -> ApplicationOut:
    row = await _own(session, caller, application_id)
    if role not in await reference.words(session, row.company_id, ROLES):
        raise UnusableError("licence.paper", "没有这种材料。", "There is no such kind of paper.", field="role")
    count = await session.scalar(select(func.count()).where(LicenceAttachment.application_id == row.id))
    if (count or 0) >= _FILES_MOST:
        raise UnusableError("licence.too_many", "附件太多（最多 30 个）。", "Too many attachments (30 at most).")
    media_type = await _media_type(content)
    file_id = f"file:{hashlib.sha256(content).hexdigest()}"
    same = (LicenceAttachment.application_id == row.id, LicenceAttachment.file_id == file_id)
    if await session.scalar(select(LicenceAttachment.id).where(*same)) is not None:
        raise ConflictingError(
            "licence.same_file", "这个文件已经在申请里。", "That file is in the application already."
        )
    await store.put(file_id, content)
    session.add(
        LicenceAttachment(
            id=new_key(),
            application_id=row.id,
            organisation_id=row.organisation_id,
            role=role,
            # Without a path, and short enough for a head: what it says is only shown.
            name=name.replace("\\", "/").rpartition("/")[2][-120:] or "file",
            media_type=media_type,
            length_bytes=len(content),
            file_id=file_id,
            added_by=caller.staff_id,
            added_at=datetime.now(UTC),
        )
    )
    await session.flush()
    place = row.organisation_id
    await audit.record(session, caller, "licence.paper_added", "licence", row.id, {"role": role}, organisation_id=place)
    return await find_application(session, caller, row.id)


async def _media_type(content: bytes) -> str:
    """By what it is, not by what it is called; nothing that a browser would run."""
    if not content:
        raise UnusableError("licence.empty_file", "文件是空的。", "The file is empty.")
    if len(content) > FILE_MOST_BYTES:
        raise UnusableError("licence.large_file", "文件超过 12 MB。", "The file is over 12 MB.")
    if content.startswith(_PDF):
        return "application/pdf"
    if content[:2] in _PICTURES and await asyncio.to_thread(is_picture, content):
        return _PICTURES[content[:2]]
    raise UnusableError(
        "licence.file_kind",
        "附件只收 PDF 或 JPEG、PNG、WebP 图片。",
        "Attachments are PDF or JPEG, PNG or WebP.",
        action="另存为 PDF 后再上传",
        action_en="Save it as PDF and send that",
    )


async def remove_attachment(
    session: AsyncSession, caller: Caller, application_id: str, attachment_id: str
) -> ApplicationOut:
    row = await _own(session, caller, application_id)
    these = (LicenceAttachment.application_id == row.id, LicenceAttachment.id == attachment_id)
    gone = await session.scalar(delete(LicenceAttachment).where(*these).returning(LicenceAttachment.role))
    if gone is None:
        raise MissingError("licence.no_paper", "没有这个附件。", "There is no such attachment.")
    place = row.organisation_id
    await audit.record(
        session, caller, "licence.paper_removed", "licence", row.id, {"role": gone}, organisation_id=place
    )
    return await find_application(session, caller, row.id)
