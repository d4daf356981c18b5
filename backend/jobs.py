"""Work that is due at a time, on a queue in PostgreSQL (procrastinate): several workers may run, each job runs once.

Every job may run twice without harm. What follows at once from a commit is no job: see `worker.py`.
"""

from datetime import UTC, datetime, timedelta

from procrastinate import App, Blueprint, JobContext, PsycopgConnector, RetryStrategy
from procrastinate.schema import SchemaManager

from backend.accounts import service as accounts
from backend.cameras import checking as cameras
from backend.cameras.reach import networks_of
from backend.certificates import service as certificates
from backend.customers import service as customers
from backend.cylinders import service as cylinders
from backend.db import Database, libpq_url
from backend.lookups import service as lookups
from backend.patrol import service as patrol
from backend.photos.service import PhotoStore
from backend.reference import service as reference
from sync.databases import BEIJING
from sync.identity_card import can_read

# Tasks of the next day are made in the evening, so that phones hold them before they leave the network.
_AHEAD = timedelta(hours=8)
_KEEP_DONE_HOURS = 24 * 7

jobs = Blueprint()
_again = RetryStrategy(max_attempts=5, exponential_wait=2)


def jobs_app(database: Database) -> App:
    app = App(connector=PsycopgConnector(conninfo=libpq_url(database.url), min_size=1, max_size=4))
    app.add_tasks_from(jobs, namespace="")
    return app


def queue_schema() -> str:
    """The queue's tables, for the migration that makes them."""
    return SchemaManager.get_schema()


def _database(context: JobContext) -> Database:
    database: Database = context.additional_context["database"]
    return database


@jobs.periodic(cron="*/10 * * * *")
@jobs.task(name="generate_patrol_tasks", queueing_lock="generate_patrol_tasks", pass_context=True, retry=_again)
async def generate_patrol_tasks(context: JobContext, timestamp: int) -> None:
    """Today's and, from the afternoon on, tomorrow's tasks of every plan; often, since a plan may be new."""
    now = datetime.fromtimestamp(timestamp, UTC).astimezone(BEIJING)
    for day in sorted({now.date(), (now + _AHEAD).date()}):
        async with _database(context).sessions() as session, session.begin():
            await patrol.generate_tasks(session, day)


@jobs.periodic(cron="*/10 * * * *")
@jobs.task(name="post_reference", queueing_lock="post_reference", pass_context=True, retry=_again)
async def post_reference(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - given by the queue
    """Lists, limits and certificates to units that do not have them yet."""
    async with _database(context).sessions() as session, session.begin():
        await reference.post_everywhere(session)
        await certificates.post_everywhere(session)


@jobs.periodic(cron="*/5 * * * *")
@jobs.task(name="balance_stock", queueing_lock="balance_stock", pass_context=True, retry=_again)
async def balance_stock(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - given by the queue
    """Yesterday's stock of every station and vehicle, and the days that late records have changed."""
    for step in (cylinders.adopt_strays, cylinders.adopt_stray_tags, cylinders.balance_stock):
        done = 1
        while done:
            async with _database(context).sessions() as session, session.begin():
                done = await step(session)


@jobs.periodic(cron="11 * * * *")
@jobs.task(name="remind_inspections", queueing_lock="remind_inspections", pass_context=True, retry=_again)
async def remind_inspections(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - given by the queue
    """Often, since cylinders are entered all day; each stage of each cylinder is told once."""
    async with _database(context).sessions() as session, session.begin():
        await cylinders.remind_all(session)


@jobs.periodic(cron="29 * * * *")
@jobs.task(name="check_cameras", queueing_lock="check_cameras", pass_context=True, retry=_again)
async def check_cameras(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - given by the queue
    """What recorders keep, once a day; one that did not answer is asked again in an hour."""
    database = _database(context)
    async with database.sessions() as session:
        networks = networks_of(session.info["settings"].camera_networks)
    await cameras.check_all(database, networks)


@jobs.periodic(cron="*/10 * * * *")
@jobs.task(name="post_tag_keys", queueing_lock="post_tag_keys", pass_context=True, retry=_again)
async def post_tag_keys(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - given by the queue
    """Keys for electronic tags to units that do not have them yet."""
    async with _database(context).sessions() as session, session.begin():
        await cylinders.post_tag_keys(session)


@jobs.periodic(cron="17 * * * *")
@jobs.task(name="delete_expired", queueing_lock="delete_expired", pass_context=True, retry=_again)
async def delete_expired(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - given by the queue
    """Sessions, tokens and counts that can no longer open anything."""
    async with _database(context).sessions() as session, session.begin():
        await accounts.delete_expired(session)
        await lookups.forget_scan_counts(session)


@jobs.periodic(cron="*/10 * * * *")
@jobs.task(
    name="delete_pictures_of_the_erased",
    queueing_lock="delete_pictures_of_the_erased",
    pass_context=True,
    retry=_again,
)
async def delete_pictures_of_the_erased(context: JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Signatures, identity cards and contracts of customers who were erased; a picture may arrive after that."""
    database = _database(context)
    async with database.sessions() as session, session.begin():
        await customers.delete_pictures_of_the_erased(session, PhotoStore.of(session.info["settings"]))


@jobs.periodic(cron="* * * * *")
@jobs.task(name="read_identity_cards", queueing_lock="read_identity_cards", pass_context=True, retry=_again)
async def read_identity_cards(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - given by the queue
    """The office's own reading of cards that registrations brought: seconds of arithmetic each, so never in intake."""
    more = can_read()
    while more:
        async with _database(context).sessions() as session, session.begin():
            more = await customers.read_next_card(session, PhotoStore.of(session.info["settings"]))


@jobs.periodic(cron="43 3 * * *")
@jobs.task(name="forget_done_jobs", queueing_lock="forget_done_jobs", pass_context=True, retry=_again)
async def forget_done_jobs(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - given by the queue
    await context.app.job_manager.delete_old_jobs(_KEEP_DONE_HOURS)
