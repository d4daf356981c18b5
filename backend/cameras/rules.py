"""Whether recordings reach back far enough and without gaps (E5.8.3-10, 5.8.8-4), and what a failure is called."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from sync.databases import BEIJING
from sync.documents.reference import ListEntry

# By kind of place: its list of key areas. An entry's limit is how many cameras it needs at least.
AREAS = {
    "storage": "key_area_storage",
    "supply": "key_area_supply",
    "point": "key_area_supply",
    "vehicle": "key_area_vehicle",
}
LIMITS = "video_limit"
# A recorder writes in pieces: what it took in the last minutes may not be listed yet.
_PIECE = timedelta(minutes=15)
_DAY = timedelta(days=1)

# What a check found, worst last but for the first two: Chinese, English.
STATES = {
    "kept": ("达标", "Kept"),
    "growing": ("累积中", "Growing"),
    "short": ("存储不足", "Too short"),
    "gap": ("有中断", "Gaps"),
    "stopped": ("录像停止", "Stopped"),
    "unclear": ("未对应录像", "No such recording"),
    "garbled": ("应答异常", "Answer unreadable"),
    "refused": ("录像机拒绝", "Refused"),
    "unreachable": ("录像机失联", "Unreachable"),
    "unwatched": ("未接录像机", "No recorder"),
}
GOOD = frozenset({"kept", "growing"})

# Why there is no picture or answer: what happened, what to do; Chinese, English.
REASONS = {
    "unreachable": (
        ("没有应答", "does not answer"),
        ("检查电源、网线和地址", "Check its power, cable and address"),
    ),
    "refused": (
        ("用户名或密码不对", "refuses the user name or password"),
        ("请管理员重新填写用户名和密码", "An administrator enters user name and password again"),
    ),
    "not_a_picture": (
        ("返回的不是 JPEG 画面", "answers with something that is no JPEG picture"),
        ("核对画面地址，应为抓图或 MJPEG 地址", "Check the address: it must give JPEG snapshots or MJPEG"),
    ),
    "too_large": (
        ("返回的内容过大", "answers with too much"),
        ("在摄像头上调低抓图分辨率", "Lower the snapshot's resolution in the camera"),
    ),
    "redirected": (
        ("把请求转到了别的地址", "sends the request elsewhere"),
        ("填写最终的地址；系统不跟随跳转", "Enter the final address; none is followed"),
    ),
    "not_allowed": (
        ("地址不在允许的网段内", "has an address outside the permitted networks"),
        ("联系系统管理员设置 QIXUN_CAMERA_NETWORKS", "The system administrator sets QIXUN_CAMERA_NETWORKS"),
    ),
    "garbled": (
        ("应答无法识别", "gives an answer that cannot be read"),
        ("核对 ONVIF 地址，并在录像机上开启 ONVIF", "Check the ONVIF address, and switch ONVIF on in the recorder"),
    ),
    "busy": (
        ("同时观看的画面太多", "waits: too many pictures at once"),
        ("稍等片刻会自动重试", "It is tried again in a moment"),
    ),
    "no_address": (
        ("没有登记画面地址", "has no picture address"),
        ("请管理员登记画面地址", "An administrator enters one"),
    ),
}


class Limits(msgspec.Struct, frozen=True):
    """As the company's table has them for one kind of place."""

    kept_days: int
    gap: timedelta
    height_px: int


class Gap(msgspec.Struct, frozen=True):
    since: datetime
    until: datetime


class Recording(msgspec.Struct, frozen=True):
    """`earliest` and `latest` by the recorder's own clock; None: nothing is recorded."""

    token: str
    name: str
    earliest: datetime | None
    latest: datetime | None
    video_tracks: frozenset[str] = frozenset()


class Change(msgspec.Struct, frozen=True):
    """From this moment on there are data, or there are none."""

    at: datetime
    present: bool


class Verdict(msgspec.Struct, frozen=True):
    state: str
    kept_days: int | None
    gaps: tuple[Gap, ...] | None


def limits_for(kind: str, table: Mapping[str, ListEntry]) -> Limits:
    """A limit that the company took out of its table asks for nothing."""

    def limit(code: str) -> float:
        entry = table.get(code)
        return entry.limit or 0.0 if entry else 0.0

    return Limits(int(limit(f"kept_{kind}")), timedelta(minutes=limit("gap")), int(limit("height")))


def gaps_of(changes: Iterable[Change], now: datetime) -> list[Gap]:
    """Stretches without data; one that is still open lasts until now."""
    gaps, since = [], None
    for change in sorted(changes, key=lambda each: each.at):
        if not change.present and since is None:
            since = change.at
        elif change.present and since is not None:
            gaps.append(Gap(since, change.at))
            since = None
    if since is not None and since < now:
        gaps.append(Gap(since, now))
    return gaps


def judge(
    recording: Recording, gaps: Sequence[Gap] | None, limits: Limits, *, kind: str, installed_on: date, now: datetime
) -> Verdict:
    """`now` is the recorder's own time: what counts is how far back its recordings lie. A vehicle's recorder rests with
    the vehicle, so neither a pause nor an end is held against it.
    """
    if recording.earliest is None:
        return Verdict("stopped", 0, None if gaps is None else ())
    kept = max(0, (now - recording.earliest) // _DAY)
    moving = kind == "vehicle"
    wanted_since = now - timedelta(days=limits.kept_days)
    long = (
        None
        if gaps is None
        else tuple(
            Gap(max(gap.since, wanted_since), gap.until)
            for gap in gaps
            if not moving and gap.until > wanted_since and gap.until - max(gap.since, wanted_since) > limits.gap
        )
    )
    if not moving and (recording.latest is None or now - recording.latest > limits.gap + _PIECE):
        return Verdict("stopped", kept, long)
    if long:
        return Verdict("gap", kept, long)
    if kept >= limits.kept_days:
        return Verdict("kept", kept, long)
    # Nothing was overwritten yet: it goes back to the day on which the camera was put up.
    first_day = datetime.combine(installed_on, datetime.min.time(), BEIJING).astimezone(UTC)
    new = recording.earliest < first_day + 2 * _DAY and now - first_day < timedelta(days=limits.kept_days)
    return Verdict("growing" if new else "short", kept, long)


def choose(recordings: Sequence[Recording], token: str) -> Recording | None:
    """The camera's own: by its token, or the only one there is."""
    if not token:
        return recordings[0] if len(recordings) == 1 else None
    return next((each for each in recordings if each.token == token), None)
