"""What a worker says about a finding: from a microphone's samples to a small file that every phone and browser plays.

G.711 mu-law in WAV (ITU-T G.711, RFC 2361): one byte a sample, so that a minute is under 1 MB and no codec has to be
on the phone. Kept as a draft until the record is saved, then a document beside the photos.
"""

import array
import asyncio
import hashlib
import math
import struct
import sys
from collections.abc import Sequence
from functools import cache

import msgspec

from mobile_app.errors import VoiceRefused
from mobile_app.phone import Phone
from mobile_app.voice_drafts import VoiceDraft, drop_voice_draft, save_voice_draft
from sync.documents.photos import MAX_VOICE_BYTES

# Speech needs no more; a microphone that gives more is thinned by a whole number.
HIGHEST_RATE = 16_000
# Shorter is a slip of the thumb.
SHORTEST_S = 0.5
_BIAS, _CLIP = 0x84, 32_635
_FORMAT_MU_LAW = 7

_AGAIN = {"action_zh": "再说一次", "action_en": "record it again"}
# Browsers record as their microphone does, whatever was asked for; these are the rates there are.
RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
# Samples of each channel in one piece, as the browser's recorder cuts them.
_PIECE = 2048


class Sound(msgspec.Struct, frozen=True):
    """16-bit samples as they came, `rate` a second for each of `channels`."""

    pcm: bytes
    rate: int
    channels: int


def as_browsers_record(pieces: Sequence[tuple[float, bytes]]) -> Sound:
    """Pieces with their time of arrival: the length of one tells the channels, their pace the rate."""
    channels = 2 if pieces and len(pieces[0][1]) >= 2 * 2 * _PIECE else 1
    return Sound(b"".join(piece for _, piece in pieces), _rate_of([at for at, _ in pieces]), channels)


def _rate_of(arrived: Sequence[float]) -> int:
    """The nearest real rate to the line through the times of arrival; single late pieces weigh little in it."""
    usual = 48_000
    count = len(arrived)
    if count < 8:
        return usual
    mean_at, mean_index = sum(arrived) / count, (count - 1) / 2
    spread = sum((index - mean_index) ** 2 for index in range(count))
    pace = sum((index - mean_index) * (at - mean_at) for index, at in enumerate(arrived)) / spread
    return min(RATES, key=lambda rate: abs(math.log(rate * pace / _PIECE))) if pace > 0 else usual


def to_wav(sound: Sound) -> tuple[bytes, float]:
    """The file and its seconds. Slow enough to want a thread."""
    samples = array.array("h", sound.pcm[: len(sound.pcm) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    one = samples[:: sound.channels]
    step = math.ceil(sound.rate / HIGHEST_RATE)
    rate = sound.rate // step
    if step > 1:
        # The mean of each group: what is too high for the new rate does not fold back as a hiss.
        whole = len(one) // step * step
        groups = zip(*(one[start:whole:step] for start in range(step)), strict=True)
        one = array.array("h", (sum(group) // step for group in groups))
    table = _mu_law()
    data = bytes(table[sample & 0xFFFF] for sample in one)
    return _wav(data, rate), len(data) / rate


def _wav(data: bytes, rate: int) -> bytes:
    padded = data + b"\xff" * (len(data) % 2)
    head = struct.pack("<4sIHHIIHHH", b"fmt ", 18, _FORMAT_MU_LAW, 1, rate, rate, 1, 8, 0)
    fact = struct.pack("<4sII", b"fact", 4, len(padded))
    inside = b"WAVE" + head + fact + struct.pack("<4sI", b"data", len(padded)) + padded
    return struct.pack("<4sI", b"RIFF", len(inside)) + inside


@cache
def _mu_law() -> bytes:
    """Each 16-bit sample's byte, by the sample read as unsigned."""
    return bytes(_encode(value - 0x10000 if value >= 0x8000 else value) for value in range(0x10000))


def _encode(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


async def keep_voice(phone: Phone, sound: Sound) -> VoiceDraft:
    """What was said, kept across a kill until a record is saved with it. Raises VoiceRefused."""
    moment, position = phone.clock.now(), phone.position()

    def make() -> VoiceDraft:
        data, duration_s = to_wav(sound)
        if duration_s < SHORTEST_S:
            raise VoiceRefused("voice.too_short", "没有录到声音", "Nothing was recorded", **_AGAIN)
        if len(data) > MAX_VOICE_BYTES:
            raise VoiceRefused("voice.too_long", "录音太长", "The recording is too long", **_AGAIN)
        draft = VoiceDraft(
            sha256=hashlib.sha256(data).hexdigest(),
            data=data,
            duration_s=round(duration_s, 1),
            recorded=moment,
            position=position,
        )
        save_voice_draft(phone.record_store(), draft)
        return draft

    return await asyncio.to_thread(make)


async def discard_voice(phone: Phone, voice_id: str) -> None:
    """The worker does not want this one."""
    await asyncio.to_thread(lambda: drop_voice_draft(phone.stores.all_own("user"), voice_id))
