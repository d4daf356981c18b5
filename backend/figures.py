"""What `/metrics` tells: lag, queues and errors, for whoever watches the system; what each means is in
`docs/operations.md`. No label names a person, a phone or a row.

Counters and histograms belong to a process (the server's, the worker's); the state of the queues is read from
PostgreSQL by one statement for each scrape, and stands on the server's page alone.
"""

import asyncio
import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CollectorRegistry, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import text

from backend.db import Database

# A shift without network is hours long, a good connection is done within a second.
_WAY_S = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600)
_INTAKE_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

RECORD_WAY = Histogram(
    "qixun_record_way_seconds", "From recording on the phone to acceptance in PostGIS", buckets=_WAY_S
)
INTAKE = Histogram("qixun_intake_seconds", "From reading a page in the hub to its commit", buckets=_INTAKE_S)
TAKEN = Counter("qixun_records_taken", "Records taken from phones' databases", ["kind"])
BACKLOG = Gauge("qixun_hub_backlog_databases", "Hub databases known to hold what was not read yet", ["kind"])
HUB_READ = Gauge("qixun_hub_read_timestamp_seconds", "When the hub last answered a sweep or a reading, in Unix time")
PROBLEMS = Counter("qixun_problems", "Requests answered with a problem, by its stable code", ["status", "code"])
EVENTS = Counter("qixun_log_events", "Warnings and errors that were logged, by their name", ["event", "level"])

_EVENT = re.compile(r"[a-z0-9_]{1,30}(\.[a-z0-9_]{1,30}){0,2}")
_LONGEST_S = 3.0

# One row, one column for each figure: numbers, or numbers by one label as an object.
_STATE = """
SELECT
  (SELECT count(*) FROM outbox WHERE version <> sent_version) AS outbox_waiting,
  (SELECT extract(epoch FROM now() - min(changed_at)) FROM outbox WHERE version <> sent_version) AS outbox_oldest,
  (SELECT jsonb_object_agg(status, n) FROM (SELECT status, count(*) AS n FROM procrastinate_jobs
     WHERE status IN ('todo', 'doing', 'failed') GROUP BY status) AS j) AS jobs,
  (SELECT jsonb_object_agg(code, n) FROM (SELECT code, count(*) AS n FROM quarantine
     WHERE state = 'open' GROUP BY code) AS q) AS quarantine,
  (SELECT jsonb_object_agg(kind, n) FROM (SELECT kind, count(*) AS n FROM conflicts
     WHERE state = 'open' GROUP BY kind) AS c) AS conflicts,
  (SELECT count(*) FROM facts WHERE state = 'waiting') AS unsettled,
  (SELECT jsonb_object_agg(kind, n) FROM (SELECT kind, count(*) AS n FROM hub_databases
     WHERE dropped_at IS NULL GROUP BY kind) AS d) AS databases,
  (SELECT count(*) FROM hub_databases WHERE NOT provisioned) AS to_provision,
  (SELECT count(*) FROM hub_databases LEFT JOIN hub_manifests ON database = name
     WHERE dropped_at IS NULL AND verified IS NOT TRUE) AS unverified,
  (SELECT extract(epoch FROM now() - min(compared_at)) FROM hub_manifests JOIN hub_databases ON database = name
     WHERE dropped_at IS NULL) AS compared,
  (SELECT count(DISTINCT device_id) FROM record_numbers WHERE missing > 0) AS with_gaps,
  (SELECT jsonb_object_agg(kind, age) FROM (SELECT kind, extract(epoch FROM now() - max(read_at)) AS age
     FROM hub_databases WHERE read_at IS NOT NULL GROUP BY kind) AS r) AS read_age,
  (SELECT jsonb_build_object('heard_of', count(*) FILTER (WHERE last_seen_at >= now() - interval '30 minutes'),
     'offline', count(*) FILTER (WHERE last_seen_at IS NULL OR last_seen_at < now() - interval '30 minutes'))
     FROM devices WHERE revoked_at IS NULL) AS phones,
  (SELECT coalesce(sum(waiting), 0) FROM devices WHERE revoked_at IS NULL) AS on_phones,
  (SELECT coalesce(sum(refused), 0) FROM devices WHERE revoked_at IS NULL) AS refused,
  (SELECT extract(epoch FROM now() - min(oldest_waiting_at)) FROM devices WHERE revoked_at IS NULL) AS oldest,
  (SELECT count(*) FROM audit_entries WHERE position IS NULL) AS unsealed
"""

# Name, what it says, the column of the statement, and the label of what is given by one. What a label's value lacks
# is 0, so that a graph falls back to the ground and does not end.
_FIGURES: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    ("qixun_outbox_waiting", "Documents not written to the hub yet", "outbox_waiting", "", ()),
    ("qixun_outbox_oldest_seconds", "Age of the oldest of them", "outbox_oldest", "", ()),
    ("qixun_jobs", "Jobs that wait, run or have failed", "jobs", "state", ("todo", "doing", "failed")),
    ("qixun_quarantine_open", "Documents that wait for the office, by reason", "quarantine", "code", ()),
    ("qixun_conflicts_open", "Contradictions that wait for the office", "conflicts", "kind", ()),
    ("qixun_records_unsettled", "Records that wait for what they refer to", "unsettled", "", ()),
    ("qixun_hub_databases", "Databases of the hub", "databases", "kind", ("user", "media", "unit")),
    ("qixun_hub_databases_to_provision", "Databases to be made or opened to other members", "to_provision", "", ()),
    ("qixun_hub_databases_unverified", "Databases that the last comparison did not find whole", "unverified", "", ()),
    ("qixun_hub_compared_age_seconds", "Since the database that was not compared longest was", "compared", "", ()),
    ("qixun_hub_read_age_seconds", "Since a page with something new was read", "read_age", "kind", ()),
    ("qixun_phones", "Phones in use, by whether they were heard of in 30 minutes", "phones", "state", ()),
    ("qixun_phone_records_waiting", "Records still on phones, as they last told", "on_phones", "", ()),
    ("qixun_phone_records_refused", "Refused records on phones, as they last told", "refused", "", ()),
    ("qixun_phone_oldest_seconds", "Age of the oldest record still on a phone", "oldest", "", ()),
    ("qixun_phones_with_gaps", "Phones of whose records some numbers never came", "with_gaps", "", ()),
    ("qixun_audit_unsealed", "Audit entries not in the chain yet", "unsealed", "", ()),
)

NAMES = frozenset({"qixun_database_up", *(name for name, *_ in _FIGURES)})


def note_taken(kind: str, recorded_at: Iterable[datetime], received_at: datetime) -> None:
    """To be called when a page of a phone's database is committed, with when each of its new records was recorded."""
    now = datetime.now(UTC)
    INTAKE.observe(max(0.0, (now - received_at).total_seconds()))
    moments = list(recorded_at)
    TAKEN.labels(kind).inc(len(moments))
    for moment in moments:
        RECORD_WAY.observe(max(0.0, (now - moment).total_seconds()))


def count_event(_: Any, method: str, event: Any) -> Any:
    """A structlog processor. A name is one that the code wrote; a sentence would be a series for each of its values."""
    if method in {"warning", "error", "critical", "exception"}:
        name = str(event.get("event", ""))
        EVENTS.labels(name if _EVENT.fullmatch(name) else "other", "warning" if method == "warning" else "error").inc()
    return event


def may_scrape(client_host: str, headers: Mapping[str, str], token: str) -> bool:
    """From this machine and not through a proxy on it, or with the token that the settings name."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
        return True
    if any(name in headers for name in ("x-forwarded-for", "forwarded", "x-real-ip", "via")):
        return False
    try:
        return ipaddress.ip_address(client_host).is_loopback
    except ValueError:
        return False


async def page(database: Database) -> bytes:
    """This process's figures, and the state of the queues; without it where PostgreSQL does not answer at once."""
    state: Mapping[str, Any] | None = None
    try:
        async with asyncio.timeout(_LONGEST_S), database.sessions() as session:
            state = dict((await session.execute(text(_STATE))).mappings().one())
    except Exception:  # noqa: BLE001 - whatever it is, the rest is told, and that this is missing
        state = None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_State(list(_gauges(state))))
    return generate_latest(REGISTRY) + generate_latest(registry)


class _State(Collector):
    def __init__(self, gauges: Sequence[GaugeMetricFamily]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._gauges


def _gauges(state: Mapping[str, Any] | None) -> Iterable[GaugeMetricFamily]:
    yield GaugeMetricFamily("qixun_database_up", "Whether PostgreSQL answered this scrape", value=float(bool(state)))
    for name, told, column, label, always in _FIGURES if state else ():
        found = state[column] if state else None
        if not label:
            yield GaugeMetricFamily(name, told, value=float(found or 0))
            continue
        gauge = GaugeMetricFamily(name, told, labels=[label])
        for value, number in (dict.fromkeys(always, 0) | (found or {})).items():
            gauge.add_metric([value], float(number))
        yield gauge
