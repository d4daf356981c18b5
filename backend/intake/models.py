"""Tables of intake and outbox: what was read from the hub, what became of it, and what the hub is to hold."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base


class HubDatabase(Base):
    """A database of the hub: whether it is provisioned, and how far intake has read it.

    `nonce` is also in the hub's `_local/intake`: where the two differ, the hub is not the one that was read
    (restored from a copy) and reading starts from the beginning; where the hub still has the nonce before, writing
    the last one was cut off, and the last page is read once more.
    """

    __tablename__ = "hub_databases"
    __table_args__ = (
        CheckConstraint("kind IN ('user', 'media', 'unit')", name="kind"),
        Index("hub_databases_owner", "owner_id", "kind"),
        Index("hub_databases_to_provision", "name", postgresql_where=text("NOT provisioned")),
    )

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[str] = mapped_column(Text)
    quarter: Mapped[str] = mapped_column(Text, server_default="")
    provisioned: Mapped[bool] = mapped_column(server_default=text("false"))
    # Raised by each wish to provision, so that one made while an older is being carried out is not lost.
    wish: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    seq: Mapped[str] = mapped_column(Text, server_default="0")
    nonce: Mapped[str] = mapped_column(Text, server_default="")
    seq_before: Mapped[str] = mapped_column(Text, server_default="0")
    nonce_before: Mapped[str] = mapped_column(Text, server_default="")
    read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The quarter was archived and its database dropped by the rule; it is not to be made again.
    dropped_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class HubManifest(Base):
    """What a comparison of a hub database with PostGIS found, and where its archive lies.

    `seq` and `nonce` are the hub's and intake's state that it is true for: while both stay, nothing has changed.
    `missed`, `gone` and `rewritten` count what was ever found wrong: never read, taken and no longer on the hub,
    written and missing there.
    """

    __tablename__ = "hub_manifests"

    database: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[str] = mapped_column(Text, server_default="")
    nonce: Mapped[str] = mapped_column(Text, server_default="")
    documents: Mapped[int] = mapped_column(server_default=text("0"))
    digest: Mapped[bytes] = mapped_column(LargeBinary, server_default=text("''::bytea"))
    verified: Mapped[bool] = mapped_column(server_default=text("false"))
    compared_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    missed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    gone: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rewritten: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    archive_path: Mapped[str] = mapped_column(Text, server_default="")
    archive_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    archived_seq: Mapped[str] = mapped_column(Text, server_default="")
    archived_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RecordNumbers(Base):
    """How far a device's record numbers have come without a gap: all up to `whole_up_to` are in.

    `twice` numbers stand in two records each: the phone was put back to a backup and counted on from there, so that
    what it had recorded since may be lost without a gap.
    """

    __tablename__ = "record_numbers"
    __table_args__ = (Index("record_numbers_missing", "missing_since", postgresql_where=text("missing > 0")),)

    device_id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    whole_up_to: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    highest: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    missing: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    twice: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    missing_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Fact(Base):
    """A field record as it was taken: the first revision stays for ever."""

    __tablename__ = "facts"
    __table_args__ = (
        CheckConstraint("state IN ('accepted', 'waiting')", name="state"),
        Index("facts_organisation", "organisation_id", "recorded_at"),
        Index("facts_device", "device_id"),
        Index("facts_waiting", "received_at", postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    tag: Mapped[str] = mapped_column(Text)
    rev: Mapped[str] = mapped_column(Text)
    database: Mapped[str] = mapped_column(Text)
    organisation_id: Mapped[str] = mapped_column(Text)
    company_id: Mapped[str] = mapped_column(Text)
    staff_id: Mapped[str] = mapped_column(Text)
    device_id: Mapped[str] = mapped_column(Text)
    record_number: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(Text)
    # What looked odd and was accepted all the same: clock_corrected, position_mocked, position_abroad.
    remarks: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    photos_named: Mapped[int] = mapped_column(server_default=text("0"))
    body: Mapped[bytes] = mapped_column(LargeBinary)


class FactPhoto(Base):
    """A record names a photo, which may arrive before or after it."""

    __tablename__ = "fact_photos"
    __table_args__ = (Index("fact_photos_photo", "photo_id"),)

    fact_id: Mapped[str] = mapped_column(Text, primary_key=True)
    photo_id: Mapped[str] = mapped_column(Text, primary_key=True)


class FactReference(Base):
    """A waiting fact and what it waits for."""

    __tablename__ = "fact_references"
    __table_args__ = (Index("fact_references_target", "refers_to"),)

    fact_id: Mapped[str] = mapped_column(ForeignKey("facts.id", ondelete="CASCADE"), primary_key=True)
    refers_to: Mapped[str] = mapped_column(Text, primary_key=True)


class IntakeEntry(Base):
    """The log of every revision that intake met in a phone's database, and what became of it."""

    __tablename__ = "intake_log"
    __table_args__ = (
        CheckConstraint("outcome IN ('accepted', 'duplicate', 'quarantined')", name="outcome"),
        Index("intake_log_numbers", "device_id", "kind", "record_number"),
        Index("intake_log_document", "doc_id"),
    )

    database: Mapped[str] = mapped_column(Text, primary_key=True)
    doc_id: Mapped[str] = mapped_column(Text, primary_key=True)
    rev: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    kind: Mapped[str] = mapped_column(Text)
    device_id: Mapped[str] = mapped_column(Text, server_default="")
    record_number: Mapped[int | None] = mapped_column(BigInteger)
    outcome: Mapped[str] = mapped_column(Text)
    taken_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class QuarantinedDocument(Base):
    """What could not be read or was not authorised, byte for byte, until the office decides (待核实)."""

    __tablename__ = "quarantine"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'taken', 'dismissed')", name="state"),
        Index("quarantine_revision", "database", "doc_id", "rev", unique=True),
        Index("quarantine_open", "organisation_id", "received_at"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    database: Mapped[str] = mapped_column(Text)
    doc_id: Mapped[str] = mapped_column(Text)
    rev: Mapped[str] = mapped_column(Text)
    seq: Mapped[str] = mapped_column(Text)
    deleted: Mapped[bool] = mapped_column(server_default=text("false"))
    code: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text, server_default="")
    organisation_id: Mapped[str] = mapped_column(Text)
    staff_id: Mapped[str] = mapped_column(Text)
    device_id: Mapped[str] = mapped_column(Text, server_default="")
    body: Mapped[bytes] = mapped_column(LargeBinary)
    attachment: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(Text, server_default="open")
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    settled_by: Mapped[str] = mapped_column(Text, server_default="")
    settled_reason: Mapped[str] = mapped_column(Text, server_default="")


class Conflict(Base):
    """Facts that contradict each other, for the office to settle (问题单)."""

    __tablename__ = "conflicts"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'settled')", name="state"),
        Index("conflicts_same", "kind", "key", unique=True),
        Index("conflicts_open", "organisation_id", "opened_at"),
        # Whoever is told anew of a subject takes back what no longer holds of it.
        Index("conflicts_records", "record_ids", postgresql_using="gin"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    # The sorted record ids: the same contradiction met again in another order is the same conflict.
    key: Mapped[str] = mapped_column(Text)
    record_ids: Mapped[list[str]] = mapped_column(ARRAY(Text))
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    state: Mapped[str] = mapped_column(Text, server_default="open")
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    settled_by: Mapped[str] = mapped_column(Text, server_default="")
    settlement: Mapped[str] = mapped_column(Text, server_default="")


class OutboxDocument(Base):
    """What the hub is to hold: `version` is what is wanted, `sent_version` what was written there.

    Rows stay (receipts go once they are sent), so that an unchanged document is not written twice
    and a hub restored from an older copy is given back what it lost.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_pending", "due_at", postgresql_where=text("version <> sent_version")),
        Index("outbox_document", "doc_id"),
    )

    database: Mapped[str] = mapped_column(Text, primary_key=True)
    doc_id: Mapped[str] = mapped_column(Text, primary_key=True)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)  # None: to be deleted
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    sent_version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str] = mapped_column(Text, server_default="")
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class DeviceClock(Base):
    """When a phone was started, by a trusted time of that boot, and at the latest by when its records came in."""

    __tablename__ = "device_clocks"

    device_id: Mapped[str] = mapped_column(Text, primary_key=True)
    boot_id: Mapped[str] = mapped_column(Text, primary_key=True)
    booted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    booted_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
