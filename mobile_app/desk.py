"""What lies before the worker: the app's state and the work he has open. One for each phone, shared by its windows."""

from typing import Literal

from mobile_app.account.state import SettingsEntry, SignInEntry
from mobile_app.deliveries.registering_state import Contract, Registering, Slip
from mobile_app.deliveries.round_state import RoundRun
from mobile_app.deliveries.state import DeliveryRun, FailedVisit
from mobile_app.filling.state import FillingRun
from mobile_app.hazards.state import FindingForm
from mobile_app.patrol.state import PatrolRun, Visit
from mobile_app.records.state import RecordBook
from mobile_app.scanning.state import Scanning
from mobile_app.shift.state import ShiftRun
from mobile_app.state import AppState
from mobile_app.tags.state import Tagging
from mobile_app.today.state import Today
from sync.documents.hazards import HazardReported, ThirdPartyWorksReported
from sync.documents.tasks import DeliveryTask, PatrolTask


class Desk:
    def __init__(self, app: AppState) -> None:
        self.app = app
        self.patrol: PatrolRun | None = None
        self.visit: Visit | None = None
        self.finding: FindingForm | None = None
        self.delivery: DeliveryRun | None = None
        self.failed_visit: FailedVisit | None = None
        self.filling: FillingRun | None = None
        self.shift = app.follow(ShiftRun(app))
        self.registering: Registering | None = None
        self.contract: Contract | None = None
        self.slip: Slip | None = None
        self.round = app.follow(RoundRun(app))
        self.scanning = self._open_scanning()
        self.sign_in_entry = app.follow(SignInEntry(app.phone.session.known_staff_number()))
        self.settings_entry = app.follow(SettingsEntry(app))
        self.today = app.follow(Today(app))
        self.book = self._open_book()

    def _open_scanning(self) -> Scanning:
        scanning = self.app.follow(Scanning(self.app, "loading"))
        scanning.on_load.append(self.round.begin)
        return scanning

    def _open_book(self) -> RecordBook:
        """A new one for each who signs in, and of the tags too."""
        book = self.app.follow(RecordBook(self.app))
        self.tagging = self.app.follow(Tagging(self.app))
        self.app.on_reload[:] = [self.today.look, book.read, self.round.read, self.tagging.look]
        return book

    async def sign_in(self, staff_number: str, password: str) -> None:
        self.book = self._open_book()
        await self.app.sign_in(staff_number, password)
        if self.app.signed_in:
            self.patrol = await PatrolRun.resume(self.app)
            if self.patrol is not None:
                self.app.follow(self.patrol)
            await self.round.resume()
            self.changed()

    async def sign_out(self) -> None:
        if self.patrol is not None:
            await self.patrol.patrol.keep()
            self.patrol.leave()
        if self.round.round is not None:
            await self.round.round.keep()
        self.round.leave()
        self.patrol = self.visit = self.finding = self.delivery = self.failed_visit = None
        if self.filling is not None:
            await self.filling.leave()
            self.filling = None
        self.registering = self.contract = self.slip = None
        self.round = self.app.follow(RoundRun(self.app))
        self.scanning = self._open_scanning()
        await self.app.sign_out()

    async def start(self, task: PatrolTask | DeliveryTask) -> str:
        """Opens the work and answers where its screen is; "" when it could not be opened."""
        if isinstance(task, DeliveryTask):
            return await self._start_delivery(task)
        if self.patrol is None:
            run = await self.app.attempt(PatrolRun.start(self.app, task))
            self.patrol = self.app.follow(run) if run else None
        return "/patrol" if self.patrol else ""

    async def _start_delivery(self, task: DeliveryTask) -> str:
        run = await self.app.attempt(DeliveryRun.open(self.app, task))
        self.delivery = self.app.follow(run) if run else None
        return "/delivery" if run else ""

    async def start_filling(self) -> str:
        """The next cylinder, or the one that was left at the gun."""
        if self.filling is not None:
            if self.filling.running:
                return "/filling"
            await self.filling.leave()
        run = await self.app.attempt(FillingRun.open(self.app))
        self.filling = self.app.follow(run) if run else None
        self.changed()
        return "/filling" if run else ""

    async def find(self, kind: Literal["hazard", "works"]) -> str:
        task_id = self.patrol.patrol.task.id if self.patrol else ""
        self.finding = self.app.follow(FindingForm(self.app, kind, task_id))
        await self.finding.prepare()
        return "/hazard" if kind == "hazard" else "/works"

    async def correct(self, record_id: str) -> str:
        """The form of a record that came back, filled in; "" where its type has none."""
        record = await self.app.phone.read(record_id)
        if not isinstance(record, HazardReported | ThirdPartyWorksReported):
            return ""
        self.finding = self.app.follow(await FindingForm.correcting(self.app, record))
        return f"/{self.finding.kind}"

    async def visit_point(self, check_point_id: str) -> str:
        if self.patrol is None:
            return ""
        point = next((p for p in self.patrol.points if p.check_point_id == check_point_id), None)
        if point is None:
            return ""
        self.visit = self.app.follow(Visit(self.patrol, point))
        await self.visit.prepare()
        return "/visit"

    async def finish_patrol(self, reason: str) -> bool:
        if self.patrol is None or not await self.patrol.finish(reason):
            return False
        self.patrol = None
        self.changed()
        return True

    async def fail_visit(self) -> str:
        if self.delivery is None:
            return ""
        self.failed_visit = self.app.follow(FailedVisit(self.delivery))
        await self.failed_visit.count()
        return "/visit-failed"

    def register_customer(self) -> str:
        """What the customer's record lacks, asked for at his door."""
        if self.delivery is None:
            return ""
        self.registering = self.app.follow(Registering(self.delivery))
        return "/register"

    def open_contract(self) -> str:
        if self.delivery is None:
            return ""
        self.contract = self.app.follow(Contract(self.delivery))
        return "/contract"

    def open_slip(self) -> str:
        if self.delivery is None:
            return ""
        self.slip = self.app.follow(Slip(self.delivery))
        return "/slip"

    def forgotten(self) -> tuple[str, ...]:
        """Forms that are open and kept nowhere until they are saved."""
        say = self.app.ui.say
        finding, failed = self.finding, self.failed_visit
        open_forms = (
            (finding is not None and finding.begun, say("正在填的上报", "The report being filled in")),
            (failed is not None, say("正在填的到访未成", "The failed visit being filled in")),
        )
        return tuple(words for is_open, words in open_forms if is_open)

    def changed(self) -> None:
        self.app.notify()  # type: ignore[attr-defined]
