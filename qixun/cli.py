"""`qixun`: serve, work, import and set up from the command line."""

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import uvicorn
from sqlalchemy.exc import DBAPIError, NotSupportedError, OperationalError, ProgrammingError

from backend.cluster import ClusterError
from backend.db import Database
from backend.errors import AppError
from backend.migrations import run as migrations
from backend.settings import Settings, SettingsError, load_settings
from qixun.bench import PARTS, PHONES, PHOTOS
from qixun.starting import StartError, database_of, hub_administrator, require_free_port

# Open feeds of phones and consoles would keep a server from stopping for ever.
_LAST_ANSWERS_S = 3


def main() -> None:
    arguments = _parser().parse_args()
    try:
        settings = load_settings()
        sys.exit(arguments.run(settings, arguments))
    except (SettingsError, ClusterError, StartError) as error:
        sys.exit(f"qixun: {error}")
    except AppError as error:
        sys.exit(f"qixun: {_sentence(error.detail, error.action)} / {_sentence(error.detail_en, error.action_en)}")
    except OperationalError as error:
        sys.exit(f"qixun: 数据库没有应答，请检查 QIXUN_DATABASE_URL / the database does not answer: {_reason(error)}")
    except OSError as error:
        # A full disk, a folder that belongs to somebody else: the system's own words name file and reason.
        sys.exit(f"qixun: {error}")
    except KeyboardInterrupt:
        # The way to stop a server, and no failure of it.
        sys.exit(0 if arguments.run is _serve else 130)


def _sentence(detail: str, action: str) -> str:
    """What is wrong and what to do about it."""
    stop = "。" if detail.endswith("。") else "."
    return detail + (f" {action}{stop}" if action else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="qixun", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="console, app, API and hub on one port")
    serve.add_argument("--demo", action="store_true", help="on an empty database: the demo company and a played shift")
    serve.set_defaults(run=_serve)

    worker = commands.add_parser("worker", help="jobs, intake and outbox (with QIXUN_WORKER=outside on serve)")
    worker.set_defaults(run=_work)

    migrate = commands.add_parser("migrate", help="bring the database's tables up to date")
    migrate.set_defaults(run=_migrate)

    company = commands.add_parser("create-company", help="a company and its first administrator")
    company.add_argument("name")
    company.add_argument("--administrator", required=True, metavar="NUMBER", help="the administrator's staff number")
    company.add_argument("--unit", action="append", default=[], help="a unit of the company; may be repeated")
    company.set_defaults(run=_create_company)

    network = commands.add_parser(
        "import-network", help="pipes and facilities from GeoPackage, Shapefile, GeoJSON, CSV"
    )
    network.add_argument("file", type=Path)
    network.add_argument("--unit", required=True, help="the unit that patrols it: its name, or its id")
    network.add_argument("--layer", help="of a file with several; default: all that are known")
    network.add_argument(
        "--map", action="append", default=[], type=_pair, metavar="FIELD=COLUMN", help="where names are not known"
    )
    network.add_argument("--crs", help="for a file that does not name its coordinate system, e.g. EPSG:4549")
    network.add_argument("--dry-run", action="store_true", help="the report only; nothing is taken")
    network.add_argument("--json", type=Path, help="write the whole report here")
    network.set_defaults(run=_import_network)

    cylinders = commands.add_parser("import-cylinders", help="a register of cylinders from Excel (.xlsx) or CSV")
    cylinders.add_argument("file", type=Path)
    cylinders.add_argument("--unit", required=True, help="the station of rows that name none: its name, or its id")
    cylinders.add_argument("--keep-existing", action="store_true", help="reject rows that would change the archive")
    cylinders.add_argument("--dry-run", action="store_true", help="the report only; nothing is taken")
    cylinders.add_argument("--json", type=Path, help="write the whole report here")
    cylinders.set_defaults(run=_import_cylinders)

    demo = commands.add_parser("export-demo-network", help="the demo network as a GeoPackage")
    demo.add_argument("file", type=Path)
    demo.set_defaults(run=_export_demo_network)

    _add_gateway(commands)
    _add_bench(commands)

    admin = commands.add_parser("hub-admin", help="the embedded hub's administrator, name:password")
    admin.set_defaults(run=_hub_admin)

    rotate = commands.add_parser("rotate-key", help="a new key for tokens and documents; the old one ends by itself")
    rotate.add_argument(
        "--stolen", action="store_true", help="the old keys count for nothing from now on; all is signed anew"
    )
    rotate.set_defaults(run=_rotate_key)

    compare = commands.add_parser("compare-hub", help="hub and PostGIS whole, as is done every hour; repairs and lists")
    compare.set_defaults(run=_compare_hub)

    archives = commands.add_parser("archives", help="quarters that were archived and dropped from the hub")
    archives.set_defaults(run=_archives)

    restore = commands.add_parser("restore-archive", help="brings an archived database back to the hub")
    restore.add_argument("database", help="its name, as `qixun archives` lists it")
    restore.set_defaults(run=_restore_archive)
    return parser


def _add_gateway(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    gateway = commands.add_parser("station-gateway", help="on a station's PC: its alarms and its fire water")
    gateway.add_argument("map", type=Path, help="the station's map of registers (JSON)")
    gateway.add_argument("--server", required=True, metavar="URL", help="the office's address")
    gateway.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where this PC keeps its records")
    gateway.add_argument("--staff", required=True, metavar="NUMBER", help="the staff number that this PC signs in with")
    gateway.add_argument("--password-file", type=Path, required=True, help="its password, in a file of mode 0600")
    gateway.set_defaults(run=_station_gateway)


def _add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    bench = commands.add_parser("bench", help="how fast it is here, as ratios to a peer in the same run")
    names = "sync: push, pull, and the way into PostGIS; cylinders: a large company's whereabouts and stock"
    bench.add_argument("name", choices=["sync", "cylinders"], metavar="NAME", help=names)
    bench.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    bench.add_argument("--docs", type=Path, metavar="FILE", help="put the table into this page, between its marks")
    bench.add_argument("--only", type=_parts, metavar="PART,...", help=f"some parts of it: {', '.join(PARTS)}")
    many = "default 10000,100000, of 1 KB each; what need not be measured with all takes the first"
    bench.add_argument("--documents", type=_counts, default=(10_000, 100_000), metavar="N,...", help=many)
    bench.add_argument(
        "--photos", type=_count, default=PHOTOS, metavar="N", help=f"over the slow link; default {PHOTOS}"
    )
    bench.add_argument("--phones", type=_count, default=PHONES, metavar="N", help=f"at once; default {PHONES}")
    bench.add_argument(
        "--rounds", type=_count, default=3, metavar="N", help="each figure is the best of them; default 3"
    )
    bench.add_argument(
        "--hub", default="", metavar="URL", help="an Apache CouchDB, with its administrator; default: the embedded hub"
    )
    bench.add_argument("--without-peer", action="store_true", help="our own figures only; nothing is installed by npm")
    whole = "in the archive; default 1000000"
    bench.add_argument("--cylinders", type=_count, default=1_000_000, metavar="N", help=whole)
    bench.add_argument("--movements", type=_count, default=20_000_000, metavar="N", help="of them; default 20000000")
    on_phone = "cylinders in a phone's store; default 100000"
    bench.add_argument("--on-phone", type=_count, default=100_000, metavar="N", help=on_phone)
    bench.set_defaults(run=_bench)


def _pair(text: str) -> tuple[str, str]:
    field, equals, column = text.partition("=")
    if not (field and equals and column):
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=COLUMN")
    return field, column


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(sorted({_count(each) for each in text.split(",")}))


def _parts(text: str) -> tuple[str, ...]:
    asked = tuple(text.split(","))
    for part in asked:
        if part not in PARTS:
            raise argparse.ArgumentTypeError(f"{part!r} is none of {', '.join(PARTS)}")
    return asked


def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    from web_console import basemap  # noqa: PLC0415 - other commands need no console

    require_free_port(settings)
    basemap.check(settings)
    with database_of(settings) as ready:
        _upgrade(ready)
        if arguments.demo:
            from qixun.demo.play import serve_with_demo  # noqa: PLC0415 - its packages are wanted by it alone

            return asyncio.run(serve_with_demo(ready))
        asyncio.run(server_of(ready).serve())
    return 0


def server_of(settings: Settings) -> uvicorn.Server:
    from qixun.server import Server, build  # noqa: PLC0415 - the whole product takes a second to import

    app, hub = build(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        timeout_graceful_shutdown=_LAST_ANSWERS_S,
        proxy_headers=settings.https,
    )
    return Server(config, hub)


def _work(settings: Settings, _: argparse.Namespace) -> int:
    from backend.worker import run_worker  # noqa: PLC0415

    if not settings.couchdb_url:
        message = "a separate worker reaches the hub by QIXUN_COUCHDB_URL; set it, or let `qixun serve` work by itself"
        raise StartError(f"独立的 worker 需要 QIXUN_COUCHDB_URL / {message}")
    with database_of(settings) as ready:
        asyncio.run(run_worker(ready))
    return 0


def _station_gateway(_: Settings, arguments: argparse.Namespace) -> int:
    from qixun import station_gateway  # noqa: PLC0415 - the app's parts are wanted by it alone

    password = station_gateway.read_password(arguments.password_file)
    asyncio.run(station_gateway.serve(arguments.map, arguments.server, arguments.data, arguments.staff, password))
    return 0


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    with database_of(settings) as ready:
        _upgrade(ready)
    return 0


def _create_company(settings: Settings, arguments: argparse.Namespace) -> int:
    from qixun import setup  # noqa: PLC0415

    prompt = f"密码 password of {arguments.administrator}: "
    password = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")

    async def create(database: Database) -> None:
        async with database.sessions() as session, session.begin():
            made = await setup.create_company(
                session,
                arguments.name,
                units=arguments.unit,
                administrator=arguments.administrator,
                password=password,
                min_length=settings.password_min_length,
            )
            print(f"{made.name}  {made.id}")

    return _with_database(settings, create)


def _import_network(settings: Settings, arguments: argparse.Namespace) -> int:
    from qixun import setup  # noqa: PLC0415 - reading files of many kinds takes a second to import

    rejected = 0

    async def take(database: Database) -> None:
        nonlocal rejected
        report = await setup.import_network(
            database,
            arguments.unit,
            arguments.file,
            layer=arguments.layer,
            mapping=dict(arguments.map),
            crs=arguments.crs,
            dry_run=arguments.dry_run,
        )
        if arguments.json:
            arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
        rejected = setup.print_report(report)

    _with_database(settings, take)
    return 1 if rejected else 0


def _import_cylinders(settings: Settings, arguments: argparse.Namespace) -> int:
    from qixun import setup  # noqa: PLC0415 - as above

    content = arguments.file.read_bytes()
    rejected = 0

    async def take(database: Database) -> None:
        nonlocal rejected
        report = await setup.import_cylinders(
            database,
            arguments.unit,
            content,
            file_name=arguments.file.name,
            dry_run=arguments.dry_run,
            keep_existing=arguments.keep_existing,
        )
        if arguments.json:
            arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
        rejected = setup.print_cylinders(report)

    _with_database(settings, take)
    return 1 if rejected else 0


def _upgrade(ready: Settings) -> None:
    try:
        migrations.upgrade(ready.database_url)
    except (NotSupportedError, ProgrammingError) as error:
        # A server without PostGIS, an account without the right to make tables.
        raise StartError(f"数据库不能升级 / the database cannot be migrated: {_reason(error)}") from error


def _reason(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def _with_database(settings: Settings, work: Callable[[Database], Awaitable[None]]) -> int:
    async def run(ready: Settings) -> None:
        database = Database(ready)
        try:
            await work(database)
        finally:
            await database.close()

    with database_of(settings) as ready:
        _upgrade(ready)
        asyncio.run(run(ready))
    return 0


def _export_demo_network(_: Settings, arguments: argparse.Namespace) -> int:
    from qixun.demo.network import export_network  # noqa: PLC0415

    print(json.dumps(export_network(arguments.file), ensure_ascii=False))
    return 0


def _bench(settings: Settings, arguments: argparse.Namespace) -> int:
    from qixun.bench import command  # noqa: PLC0415 - measures the whole product

    return command.run(settings, arguments)


def _rotate_key(settings: Settings, arguments: argparse.Namespace) -> int:
    from qixun import hub  # noqa: PLC0415 - the whole of intake takes a second to import

    return _with_database(settings, lambda database: hub.rotate_key(settings, database, stolen=arguments.stolen))


def _compare_hub(settings: Settings, _: argparse.Namespace) -> int:
    from qixun import hub  # noqa: PLC0415

    return _with_database(settings, lambda database: hub.compare(settings, database))


def _archives(settings: Settings, _: argparse.Namespace) -> int:
    from qixun import hub  # noqa: PLC0415

    return _with_database(settings, hub.list_archives)


def _restore_archive(settings: Settings, arguments: argparse.Namespace) -> int:
    from qixun import hub  # noqa: PLC0415

    return _with_database(settings, lambda database: hub.restore(settings, database, arguments.database))


def _hub_admin(settings: Settings, _: argparse.Namespace) -> int:
    print(hub_administrator(settings))
    return 0


if __name__ == "__main__":
    main()
