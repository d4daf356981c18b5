"""点一下，说话: a voice note from the microphone, heard again before it is saved. No key of a keyboard is needed."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import flet as ft
import flet_audio as fa
import flet_audio_recorder as fr

from mobile_app.components import buttons
from mobile_app.components.ui import Tap, Ui
from mobile_app.theme import TOUCH_HEIGHT
from mobile_app.voice import HIGHEST_RATE, Sound, as_browsers_record
from mobile_app.voice_drafts import VoiceDraft

_STARTS_WITHIN_S = 30.0
_NO_DEVICE = (TimeoutError, RuntimeError, ft.FletUnsupportedPlatformException)
# A phone records as it is asked to; a browser as its microphone does.
_WANTED = fr.AudioRecorderConfiguration(
    encoder=fr.AudioEncoder.PCM16BITS, channels=1, sample_rate=HIGHEST_RATE, suppress_noise=True, auto_gain=True
)
_log = logging.getLogger(__name__)


class Booth:
    """Microphone and player of one screen: `seconds` of the recording that runs, `playing` while one is heard."""

    def __init__(self, page: ft.Page, on_change: Callable[[], None]) -> None:
        # Set with each drawing, so that what runs on calls the latest.
        self.on_sound: Callable[[Sound], Awaitable[Any]] | None = None
        self.at_most_s = 0.0
        self.seconds: int | None = None
        self.playing = False
        self._page = page
        self._changed = on_change
        self._recorder: fr.AudioRecorder | None = None
        self._player: fa.Audio | None = None
        self._pieces: list[tuple[float, bytes]] = []

    async def record(self) -> bool:
        """False where there is no microphone, or its use is refused."""
        self._pieces = []
        try:
            async with asyncio.timeout(_STARTS_WITHIN_S):
                if self._recorder is None:
                    self._recorder = fr.AudioRecorder(on_stream=self._take)
                started = await self._recorder.start_recording(configuration=_WANTED)
        except _NO_DEVICE as error:
            _log.info("no microphone: %s", error)
            return False
        if started:
            self.seconds = 0
            self._changed()
            self._page.run_task(self._count)
        return bool(started)

    async def stop(self) -> None:
        if self.seconds is None or self._recorder is None:
            return
        self.seconds = None
        try:
            async with asyncio.timeout(_STARTS_WITHIN_S):
                await self._recorder.stop_recording()
        except _NO_DEVICE as error:
            # What came before is kept.
            _log.info("the microphone has gone: %s", error)
        self._changed()
        if self.on_sound is not None:
            await self.on_sound(self._sound())

    async def play(self, note: VoiceDraft) -> None:
        """From its start or from where it was stopped; stops it where it is being played."""
        try:
            async with asyncio.timeout(_STARTS_WITHIN_S):
                player = self._player
                if player is None or player.src != note.data:
                    player = await self._load(note)
                if self.playing:
                    await player.pause()
                else:
                    await player.resume()
                self.playing = not self.playing
        except _NO_DEVICE as error:
            _log.info("it cannot be played: %s", error)
            self.playing = False
        self._changed()

    async def _load(self, note: VoiceDraft) -> fa.Audio:
        """One that can be played: a player without its sound yet answers nothing."""
        loaded = asyncio.Event()
        self._player = fa.Audio(
            src=note.data,
            release_mode=fa.ReleaseMode.STOP,
            on_state_change=self._played,
            on_loaded=lambda _: loaded.set(),
        )
        self._page.update()
        await loaded.wait()
        return self._player

    async def _count(self) -> None:
        """The seconds on the button, and the end when there are enough."""
        began = time.monotonic()
        while self.seconds is not None:
            self.seconds = int(time.monotonic() - began)
            self._changed()
            if time.monotonic() - began >= self.at_most_s:
                await self.stop()
            await asyncio.sleep(0.5)

    def _sound(self) -> Sound:
        pieces, self._pieces = self._pieces, []
        if self._page.web:
            return as_browsers_record(pieces)
        return Sound(b"".join(piece for _, piece in pieces), HIGHEST_RATE, 1)

    def _take(self, event: fr.AudioRecorderStreamEvent) -> None:
        self._pieces.append((time.monotonic(), event.chunk))

    def _played(self, event: fa.AudioStateChangeEvent) -> None:
        if event.state in {fa.AudioState.COMPLETED, fa.AudioState.STOPPED} and self.playing:
            self.playing = False
            self._changed()


@ft.component
def VoiceNote(  # noqa: N802 - Flet names components like classes
    ui: Ui,
    note: VoiceDraft | None,
    *,
    at_most_s: float,
    on_sound: Callable[[Sound], Awaitable[Any]],
    on_drop: Tap,
    on_refused: Tap,
) -> ft.Control:
    """`on_refused` is told when there is no microphone to be had."""
    _, draw = ft.use_state(0)
    page = ft.context.page
    booth = ft.use_memo(lambda: Booth(page, lambda: draw(lambda times: times + 1)), [])
    booth.on_sound, booth.at_most_s = on_sound, at_most_s
    ft.use_effect(lambda: None, dependencies=[], cleanup=booth.stop)

    async def record(*_: Any) -> None:
        if not await booth.record():
            on_refused()

    async def stop(*_: Any) -> None:
        await booth.stop()

    async def play(*_: Any) -> None:
        if note is not None:
            await booth.play(note)

    if booth.seconds is not None:
        return ft.Row([_stop_button(ui, booth.seconds, stop)])
    word = ui.say("重说", "Again") if note else ui.say("点一下，说话", "Tap and speak")
    speak = buttons.tonal(
        ui, "voice-record", word, record, glyph=ft.Icons.MIC_NONE_ROUNDED, height=TOUCH_HEIGHT, expand=True
    )
    heard = [] if note is None else _heard(ui, note, play, on_drop, playing=booth.playing)
    return ft.Row([speak, *heard], spacing=8)


def _stop_button(ui: Ui, seconds: int, stop: Tap) -> ft.Control:
    word = ui.say("说完了，停", "Stop") + f" {seconds // 60}:{seconds % 60:02d}"
    return buttons.primary(ui, "voice-stop", word, stop, glyph=ft.Icons.STOP_ROUNDED, height=TOUCH_HEIGHT, expand=True)


def _heard(ui: Ui, note: VoiceDraft, play: Tap, on_drop: Tap, *, playing: bool) -> list[ft.Control]:
    glyph = ft.Icons.STOP_ROUNDED if playing else ft.Icons.PLAY_ARROW_ROUNDED
    length = ui.say(f"{note.duration_s:.0f} 秒", f"{note.duration_s:.0f} s")
    drop = ui.say("不要这段录音", "Drop the recording")
    return [
        buttons.outlined(ui, "voice-play", length, play, glyph=glyph, height=TOUCH_HEIGHT, expand=True),
        buttons.round_icon(ui, "voice-drop", ft.Icons.DELETE_OUTLINE_ROUNDED, on_drop, drop),
    ]
