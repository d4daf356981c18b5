"""The day's agenda: the check before the shift, then the office's tasks; the first open one is proposed."""

from dataclasses import dataclass, field

import flet as ft

from mobile_app.drawing import Drawing
from mobile_app.filling.progress import DRAFT
from mobile_app.state import AppState
from mobile_app.today.screens import AgendaLine
from sync.documents.tasks import DeliveryTask, PatrolTask

SHIFT = "shift"
# Work at the filling gun is not planned by tasks.
FILLING = "filling"


@ft.observable
@dataclass
class Today:
    app: AppState
    selected: str = ""
    drawings: dict[str, Drawing] = field(default_factory=dict)
    # A cylinder that was left at the gun.
    unfinished: bool = False

    def lines(self) -> tuple[AgendaLine, ...]:
        filling = (self._filling_line(),) if self._is_filler() else ()
        return (
            self._shift_line(),
            *filling,
            *(self._line(found.task, done=not found.open) for found in self.app.tasks),
        )

    def chosen(self) -> AgendaLine | None:
        """What the worker touched, else the next thing that is open."""
        lines = self.lines()
        touched = next((line for line in lines if line.key == self.selected), None)
        return touched or next((line for line in lines if not line.done), None)

    def inspections_due(self) -> str:
        """What the office reminds the station of; empty while nothing is due."""
        told, say = self.app.inspections_due, self.app.ui.say
        overdue = sum(each.overdue for each in told)
        ahead: dict[int, int] = {}
        for each in told:
            for days, number in each.due:
                ahead[days] = ahead.get(days, 0) + number
        parts = [say(f"过期 {overdue} 只", f"{overdue} overdue")] if overdue else []
        parts += [say(f"{days} 天内 {n} 只", f"{n} within {days} days") for days, n in sorted(ahead.items()) if n]
        return say("气瓶待检：", "Cylinders to be inspected: ") + say("，", ", ").join(parts) if parts else ""

    def choose(self, key: str) -> None:
        self.selected = key

    async def draw(self, task: PatrolTask) -> None:
        """The little map of a patrol."""
        if task.id not in self.drawings:
            pipes = await self.app.phone.pipes(task.pipe_ids)
            lines = tuple(pipe.line for pipe in pipes.values())
            self.drawings = {**self.drawings, task.id: Drawing(unwalked=lines)}

    def running(self, line: AgendaLine) -> bool:
        found = self.app.task(line.key)
        return found is not None and found.local == "running"

    def ready(self, line: AgendaLine) -> bool:
        """Whether all that the work needs is on this phone; the first sync brings it."""
        if line.key == SHIFT or self.running(line):
            return True
        app, unit_id = self.app, line.task.unit_id if line.task else ""
        waiting = unit_id in app.downloading if unit_id else bool(app.downloading)
        return app.settings is not None and not waiting

    async def look(self) -> None:
        if self._is_filler():
            self.unfinished = await self.app.phone.draft(DRAFT) is not None

    def _is_filler(self) -> bool:
        profile = self.app.phone.session.profile
        return profile is not None and "filler" in profile.staff.roles

    def _filling_line(self) -> AgendaLine:
        ui = self.app.ui
        steps = ui.say("扫码、检查、充装、复秤", "Scan, check, fill, weigh again")
        left = ui.say("有一只瓶还没做完", "One cylinder is unfinished")
        return AgendaLine(FILLING, None, ui.say("充装", "Filling"), left if self.unfinished else steps, done=False)

    def _shift_line(self) -> AgendaLine:
        ui, shift = self.app.ui, self.app.shift
        title = ui.say("开工体检", "Shift check")
        if shift is None:
            return AgendaLine(
                SHIFT, None, title, ui.say("定位、电量、检漏仪…", "Positioning, battery, detector"), done=False
            )
        passed = sum(item.result == "passed" for item in shift.items)
        return AgendaLine(SHIFT, shift.recorded.at, title, ui.say(f"{passed} 项通过", f"{passed} passed"), done=True)

    def _line(self, task: PatrolTask | DeliveryTask, *, done: bool) -> AgendaLine:
        ui = self.app.ui
        if isinstance(task, PatrolTask):
            number, unit = ui.words.length(task.length_m)
            walk = f"{ui.words.levels(task.pressure_levels)} · {number} {unit}"
            return AgendaLine(task.id, task.start_at, task.area_name, walk, done, task)
        order = " + ".join(f"{line.specification} × {line.quantity}" for line in task.lines)
        title = task.customer.address or task.title
        return AgendaLine(task.id, task.start_at, title, f"{ui.say('送气', 'Delivery')} · {order}", done, task)
