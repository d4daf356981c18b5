"""The forms for what a worker finds: values typed so far, pictures taken, and the one saving."""

from dataclasses import dataclass, field
from typing import Any, Literal

import flet as ft
import msgspec

from mobile_app.components.forms import read_values
from mobile_app.errors import NotReady
from mobile_app.hazards.work import LeakProposal, report_hazard, report_leak, report_works
from mobile_app.photo_drafts import PhotoDraft, PhotoSource
from mobile_app.photos import take_photo
from mobile_app.state import AppState, Problem
from mobile_app.voice import Sound, discard_voice, keep_voice
from mobile_app.voice_drafts import VoiceDraft
from sync.documents.forms import FormField, form_of
from sync.documents.hazards import HazardReported, LeakSuspected, ThirdPartyWorksReported
from sync.documents.reference import ListEntry

FormKind = Literal["hazard", "works"]
STRUCTS: dict[str, type[HazardReported] | type[ThirdPartyWorksReported]] = {
    "hazard": HazardReported,
    "works": ThirdPartyWorksReported,
}
# What the app fills in by itself, or asks elsewhere on the screen.
# Until the company's own limit has arrived.
VOICE_AT_MOST_S = 60.0
NO_MICROPHONE = Problem(
    "用不了麦克风",
    "The microphone cannot be used",
    "在手机设置里允许气巡用麦克风；现在可以打字写在详细情况里",
    "allow it in the phone's settings; for now type it under Detail",
)
FILLED_IN = frozenset({"photos", "pipe_id", "source", "voice_note"})


@ft.observable
@dataclass
class FindingForm:
    """One form being filled in; what it holds survives going back to the map."""

    app: AppState
    kind: FormKind
    task_id: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    pictures: tuple[PhotoDraft, ...] = ()
    voice: VoiceDraft | None = None
    lists: dict[str, tuple[ListEntry, ...]] = field(default_factory=dict)
    place: str = ""
    saved_id: str = ""
    more: bool = False
    corrected: HazardReported | ThirdPartyWorksReported | None = None

    @classmethod
    async def correcting(cls, app: AppState, record: HazardReported | ThirdPartyWorksReported) -> "FindingForm":
        """Filled in with what was recorded, its photos and its place; saved as a record that corrects that one."""
        kind: FormKind = "hazard" if isinstance(record, HazardReported) else "works"
        form = cls(app, kind, record.task_id, more=True, corrected=record)
        form.values = {f.name: _typed(getattr(record, f.name)) for f in form.fields}
        await form.prepare()
        return form

    @property
    def kept_photos(self) -> tuple[str, ...]:
        """Of the corrected record: they have been taken and are not taken again."""
        return self.corrected.photos if self.corrected else ()

    @property
    def fields(self) -> tuple[FormField, ...]:
        return tuple(f for f in form_of(STRUCTS[self.kind]) if f.widget != "hidden" and f.name not in FILLED_IN)

    async def prepare(self) -> None:
        """The lists to choose from, the grade that is usual, and the pipe that is near."""
        phone = self.app.phone
        for form_field in self.fields:
            if form_field.choices:
                try:
                    found = await phone.lists(form_field.choices)
                except NotReady:
                    continue
                self.lists[form_field.choices] = found.entries
        here = phone.position()
        nearest = await phone.nearest_pipe(here) if here else None
        if nearest is not None:
            pipe = (await phone.pipes([nearest.pipe_id])).get(nearest.pipe_id)
            if pipe is not None:
                level = self.app.ui.words.pressure(pipe.pressure_level)
                self.place = f"{level} {pipe.material} {pipe.diameter} · {nearest.distance_m:.0f} m"

    def change(self, name: str, value: Any) -> None:
        self.values = {**self.values, name: value}

    def value(self, form_field: FormField) -> Any:
        """What was chosen, else what the Struct presumes."""
        if form_field.name in self.values:
            return self.values[form_field.name]
        return _presumed(STRUCTS[self.kind], form_field.name)

    @property
    def begun(self) -> bool:
        """Something was put in that is not saved."""
        return not self.saved_id and bool(self.values or self.pictures or self.voice)

    @property
    def missing(self) -> tuple[FormField, ...]:
        return tuple(f for f in self.fields if f.required and not self.value(f))

    async def add_picture(self, picture: bytes, source: PhotoSource) -> None:
        address = str(self.values.get("address", ""))
        taken = await self.app.attempt(take_photo(self.app.phone, picture, source=source, address=address))
        if taken is not None:
            self.pictures = (*self.pictures, taken)

    @property
    def voice_at_most_s(self) -> float:
        settings = self.app.settings
        return settings.voice_note_at_most_s if settings else VOICE_AT_MOST_S

    async def add_voice(self, sound: Sound) -> None:
        """Another recording takes the place of the one before."""
        taken = await self.app.attempt(keep_voice(self.app.phone, sound))
        if taken is not None:
            await self.drop_voice()
            self.voice = taken

    async def drop_voice(self) -> None:
        if self.voice is not None:
            dropped, self.voice = self.voice, None
            await discard_voice(self.app.phone, dropped.id)

    def no_microphone(self) -> None:
        self.app.problem = NO_MICROPHONE

    def _unchanged(self) -> dict[str, Any]:
        """What a correction takes over from the record that it corrects, without a field on the screen."""
        record = self.corrected
        if record is None:
            return {}
        kept = {"corrects": record.corrects or record.id, "photo_ids": record.photos, "position": record.position}
        own = ("customer_id", "source") if isinstance(record, HazardReported) else ("kind", "works_id")
        return kept | {name: getattr(record, name) for name in ("pipe_id", *own, "voice_note")}

    async def save(self) -> bool:
        phone = self.app.phone
        given = read_values(self.fields, self.values) | self._unchanged()
        if self.voice is not None:
            given.pop("voice_note", None)
        taken: dict[str, Any] = {"photos": self.pictures, "voice": self.voice, "task_id": self.task_id}
        if self.kind == "hazard":
            source = {"source": "patrol"} if self.task_id else {}
            fields = {"hazard_type": ""} | source | given
            work: Any = report_hazard(phone, **taken, **fields)
        else:
            work = report_works(phone, **taken, **given)
        record = await self.app.attempt(work)
        if record is None:
            return False
        self.saved_id = record.id
        return True


@ft.observable
@dataclass
class LeakAlarm:
    """A reading over the limit: saved at once when it is an emergency, else when the worker says so."""

    app: AppState
    proposal: LeakProposal
    record: LeakSuspected | None = None
    retest_ppm: float | None = None

    async def save(self) -> None:
        if self.record is None:
            self.record = await self.app.attempt(report_leak(self.app.phone, self.proposal))

    async def retest(self) -> None:
        """The reading of this moment, as a correction of what was saved."""
        reading = self.app.reading
        if reading is None:
            return
        await self.save()
        if self.record is None:
            return
        self.retest_ppm = reading.value_ppm
        again = report_leak(
            self.app.phone, self.proposal, retest_ppm=reading.value_ppm, corrects=self.record.corrects or self.record.id
        )
        self.record = await self.app.attempt(again) or self.record


def _typed(value: Any) -> Any:
    """As the worker would have put it in."""
    if value is None or isinstance(value, tuple | str):
        return "" if value is None else value
    return f"{value:g}" if isinstance(value, float) else str(value)


def _presumed(struct: type[msgspec.Struct], name: str) -> Any:
    default = next(found.default for found in msgspec.structs.fields(struct) if found.name == name)
    return default if isinstance(default, str | int | float | tuple) else None
