"""A running patrol as its screen sees it: the map redrawn as it is walked, the alarm when gas is found."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import flet as ft

from device_bridge.models import Fix, GasReading
from mobile_app.clock import monotonic
from mobile_app.devices import DeviceState
from mobile_app.drawing import Drawing, Here, Line
from mobile_app.errors import NotReady
from mobile_app.hazards.state import LeakAlarm
from mobile_app.patrol.screens import Live, NextPoint, VisitForm, point_marks
from mobile_app.patrol.work import Patrol
from mobile_app.photo_drafts import PhotoDraft, PhotoSource
from mobile_app.photos import take_photo
from mobile_app.state import AppState
from sync.documents.patrol import CheckPointItem
from sync.documents.reference import Facility, ListEntry, Pipe
from sync.documents.tasks import CheckPoint, PatrolTask
from sync.rules.geometry import Plane, distance_m
from sync.rules.readings import judge_reading

# The eye does not need more, a cold battery wants less.
REDRAW_S = 1.0
# Pipes and facilities farther from the work only crowd the map and slow it: about two blocks.
NEARBY_M = 150.0


@ft.observable
@dataclass
class PatrolRun:
    app: AppState
    patrol: Patrol
    drawing: Drawing = field(default_factory=Drawing)
    live: Live = field(default_factory=lambda: Live(percent=0, ppm=None, alarming=False, accuracy_m=None))
    alarm: LeakAlarm | None = None
    on_here: bool = False
    jumps: int = 0
    legend: bool = True
    finish_reason: str = ""

    def __post_init__(self) -> None:
        self._others: tuple[Pipe, ...] = ()
        self._facilities: tuple[Facility, ...] = ()
        self._drawn_at = 0.0

    @classmethod
    async def start(cls, app: AppState, task: PatrolTask) -> "PatrolRun":
        return await cls._around(app, await Patrol.start(app.phone, task))

    @classmethod
    async def resume(cls, app: AppState) -> "PatrolRun | None":
        """The patrol that was running when the app went down."""
        patrol = await Patrol.resume(app.phone)
        return await cls._around(app, patrol) if patrol else None

    @classmethod
    async def _around(cls, app: AppState, patrol: Patrol) -> "PatrolRun":
        run = cls(app, patrol)
        await run._read_surroundings()
        app.on_fix.append(run.take_fix)
        app.on_reading.append(run.take_reading)
        app.on_device.append(run.hear_device)
        run.redraw()
        return run

    def leave(self) -> None:
        """Finished: no more positions for this one."""
        self.app.on_fix.remove(self.take_fix)
        self.app.on_reading.remove(self.take_reading)
        self.app.on_device.remove(self.hear_device)

    # Walking

    async def take_fix(self, fix: Fix) -> None:
        await self.patrol.take_fix(fix)
        if monotonic() - self._drawn_at >= REDRAW_S:
            self.redraw()

    async def take_reading(self, reading: GasReading) -> None:
        if self.app.instrument is not None:
            self.patrol.use_instrument(self.app.instrument)
        try:
            proposal = await self.patrol.take_reading(reading)
        except NotReady:
            return
        if proposal is not None and (self.alarm is None or proposal.emergency):
            alarm = LeakAlarm(self.app, proposal)
            if proposal.emergency:
                # Whoever has to run does not press buttons.
                await alarm.save()
            self.alarm = alarm
        self._measure()

    def hear_device(self, _state: DeviceState) -> None:
        self._measure()

    def close_alarm(self) -> None:
        self.alarm = None

    def redraw(self) -> None:
        patrol = self.patrol
        self._drawn_at = monotonic()
        fix = patrol.last_fix
        coverage = patrol.coverage
        self.drawing = Drawing(
            others=self._others,
            unwalked=_lines(coverage.unwalked()),
            walked=_lines(coverage.walked()),
            facilities=self._facilities,
            points=point_marks(patrol.task.check_points, self.results, self.next_id),
            here=Here(fix.lon, fix.lat, fix.accuracy_m) if fix else None,
        )
        self._measure()

    def _measure(self) -> None:
        fix, reading, settings = self.patrol.last_fix, self.app.reading, self.app.settings
        alarming = bool(reading and settings and judge_reading(reading.value_ppm, settings) != "normal")
        self.live = Live(
            percent=self.patrol.coverage.percent,
            ppm=reading.value_ppm if reading else None,
            alarming=alarming,
            accuracy_m=fix.accuracy_m if fix else None,
            paused=self.patrol.paused,
        )

    def centre(self) -> None:
        """Jumps to the worker, and at the next touch back to the whole of the work."""
        self.on_here = not self.on_here if self.drawing.here else False
        self.jumps += 1

    # Check points

    @property
    def results(self) -> dict[str, str]:
        return {key: visit.result for key, visit in self.patrol.visited.items()}

    @property
    def points(self) -> list[CheckPoint]:
        return sorted(self.patrol.task.check_points, key=lambda point: point.order)

    @property
    def next_id(self) -> str:
        """The nearest open point, the first in the plan while there is no position."""
        open_points = [p for p in self.points if p.check_point_id not in self.patrol.visited]
        fix = self.patrol.last_fix
        if fix is not None:
            open_points.sort(key=lambda p: distance_m(fix.lon, fix.lat, p.lon, p.lat))
        return open_points[0].check_point_id if open_points else ""

    def next_point(self) -> NextPoint | None:
        next_id, fix = self.next_id, self.patrol.last_fix
        for number, point in enumerate(self.points, start=1):
            if point.check_point_id == next_id:
                away = distance_m(fix.lon, fix.lat, point.lon, point.lat) if fix else None
                return NextPoint(point, number, away)
        return None

    async def pause_or_go_on(self) -> None:
        await (self.patrol.go_on() if self.patrol.paused else self.patrol.pause())
        self.redraw()

    async def finish(self, reason: str) -> bool:
        done = await self.app.attempt(self.patrol.finish(unfinished_reason=reason))
        if done is not None:
            self.leave()
        return done is not None

    @property
    def warning(self) -> str:
        """A device that has gone: said once, above the map; the record goes on."""
        error = self.app.gps_error or self.app.detector_error
        if error is None:
            return ""
        ui = self.app.ui
        return ui.say(f"{error.detail_zh}：{error.what_to_do_zh}", f"{error.detail_en}: {error.what_to_do_en}")

    async def _read_surroundings(self) -> None:
        phone, task = self.app.phone, self.patrol.task
        assigned = set(task.pipe_ids)
        pipes = await phone.pipes()
        mine = [point for key, pipe in pipes.items() if key in assigned for point in pipe.line]
        facilities = await phone.facilities()
        around = _around(mine)
        self._others = tuple(p for key, p in pipes.items() if key not in assigned and around(p.line))
        self._facilities = tuple(f for f in facilities if around([(f.lon, f.lat)]))


@ft.observable
@dataclass
class Visit:
    """One check point being visited."""

    run: PatrolRun
    point: CheckPoint
    form: VisitForm = field(default_factory=VisitForm)
    pictures: tuple[PhotoDraft, ...] = ()
    items: tuple[ListEntry, ...] = ()
    reasons: tuple[ListEntry, ...] = ()
    tag_uid: str = ""
    now_s: float = 0.0

    async def prepare(self) -> None:
        phone = self.run.app.phone
        try:
            wanted = set(self.point.items)
            entries = (await phone.lists("check_point_item")).entries
            self.items = tuple(e for e in entries if not wanted or e.code in wanted)
            self.reasons = (await phone.lists("unreachable_reason")).entries
        except NotReady:
            return

    def change(self, name: str, value: Any) -> None:
        if name == "abnormal":
            chosen = self.form.abnormal
            value = tuple(c for c in chosen if c != value) if value in chosen else (*chosen, value)
        self.form = VisitForm(**{**{f: getattr(self.form, f) for f in self.form.__struct_fields__}, name: value})

    def proved(self, proof: Literal["qr", "nfc"], code: str, tag_uid: str = "") -> None:
        self.tag_uid = tag_uid
        self.change("proof", proof)
        self.change("code", code)

    async def add_picture(self, picture: bytes, source: PhotoSource) -> None:
        app = self.run.app
        taken = await app.attempt(take_photo(app.phone, picture, source=source, address=self.point.name))
        if taken is not None:
            self.pictures = (*self.pictures, taken)

    @property
    def arrived(self) -> bool:
        return self.point.proof == "gps" and self.run.patrol.approach(self.point.check_point_id).ready

    def arrival_words(self) -> str:
        ui, point = self.run.app.ui, self.point
        if point.proof != "gps":
            return ui.say("已读到", "Read") if self.form.code else ui.say("还没有读", "Not read yet")
        arrival = self.run.patrol.approach(point.check_point_id).arrival
        if arrival is None:
            return ui.say("现在没有定位", "No position now")
        away = f"{arrival.distance_m:.0f} m ±{arrival.accuracy_m:.0f} m"
        asked = ui.say(f"要求 {point.radius_m:.0f} m 以内", f"{point.radius_m:.0f} m or less is asked for")
        dwell = ""
        if point.dwell_s:
            dwell = ui.say(" · 停留 ", " · stay ") + f"{arrival.dwell_s:.0f}/{point.dwell_s:.0f} s"
        return f"{ui.say('离检查点', 'Distance')} {away} · {asked}{dwell}"

    @property
    def missing(self) -> str:
        """What the button says while it cannot save; the work itself refuses as well."""
        ui, form = self.run.app.ui, self.form
        if not form.result:
            return ui.say("先选结果", "Choose the result")
        if form.result == "unreachable":
            if not form.reason:
                return ui.say("还差原因", "Give the reason")
            return "" if self.pictures else ui.say("还差一张照片", "A photo is missing")
        if self.point.proof != "gps" and not form.code:
            return ui.say("先扫码证明到位", "Scan to prove arrival")
        return ""

    async def save(self) -> bool:
        form = self.form
        proof: Any = form.proof or self.point.proof
        visit = self.run.patrol.visit(
            self.point.check_point_id,
            proof=proof,
            result=form.result,  # type: ignore[arg-type]
            code=form.code,
            tag_uid=self.tag_uid,
            reason=form.reason,
            items=tuple(CheckPointItem(item=item, abnormal=True) for item in form.abnormal),
            photos=self.pictures,
            note=form.note,
        )
        saved = await self.run.app.attempt(visit)
        if saved is not None:
            self.run.redraw()
        return saved is not None


def _lines(found: list[list[tuple[float, float]]]) -> tuple[Line, ...]:
    return tuple(tuple(line) for line in found)


def _around(mine: Sequence[tuple[float, float]]) -> Callable[[Iterable[tuple[float, float]]], bool]:
    """Whether something lies in the rectangle of the work and `NEARBY_M` around it."""
    if not mine:
        return lambda _points: True
    plane = Plane.at(*mine[0])
    own = [plane.metres(lon, lat) for lon, lat in mine]
    west, east = min(x for x, _ in own) - NEARBY_M, max(x for x, _ in own) + NEARBY_M
    south, north = min(y for _, y in own) - NEARBY_M, max(y for _, y in own) + NEARBY_M

    def inside(points: Iterable[tuple[float, float]]) -> bool:
        return any(west <= x <= east and south <= y <= north for x, y in (plane.metres(*point) for point in points))

    return inside
