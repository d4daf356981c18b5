"""The day's agenda: the check before the shift, then the office's tasks; the first open one is proposed."""

from dataclasses import dataclass, field

import flet as ft

from mobile_app.components.network_map import Drawing
from mobile_app.state import AppState
from mobile_app.today.screens import AgendaLine
from sync.documents.tasks import DeliveryTask, PatrolTask

SHIFT = "shift"


@ft.observable
@dataclass
class Today:
    app: AppState
    selected: str = ""
    drawings: dict[str, Drawing] = field(default_factory=dict)

    def lines(self) -> tuple[AgendaLine, ...]:
        return (self._shift_line(), *(self._line(found.task, done=not found.open) for found in self.app.tasks))

    def chosen(self) -> AgendaLine | None:
        """What the worker touched, else the next thing that is open."""
        lines = self.lines()
        touched = next((line for line in lines if line.key == self.selected), None)
        return touched or next((line for line in lines if not line.done), None)

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
