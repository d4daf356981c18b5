"""One patrol (巡线), from start to finish, through a kill of the app at any moment.

What is saved: the start, chunks of the track, visits, pauses, the finish, each a record of its own. What is between
two records lies in one draft, written at least every five fixes or ten seconds, from which `Patrol.resume` goes on.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from device_bridge.models import Fix, GasReading, InstrumentInfo
from mobile_app.clock import monotonic
from mobile_app.errors import FieldError, OutOfOrder
from mobile_app.hazards.work import LeakProposal
from mobile_app.patrol.leaks import Plume
from mobile_app.patrol.points import Approach, Approaches
from mobile_app.patrol.track import OpenChunk, next_number
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from sync.documents.envelope import new_id
from sync.documents.patrol import (
    CheckPointItem,
    CheckPointVisited,
    PatrolFinished,
    PatrolMode,
    PatrolPaused,
    PatrolStarted,
    PatrolTracked,
)
from sync.documents.tasks import PatrolTask
from sync.rules.coverage import Coverage, track_points
from sync.rules.readings import judge_reading

DRAFT = "patrol/running"
# Apart, since it may name thousands of pipes and the other is written every few seconds.
TASK_DRAFT = "patrol/task"
DRAFT_EVERY_FIXES = 5
DRAFT_EVERY_S = 10.0
# An older reading is not the air at this point of the track.
READING_FRESH_S = 5.0


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What a restarted app needs to go on."""

    patrol_id: str
    mode: PatrolMode
    chunk: OpenChunk
    paused: bool = False
    plumes: tuple[Plume, ...] = ()


class Patrol:
    """Start with `Patrol.start`, or `Patrol.resume` when the app opens."""

    def __init__(self, phone: Phone, task: PatrolTask, running: Running, coverage: Coverage) -> None:
        self.phone = phone
        self.task = task
        self.coverage = coverage
        self.visited: dict[str, CheckPointVisited] = {}
        self.last_fix: Fix | None = None
        self.last_reading: GasReading | None = None
        self.finished = False
        self._running = running
        self._approaches = Approaches(task.check_points)
        self._instrument: InstrumentInfo | None = None
        self._last_t: tuple[float, float] | None = None
        self._unsaved_fixes = 0
        self._saved_at = monotonic()
        # Fixes, readings and taps come from different tasks; chunk and draft change one at a time.
        self._turn = asyncio.Lock()

    @classmethod
    async def start(cls, phone: Phone, task: PatrolTask, mode: PatrolMode | None = None) -> "Patrol":
        """Raises OutOfOrder while another patrol runs, NotReady before the company's limits are on the phone."""
        if await cls.resume(phone) is not None:
            raise OutOfOrder(
                "patrol.running",
                "还有一次巡线没有结束",
                "Another patrol is still running",
                action_zh="先继续或结束那一次",
                action_en="go on with it or finish it first",
            )
        await phone.settings()
        running = Running(patrol_id=new_id("patrol.started"), mode=mode or task.mode, chunk=OpenChunk(number=0))
        patrol = cls(phone, task, running, await _coverage(phone, task))
        # The draft first: killed in between, the next start finds no record and drops it.
        await phone.save_draft(TASK_DRAFT, msgspec.json.encode(task))
        await patrol._save_draft()
        await phone.record(PatrolStarted, record_id=running.patrol_id, task_id=task.id, mode=running.mode)
        return patrol

    @classmethod
    async def resume(cls, phone: Phone) -> "Patrol | None":
        """The patrol that was running when the app went down, with its track, coverage and visits; None if none was."""
        draft, task_draft = await phone.draft(DRAFT), await phone.draft(TASK_DRAFT)
        if draft is None or task_draft is None:
            return None
        task = msgspec.json.decode(task_draft.body, type=PatrolTask)
        running = msgspec.json.decode(draft.body, type=Running)
        # Of this patrol alone: the tracks of a whole quarter would not go into a phone's memory.
        finished = await phone.recorded(PatrolFinished, after=running.patrol_id)
        if await phone.read(running.patrol_id) is None or any(f.patrol_id == running.patrol_id for f in finished):
            await phone.drop_draft(DRAFT)
            return None
        chunks = [
            c for c in await phone.recorded(PatrolTracked, after=running.patrol_id) if c.patrol_id == running.patrol_id
        ]
        if running.chunk.number < next_number(chunks):
            # Killed after the chunk was saved and before the draft was: its points are in the record.
            running = msgspec.structs.replace(running, chunk=OpenChunk(number=next_number(chunks)))
        coverage = await _coverage(phone, task)
        await asyncio.to_thread(coverage.take_all, [*track_points(chunks), *running.chunk.timed_points()])
        patrol = cls(phone, task, running, coverage)
        visited = await phone.recorded(CheckPointVisited, after=running.patrol_id)
        visits = [v for v in visited if v.patrol_id == running.patrol_id]
        patrol.visited = {visit.check_point_id: visit for visit in visits}
        return patrol

    @property
    def patrol_id(self) -> str:
        return self._running.patrol_id

    @property
    def mode(self) -> PatrolMode:
        return self._running.mode

    @property
    def paused(self) -> bool:
        return self._running.paused

    @property
    def chunks(self) -> int:
        """How many chunks of the track are records already."""
        return self._running.chunk.number

    # Walking

    async def take_fix(self, fix: Fix) -> None:
        """One more position. While paused it only moves the dot on the map."""
        self.last_fix = fix
        self.phone.take_fix(fix)
        t_s = self._time_of(fix)
        self._approaches.take(t_s, fix)
        if self.paused or self.finished:
            return
        async with self._turn:
            if not self._running.chunk.fits(t_s):
                await self._save_chunk()
            before = self._running.chunk
            chunk = before.with_fix(t_s, fix, self._methane_ppm())
            if chunk is before:
                return
            self._running = msgspec.structs.replace(self._running, chunk=chunk)
            point = chunk.timed(chunk.points[-1])
            self.coverage.take(point.t_s, point.lon, point.lat, point.accuracy_m)
            self._unsaved_fixes += 1
            if self._unsaved_fixes >= DRAFT_EVERY_FIXES or monotonic() - self._saved_at >= DRAFT_EVERY_S:
                await self._save_draft()

    def use_instrument(self, instrument: InstrumentInfo) -> None:
        """Which instrument the readings come from, for its verification date."""
        self._instrument = instrument

    async def take_reading(self, reading: GasReading) -> LeakProposal | None:
        """A proposal when the reading is over the company's limit and not the same plume again."""
        self.last_reading = reading
        settings = await self.phone.settings()
        gravity = judge_reading(reading.value_ppm, settings)
        if gravity == "normal" or self.finished:
            return None
        here, emergency = self.phone.position(), gravity == "emergency"
        async with self._turn:
            now_s, ppm = self._now_s(), reading.value_ppm
            if any(p.explains(now_s, ppm, here, emergency=emergency) for p in self._running.plumes):
                return None
            lon, lat = (here.lon, here.lat) if here else (None, None)
            plume = Plume(at_s=now_s, ppm=ppm, emergency=emergency, lon=lon, lat=lat)
            self._running = msgspec.structs.replace(self._running, plumes=(*self._running.plumes, plume))
            await self._save_draft()
        nearest = await self.phone.nearest_pipe(here) if here else None
        instrument = self._instrument
        known = instrument is not None and instrument.instrument_id == reading.instrument_id
        return LeakProposal(
            reading_ppm=reading.value_ppm,
            alarm_limit_ppm=settings.leak_alarm_ppm,
            emergency=emergency,
            instrument_id=reading.instrument_id,
            instrument_verified_until=instrument.verified_until if instrument and known else None,
            position=here,
            pipe_id=nearest.pipe_id if nearest else "",
            pipe_distance_m=nearest.distance_m if nearest else None,
            task_id=self.task.id,
            patrol_id=self.patrol_id,
        )

    # Check points

    def approach(self, check_point_id: str) -> Approach:
        """How the worker stands to a check point now, for the screen."""
        return self._approaches.approach(check_point_id, self._now_s())

    async def visit(
        self,
        check_point_id: str,
        *,
        proof: Literal["gps", "qr", "nfc", "none"],
        result: Literal["normal", "abnormal", "unreachable"] = "normal",
        code: str = "",
        tag_uid: str = "",
        reason: str = "",
        items: Sequence[CheckPointItem] = (),
        photos: Sequence[PhotoDraft] = (),
        **fields: Any,
    ) -> CheckPointVisited:
        """Raises ProofRefused when it is not proved, FieldError when something is missing."""
        if check_point_id not in self._approaches.points:
            raise FieldError("check_point.unknown", "任务里没有这个检查点", "The task has no such check point")
        distance_m = dwell_s = None
        if result == "unreachable":
            _check_unreachable(reason, photos)
            proof = "none"
        elif proof == "gps":
            arrival = self._approaches.prove_position(check_point_id, self._now_s())
            distance_m, dwell_s = round(arrival.distance_m, 1), round(arrival.dwell_s, 1)
        else:
            self._approaches.prove_code(check_point_id, proof, code)
        _check_abnormal(result, items, photos, str(fields.get("note", "")))
        visit = await self.phone.record(
            CheckPointVisited,
            photos=photos,
            task_id=self.task.id,
            patrol_id=self.patrol_id,
            check_point_id=check_point_id,
            proof=proof,
            result=result,
            reason=reason,
            items=tuple(items),
            tag_uid=tag_uid,
            distance_m=distance_m,
            dwell_s=dwell_s,
            **fields,
        )
        self.visited[check_point_id] = visit
        return visit

    # Pausing and finishing

    async def pause(self) -> None:
        await self._set_paused(paused=True)

    async def go_on(self) -> None:
        await self._set_paused(paused=False)

    async def finish(self, *, unfinished_reason: str = "") -> PatrolFinished:
        """Raises FieldError when check points are open and no reason is given."""
        open_points = len(self._approaches.points) - len(self.visited)
        if open_points and not unfinished_reason:
            raise FieldError(
                "patrol.unfinished",
                f"还有 {open_points} 个检查点没有到位",
                f"{open_points} check points are still open",
                action_zh="继续巡线，或填写未完成原因",
                action_en="go on, or say why they stay open",
                open_points=open_points,
            )
        async with self._turn:
            if self.finished:
                raise OutOfOrder("patrol.finished", "这次巡线已经结束", "This patrol is finished already")
            await self._save_chunk()
            record = await self.phone.record(
                PatrolFinished,
                task_id=self.task.id,
                draft=DRAFT,
                patrol_id=self.patrol_id,
                chunks=self.chunks,
                assigned_m=round(self.coverage.assigned_m, 1),
                covered_m=round(self.coverage.covered_m, 1),
                visited=sum(visit.result != "unreachable" for visit in self.visited.values()),
                check_points=len(self._approaches.points),
                unfinished_reason=unfinished_reason,
            )
            self.finished = True
            await self.phone.drop_draft(TASK_DRAFT)
        return record

    async def keep(self) -> None:
        """Writes down what is not written yet (the app goes to the background)."""
        async with self._turn:
            if not self.finished:
                await self._save_draft()

    # Inside

    async def _set_paused(self, *, paused: bool) -> None:
        async with self._turn:
            if self.paused == paused or self.finished:
                return
            self._running = msgspec.structs.replace(self._running, paused=paused)
            await self._save_draft()
            await self.phone.record(PatrolPaused, task_id=self.task.id, patrol_id=self.patrol_id, resumed=not paused)

    async def _save_chunk(self) -> None:
        chunk = self._running.chunk
        if not chunk.points:
            return
        await self.phone.record(
            PatrolTracked,
            task_id=self.task.id,
            patrol_id=self.patrol_id,
            chunk=chunk.number,
            started_at=chunk.started_at,
            points=chunk.points,
        )
        self._running = msgspec.structs.replace(self._running, chunk=OpenChunk(number=chunk.number + 1))
        await self._save_draft()

    async def _save_draft(self) -> None:
        self._unsaved_fixes = 0
        self._saved_at = monotonic()
        await self.phone.save_draft(DRAFT, msgspec.json.encode(self._running))

    def _time_of(self, fix: Fix) -> float:
        """Seconds since 1970: the satellites' where the fix carries them, else carried on from the last."""
        now = monotonic()
        if fix.time_utc is not None:
            t_s = fix.time_utc.timestamp()
        elif self._last_t is not None:
            t_s = self._last_t[0] + now - self._last_t[1]
        else:
            t_s = self.phone.clock.now().at.timestamp()
        self._last_t = (t_s, now)
        return t_s

    def _now_s(self) -> float:
        if self._last_t is None:
            return self.phone.clock.now().at.timestamp()
        return self._last_t[0] + monotonic() - self._last_t[1]

    def _methane_ppm(self) -> float | None:
        reading = self.last_reading
        if reading is None or abs(time.monotonic() - reading.at_monotonic_s) > READING_FRESH_S:
            return None
        return reading.value_ppm


async def _coverage(phone: Phone, task: PatrolTask) -> Coverage:
    pipes = await phone.pipes(task.pipe_ids)
    lines = {pipe_id: pipe.line for pipe_id, pipe in pipes.items()}
    return await asyncio.to_thread(Coverage, lines, task.buffer_m, task.max_speed_mps)


def _check_unreachable(reason: str, photos: Sequence[PhotoDraft]) -> None:
    if reason and photos:
        return
    missing_zh = "和".join(word for word, given in (("原因", reason), ("照片", photos)) if not given)
    missing_en = " and ".join(word for word, given in (("a reason", reason), ("a photo", photos)) if not given)
    raise FieldError(
        "check_point.unreachable_proof",
        f"“无法到达”还缺{missing_zh}",
        f"“Out of reach” still needs {missing_en}",
        action_zh="选择原因并拍一张现场照片",
        action_en="choose the reason and take a photo of the place",
    )


def _check_abnormal(result: str, items: Sequence[CheckPointItem], photos: Sequence[PhotoDraft], note: str) -> None:
    if result == "abnormal" and not (any(item.abnormal for item in items) or photos or note):
        raise FieldError(
            "check_point.abnormal_what",
            "“异常”要说明是什么：选检查项、拍照或写备注",
            "“Abnormal” must say what: an item, a photo or a note",
        )
