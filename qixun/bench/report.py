"""What was measured: as JSON for programs, as a Markdown table for people."""

import msgspec

from qixun.bench.intake import Throughput
from qixun.bench.machine import Machine
from qixun.bench.replication import NothingNew, Way
from qixun.bench.visible import Visible


class Intake(Throughput, frozen=True):
    """Of a full database; `visible` is the delay at a steady rate."""

    visible: Visible


class SyncReport(msgspec.Struct, frozen=True):
    """`qixun bench sync --json`. Ratios name their peer; above 1 we are the quicker. Without the peer they are null."""

    bench: str
    measured_at: str
    command: str
    server: str
    documents: int
    document_bytes: int
    rounds: int
    machine: Machine
    versions: dict[str, str]
    push: Way
    pull: Way
    nothing_new: NothingNew
    intake: Intake


def as_json(report: SyncReport) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report)) + b"\n"


def as_table(report: SyncReport) -> str:
    rows = [("what", "Qixun", "peer", "ratio"), ("---",) * 4, *_rows(report)]
    return "\n".join([*_circumstances(report), "", *(f"| {' | '.join(row)} |" for row in rows)])


def _circumstances(report: SyncReport) -> list[str]:
    machine = report.machine
    named = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    size = f"{report.documents:,} documents of {report.document_bytes:,} bytes"
    return [
        f"- `{report.command}`, {report.measured_at}",
        f"- {size}; each figure is the best of {report.rounds} rounds; server: {report.server}",
        f"- {machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.system}",
        f"- load average when it began: {machine.load_average} (an idle machine has less than 0.2)",
        f"- {named}",
    ]


def _rows(report: SyncReport) -> list[tuple[str, str, str, str]]:
    new, intake, seen = report.nothing_new, report.intake, report.intake.visible
    theirs = f"PouchDB {_or_dash(new.pouchdb_seconds, '.3f')} s, {_or_dash(new.pouchdb_requests, 'd')} requests"
    bare = f"bare COPY + upsert of its {intake.rows:,} rows: {intake.copy_docs_per_s:,.0f} docs/s"
    delays = f"p50 {seen.p50_s:.2f} s, p95 {seen.p95_s:.2f} s, longest {seen.longest_s:.2f} s"
    return [
        _way("push", report.push),
        _way("pull", report.pull),
        (f"nothing new, {new.documents:,} documents", f"{new.seconds:.3f} s, {new.requests} requests", theirs, ""),
        ("intake, hub to PostGIS", f"{intake.docs_per_s:,.0f} docs/s", bare, f"{intake.ratio_to_copy:.2f}"),
        (f"from pushed to visible in PostGIS at {seen.rate_per_s:,.0f} records/s", delays, "", ""),
    ]


def _way(name: str, way: Way) -> tuple[str, str, str, str]:
    batches = f"batch 100: {_or_dash(way.pouchdb_100_docs_per_s)}, batch 1000: {_or_dash(way.pouchdb_1000_docs_per_s)}"
    ratio = _or_dash(way.ratio_to_pouchdb, ".2f")
    return name, f"{way.docs_per_s:,.0f} docs/s", f"PouchDB {batches} docs/s", ratio


def _or_dash(number: float | None, shape: str = ",.0f") -> str:
    return "-" if number is None else format(number, shape)
