"""A company's cylinders and years of their movements, written by COPY as the fold itself would leave them.

Every cylinder goes round: filled, loaded, delivered, returned, stored. Rows are written in the order of time, as the
years would have written them, so that one cylinder's movements lie far apart on the disk.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from backend.db import Base

STATIONS = 50
DRIVERS = 500
CUSTOMERS = 100_000
_SIZES = ("YSP12", "YSP35.5", "YSP118")
_ROUND = ("filled", "loaded", "delivered", "returned", "stored")
# Since the step before, in minutes: a filled cylinder waits a day, one at a customer's six weeks.
_MINUTES = (1200, 180, 60_000, 180, 2400)
_LARGE = ("cylinder_movements", "cylinder_stays")
_LINES_AT_ONCE = 20_000


class Town(msgspec.Struct, frozen=True):
    """Who there is; `stations` are units of the company."""

    company_id: str
    stations: Sequence[str]
    drivers: Sequence[str]
    customers: Sequence[str]
    cylinders: int
    movements: int
    now: datetime

    def station_of(self, number: int) -> str:
        return self.stations[number % len(self.stations)]

    def driver_of(self, number: int, step: int) -> str:
        return self.drivers[(number * 7 + step // len(_ROUND)) % len(self.drivers)]

    def customer_of(self, number: int, step: int) -> str:
        return self.customers[(number * 13 + step // len(_ROUND)) % len(self.customers)]

    def steps_of(self, number: int) -> int:
        """Two more or fewer than the mean, so that cylinders stand at every step of the round."""
        return max(1, self.movements // self.cylinders + number // STATIONS % len(_ROUND) - 2)

    def id_of(self, number: int) -> str:
        return f"{number:032x}"

    def code_of(self, number: int) -> str:
        return f"35-{number:07d}"

    def registered(self, number: int) -> datetime:
        minutes = sum(_MINUTES[step % len(_ROUND)] for step in range(self.steps_of(number)))
        return self.now - timedelta(minutes=minutes + 60 + number % 40_000)

    def holder(self, number: int, step: int) -> tuple[str, str]:
        """After that step; before the first one it stands where it was entered."""
        if step < 0 or step % len(_ROUND) in {0, 4}:
            return "station", self.station_of(number)
        if step % len(_ROUND) == 2:
            return "customer", self.customer_of(number, step)
        return "vehicle", self.driver_of(number, step)


def write_town(url: str, town: Town) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '768MB'")
        indexes = _drop_indexes(connection)
        # Emptied in this transaction, so that what is copied needs no vacuum (FREEZE).
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, _LARGE))))
        _copy(connection, "cylinders", _CYLINDER, _cylinders(town))
        _copy(connection, "cylinder_movements", _MOVEMENT, _movements(town))
        _copy(connection, "cylinder_stays", _STAY, _stays(town))
        _copy(connection, "stock_holders", _HOLDER, _holders(town))
        for statement in indexes:
            connection.execute(statement)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) cylinders, cylinder_movements, cylinder_stays, stock_holders")


def _drop_indexes(connection: psycopg.Connection) -> list[sql.SQL]:
    """Of the large tables; answers how to make them again."""
    again: list[sql.SQL] = []
    for table in _LARGE:
        constraints = connection.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype IN ('p', 'u')",
            [table],
        ).fetchall()
        for name, definition in constraints:
            connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(_name(table), _name(name)))
            again.append(sql.SQL(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {definition}'))
        indexes = connection.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table])
        for name, definition in indexes.fetchall():
            connection.execute(sql.SQL("DROP INDEX {}").format(_name(name)))
            again.append(sql.SQL(definition))
    return again


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(name)


_CYLINDER = (
    *("id", "organisation_id", "company_id", "code", "factory_number", "specification", "standard", "medium"),
    *("tag_uid", "manufacturer", "owned", "scrapped", "tag_torn", "storage_position", "registered_at"),
    *("registered_with", "holder_kind", "holder_id", "holder_since", "last_record_id", "last_heard_at"),
    *("next_inspection_on", "service_ends_on"),
)
_MOVEMENT = (
    *("record_id", "organisation_id", "company_id", "cylinder_id", "code", "kind", "at", "staff_id", "vehicle"),
    *("station_id", "customer_id", "task_id", "method", "detail", "inspection_body", "point"),
)
_STAY = ("cylinder_id", "number", "holder_kind", "holder_id", "since", "until")
_HOLDER = ("holder_kind", "holder_id", "organisation_id", "plate", "balanced_to")
# A point in CGCS2000 as PostGIS writes it; where exactly does not matter here.
_POINT = "01010000208A1100000000000000A05F400000000000E04540"


def _copy(connection: psycopg.Connection, table: str, columns: Sequence[str], lines: Iterator[str]) -> None:
    given = {
        column.name: column.default for column in Base.metadata.tables[table].columns if column.default is not None
    }
    rest = {name: _text(default) for name, default in given.items() if name not in columns}
    tail = "".join(f"\t{value}" for value in rest.values()) + "\n"
    names = sql.SQL(", ").join(map(sql.Identifier, [*columns, *rest]))
    how = sql.SQL("(FREEZE)" if table in _LARGE else "")
    statement = sql.SQL("COPY {} ({}) FROM STDIN {}").format(sql.Identifier(table), names, how)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        block: list[str] = []
        for line in lines:
            block.append(line + tail)
            if len(block) == _LINES_AT_ONCE:
                copy.write("".join(block))
                block.clear()
        copy.write("".join(block))


def _text(default: Any) -> str:
    """What the model itself puts into a column."""
    value = default.arg if default.is_scalar else default.arg(None)
    return msgspec.json.encode(value).decode() if isinstance(value, list | dict) else str(value)


def _cylinders(town: Town) -> Iterator[str]:
    due = town.now.date()
    for number in range(town.cylinders):
        key, station, registered = town.id_of(number), town.station_of(number), town.registered(number)
        last = town.steps_of(number) - 1
        kind, holder = town.holder(number, last)
        at = last_at = _at(town, number, last)
        if last % len(_ROUND) == 0 and last:
            at = _at(town, number, last - 1)  # filled where it had been stored before
        elif last == 0:
            at = registered
        inspected = due + timedelta(days=number % 1460 - 30)
        yield (
            f"{key}\t{station}\t{town.company_id}\t{town.code_of(number)}\t{number}\t{_SIZES[number % 3]}\tGB 5842-2006"
            f"\tLPG\tE280{number:08X}\t演示钢瓶厂\tt\tf\tf\t\t{registered.isoformat()}\t{station}\t{kind}\t{holder}"
            f"\t{at.isoformat()}\t{_record(number, last)}\t{last_at.isoformat()}\t{inspected}"
            f"\t{inspected.year + 4}-12-31"
        )


def _at(town: Town, number: int, step: int) -> datetime:
    minutes = sum(_MINUTES[each % len(_ROUND)] for each in range(step + 1))
    return town.registered(number) + timedelta(minutes=minutes)


def _record(number: int, step: int) -> str:
    return f"cylinders.{_ROUND[step % len(_ROUND)]}:{number:032x}{step:04x}"


class _Minutes(dict[int, str]):
    """A minute since 1970 as PostgreSQL reads it; there are far fewer of them than rows."""

    def __missing__(self, minute: int) -> str:
        self[minute] = text = datetime.fromtimestamp(minute * 60, UTC).isoformat()
        return text


def _movements(town: Town) -> Iterator[str]:
    registered = [_minute(town.registered(number)) for number in range(town.cylinders)]
    steps = [town.steps_of(number) for number in range(town.cylinders)]
    minutes, passed = _Minutes(), 0
    for step in range(max(steps)):
        kind = _ROUND[step % len(_ROUND)]
        passed += _MINUTES[step % len(_ROUND)]
        at_station, at_customer = kind in {"filled", "loaded", "stored"}, kind in {"delivered", "returned"}
        plate, point = "吉·测速01" if kind == "loaded" else "", _POINT if at_customer else "\\N"
        for number in range(town.cylinders):
            if step >= steps[number]:
                continue
            station = town.station_of(number)
            customer = town.customer_of(number, step) if at_customer else ""
            yield (
                f"cylinders.{kind}:{number:032x}{step:04x}\t{station}\t{town.company_id}\t{number:032x}\t35-{number:07d}"
                f"\t{kind}\t{minutes[registered[number] + passed]}\t{town.driver_of(number, step)}\t{plate}"
                f"\t{station if at_station else ''}\t{customer}\t\tqr\t\t\t{point}"
            )


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def _stays(town: Town) -> Iterator[str]:
    minutes = _Minutes()
    for number in range(town.cylinders):
        key, at = f"{number:032x}", _minute(town.registered(number))
        place, holder, since = 0, town.holder(number, -1), minutes[at]
        for step in range(town.steps_of(number)):
            at += _MINUTES[step % len(_ROUND)]
            next_ = town.holder(number, step)
            if next_ != holder:
                yield f"{key}\t{place}\t{holder[0]}\t{holder[1]}\t{since}\t{minutes[at]}"
                place, holder, since = place + 1, next_, minutes[at]
        yield f"{key}\t{place}\t{holder[0]}\t{holder[1]}\t{since}\t\\N"


def _holders(town: Town) -> Iterator[str]:
    yield from (f"station\t{key}\t{key}\t\t\\N" for key in town.stations)
    for number, key in enumerate(town.drivers):
        yield f"vehicle\t{key}\t{town.station_of(number)}\t吉·测速01\t\\N"
