"""What was measured: as JSON for programs, as a Markdown table for people."""

from collections.abc import Iterator

import msgspec

from qixun.bench.app import AppStart, SlowLinkFigures
from qixun.bench.hub_alone import Call, HubAlone
from qixun.bench.intake import Throughput
from qixun.bench.machine import Machine
from qixun.bench.phones import Phones
from qixun.bench.replication import NothingNews, Way, Ways
from qixun.bench.visible import Visible

Row = tuple[str, str, str, str]


class Intake(msgspec.Struct, frozen=True):
    """Of a full database; `visible` is the delay at a steady rate. Either is null where it was not asked for."""

    documents: int | None = None
    seconds: float | None = None
    docs_per_s: float | None = None
    rows: int | None = None
    tables: int | None = None
    copy_seconds: float | None = None
    copy_docs_per_s: float | None = None
    ratio_to_copy: float | None = None
    visible: Visible | None = None

    @classmethod
    def of(cls, throughput: Throughput | None, visible: Visible | None) -> "Intake | None":
        if throughput is None and visible is None:
            return None
        return cls(**(msgspec.structs.asdict(throughput) if throughput else {}), visible=visible)


class SyncReport(msgspec.Struct, frozen=True):
    """`qixun bench sync --json`. Ratios name their peer; above 1 we are the quicker. Without the peer they are null,
    and so is a part that was not asked for.
    """

    bench: str
    measured_at: str
    command: str
    server: str
    documents: list[int]
    document_bytes: int
    rounds: int
    machine: Machine
    versions: dict[str, str]
    push: Ways | None = None
    pull: Ways | None = None
    nothing_new: NothingNews | None = None
    hub: HubAlone | None = None
    app_start: AppStart | None = None
    intake: Intake | None = None
    slow_link: SlowLinkFigures | None = None
    phones: Phones | None = None


def as_json(report: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report)) + b"\n"


def as_table(report: SyncReport) -> str:
    rows = [("what", "Qixun", "peer", "ratio"), ("---",) * 4, *_rows(report)]
    return "\n".join([*_circumstances(report), "", *(f"| {' | '.join(row)} |" for row in rows)])


def _circumstances(report: SyncReport) -> list[str]:
    machine = report.machine
    named = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    counts = " and ".join(f"{count:,}" for count in report.documents)
    each = f"push, pull and hub: the best of {report.rounds} rounds, fewer with more documents; server: {report.server}"
    return [
        f"- `{report.command}`, {report.measured_at}",
        f"- {counts} documents of {report.document_bytes:,} bytes; {each}",
        f"- {machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.system}",
        f"- load average when it began: {machine.load_average} (an idle machine has less than 0.2)",
        f"- {named}",
    ]


def _rows(report: SyncReport) -> Iterator[Row]:
    for name, ways in (("push", report.push), ("pull", report.pull)):
        if ways is not None:
            yield from (_way(name, way) for way in ways.by_documents.values())
            if ways.growth is not None:
                yield f"{name}: cost of a document among the most, to among the fewest", f"{ways.growth:.2f}", "", ""
    if report.nothing_new is not None:
        yield from _nothing_new(report.nothing_new)
    if report.hub is not None:
        yield from _hub(report.hub)
    if report.app_start is not None:
        yield _app_start(report.app_start)
    if report.intake is not None:
        yield from _intake(report.intake)
    if report.slow_link is not None:
        yield from _slow_link(report.slow_link)
    if report.phones is not None:
        yield from _phones(report.phones)


def _way(name: str, way: Way) -> Row:
    batches = f"batch 100: {_or_dash(way.pouchdb_100_docs_per_s)}, batch 1000: {_or_dash(way.pouchdb_1000_docs_per_s)}"
    ratio = _or_dash(way.ratio_to_pouchdb, ".2f")
    ours = f"{way.docs_per_s:,.0f} docs/s, {way.peak_mib['qixun']:.0f} MiB"
    return f"{name}, {way.documents:,} documents", ours, f"PouchDB {batches} docs/s", ratio


def _nothing_new(found: NothingNews) -> Iterator[Row]:
    for new in found.by_documents.values():
        theirs = f"PouchDB {_or_dash(new.pouchdb_seconds, '.3f')} s, {_or_dash(new.pouchdb_requests, 'd')} requests"
        yield f"nothing new, {new.documents:,} documents", f"{new.seconds:.3f} s, {new.requests} requests", theirs, ""


def _hub(hub: HubAlone) -> Iterator[Row]:
    calls: dict[str, Call] = {"_bulk_docs": hub.bulk_docs, "_bulk_get": hub.bulk_get, "_revs_diff": hub.revs_diff}
    for name, call in calls.items():
        theirs = f"CouchDB 3.5.0, recorded on an idle machine: {call.couchdb_docs_per_s:,} docs/s"
        yield f"the hub's `{name}` alone", f"{call.docs_per_s:,.0f} docs/s", theirs, f"{call.ratio_to_couchdb:.2f}"


def _app_start(found: AppStart) -> Row:
    ours = f"{found.seconds:.2f} s, of it loading the program {found.loading_s:.2f} s; {found.peak_mib:.0f} MiB"
    return f"app start to the first list, {found.documents:,} records", ours, "", ""


def _intake(intake: Intake) -> Iterator[Row]:
    if intake.documents is not None:
        ours = f"{_or_dash(intake.docs_per_s)} docs/s"
        bare = f"bare COPY + upsert of its {_or_dash(intake.rows)} rows: {_or_dash(intake.copy_docs_per_s)} docs/s"
        what = f"intake, hub to PostGIS, {intake.documents:,} documents"
        yield what, ours, bare, _or_dash(intake.ratio_to_copy, ".2f")
    if intake.visible is not None:
        seen = intake.visible
        delays = f"p50 {seen.p50_s:.2f} s, p95 {seen.p95_s:.2f} s, longest {seen.longest_s:.2f} s"
        yield f"from pushed to visible in PostGIS at {seen.rate_per_s:,.0f} records/s", delays, "", ""


def _slow_link(found: SlowLinkFigures) -> Iterator[Row]:
    link = f"{found.bits_per_s / 1e6:g} Mbit/s, reset every {found.reset_every_s:g} s ({found.resets} times)"
    first = f"records after {found.records_s:.1f} s, first photo after {found.first_photo_s:.1f} s"
    ours = f"{first}, all after {found.seconds:.0f} s"
    yield f"{found.records} records and {found.photos} photos of 300 KB over {link}", ours, "", ""
    sent = f"{found.sent_bytes:,} bytes"
    yield "its bytes sent, to the photos' own", sent, f"{found.photo_bytes:,} bytes", f"{found.sent_ratio:.2f}"


def _phones(found: Phones) -> Iterator[Row]:
    each = f"{found.phones} phones at once, each pulls {found.pulled_each:,} and pushes {found.pushed_each}"
    times = f"p50 {found.p50_s:.1f} s, p95 {found.p95_s:.1f} s, longest {found.longest_s:.1f} s"
    yield each, f"{found.failed} failed, {found.retries} retries; {times}", "", ""
    after = f"{found.in_postgis_after_s:.1f} s after the last push; server at most {found.server_peak_mib:.0f} MiB"
    yield f"its {found.in_postgis:,} records in PostGIS", after, "", ""


def _or_dash(number: float | None, shape: str = ",.0f") -> str:
    return "-" if number is None else format(number, shape)
