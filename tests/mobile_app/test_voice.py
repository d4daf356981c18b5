import array
import hashlib
import math
import struct
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from backend.photos.rules import check_file
from mobile_app.errors import VoiceRefused
from mobile_app.hazards.work import report_hazard, report_works
from mobile_app.phone import Phone
from mobile_app.voice import HIGHEST_RATE, RATES, Sound, as_browsers_record, discard_voice, keep_voice, to_wav
from sync.documents.photos import MAX_VOICE_BYTES, VOICE_ATTACHMENT_NAME, VoiceNote
from tests.mobile_app.phones import lay_out, open_phone


def tone(rate: int, channels: int = 1, *, seconds: float = 1.0, hz: float = 440.0, height: int = 12_000) -> bytes:
    one = (round(height * math.sin(2 * math.pi * hz * n / rate)) for n in range(int(rate * seconds)))
    return array.array("h", (sample for value in one for sample in [value] * channels)).tobytes()


def decoded(wav: bytes) -> tuple[int, list[int]]:
    """Rate and samples of a mu-law WAV, by the recommendation's formula."""
    rate = struct.unpack_from("<I", wav, 24)[0]
    data = wav[wav.index(b"data") + 8 :]

    def linear(byte: int) -> int:
        value = ~byte & 0xFF
        magnitude = (((value & 0x0F) << 3) + 0x84 << (value >> 4 & 7)) - 0x84
        return -magnitude if value & 0x80 else magnitude

    return rate, [linear(byte) for byte in data]


@pytest.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Phone]:
    lay_out(tmp_path)
    opened = await open_phone(tmp_path)
    yield opened
    await opened.close()


class TestToWav:
    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize("rate", RATES)
    def test_a_second_of_a_tone_is_a_second_of_that_tone(self, rate: int, channels: int) -> None:
        wav, duration_s = to_wav(Sound(tone(rate, channels), rate, channels))
        assert duration_s == pytest.approx(1.0, abs=0.001)
        new_rate, samples = decoded(wav)
        assert 8_000 <= new_rate <= HIGHEST_RATE
        crossings = sum(a < 0 <= b for a, b in pairwise(samples))
        assert crossings == pytest.approx(440, abs=2)
        assert max(samples) == pytest.approx(12_000, rel=0.05)

    def test_the_office_takes_it_for_a_recording(self) -> None:
        wav, _ = to_wav(Sound(tone(48_000, 2, seconds=0.3), 48_000, 2))
        assert check_file(f"voice_note:{hashlib.sha256(wav).hexdigest()}", wav) == ""

    @pytest.mark.parametrize("rate", RATES)
    def test_the_longest_one_is_small_enough_to_travel(self, rate: int) -> None:
        wav, _ = to_wav(Sound(bytes(2 * rate * 60), rate, 1))
        assert len(wav) <= MAX_VOICE_BYTES

    def test_the_loudest_samples_do_not_turn_over(self) -> None:
        _, samples = decoded(to_wav(Sound(array.array("h", [32_767, -32_768] * 4).tobytes(), 8_000, 1))[0])
        assert all((sample > 30_000) == (index % 2 == 0) for index, sample in enumerate(samples))


class TestBrowsersRecording:
    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
    def test_channels_and_rate_are_told_by_the_pieces(self, rate: int, channels: int) -> None:
        late = [0.0, 0.03, 0.0, 0.01, 0.05]  # a server that was busy
        pieces = [(n * 2048 / rate + late[n % 5], bytes(2048 * 2 * channels)) for n in range(60)]
        sound = as_browsers_record(pieces)
        assert (sound.rate, sound.channels, len(sound.pcm)) == (rate, channels, 60 * 2048 * 2 * channels)

    def test_a_word_too_short_to_measure_has_the_usual_rate(self) -> None:
        assert as_browsers_record([(0.0, bytes(4096)), (0.4, bytes(4096))]).rate == 48_000


class TestKeeping:
    async def test_it_is_saved_with_its_record_and_before_it(self, phone: Phone) -> None:
        voice = await keep_voice(phone, Sound(tone(16_000, seconds=2.0), 16_000, 1))
        assert (await phone.what_would_be_lost()).pictures == 1
        hazard = await report_hazard(phone, hazard_type="ice", voice=voice)
        assert hazard.voice_note == voice.id
        note = await phone.read(voice.id)
        assert isinstance(note, VoiceNote)
        assert (note.record_id, note.duration_s, note.length_bytes) == (hazard.id, 2.0, len(voice.data))
        stored = phone.photo_store().get(voice.id)
        assert stored
        kept = phone.photo_store().attachment(stored.attachments[VOICE_ATTACHMENT_NAME].digest)
        assert kept == voice.data
        loss = await phone.what_would_be_lost()
        assert (loss.records, loss.photos, loss.pictures) == (1, 1, 0)
        assert [line.tag for line in await phone.files_of(hazard)] == ["voice_note"]

    async def test_works_can_carry_one_too(self, phone: Phone) -> None:
        voice = await keep_voice(phone, Sound(tone(16_000), 16_000, 1))
        assert (await report_works(phone, machinery=["excavator"], voice=voice)).voice_note == voice.id

    async def test_silence_of_no_length_is_refused(self, phone: Phone) -> None:
        with pytest.raises(VoiceRefused, match="没有录到声音"):
            await keep_voice(phone, Sound(b"\x00\x00" * 100, 16_000, 1))

    async def test_one_that_is_not_wanted_is_gone(self, phone: Phone) -> None:
        voice = await keep_voice(phone, Sound(tone(16_000), 16_000, 1))
        await discard_voice(phone, voice.id)
        assert (await phone.what_would_be_lost()).nothing

    async def test_a_record_of_before_is_read_without_one(self, phone: Phone) -> None:
        hazard = await report_hazard(phone, hazard_type="ice")
        document = phone.record_store().get(hazard.id)
        assert document
        assert "voice_note" not in msgspec.json.decode(document.body)
