"""What a worker finds: hazards (隐患), suspected leaks (疑似泄漏点), third-party works (第三方施工). Clause 5.6.4."""

from datetime import date
from typing import Annotated, Literal

from sync.documents.envelope import Record, Word, label


class HazardReported(Record, tag="hazard.reported", frozen=True, kw_only=True):
    """The inspector proposes the grade; the safety department decides it."""

    hazard_type: Annotated[Word, label("隐患类型", "Hazard type", choices="hazard_type", min_length=1, widget="tiles")]
    proposed_grade: Annotated[Word, label("初判等级", "Proposed grade", choices="hazard_grade", min_length=1)] = (
        "general"
    )
    source: Annotated[Word, label("来源", "Source", choices="hazard_source")] = "patrol"
    address: Annotated[
        Word, label("地址", "Address", help="离最近门牌多远、哪一侧", help_en="Nearest house number and side")
    ] = ""
    pipe_id: Annotated[Word, label("关联管段", "Pipe", widget="pipe")] = ""
    customer_id: Annotated[Word, label("关联用户", "Customer", widget="hidden")] = ""
    temporary_control: Annotated[Word, label("临时管控", "Temporary control")] = ""
    detail: Annotated[str, label("详细情况", "Detail", max_length=2000, widget="long")] = ""
    voice_note: Annotated[Word, label("语音说明", "Voice note", widget="voice")] = ""


class LeakSuspected(Record, tag="leak.suspected", frozen=True, kw_only=True):
    """A reading over the alarm limit: a suspected leak, not yet a hazard that somebody graded."""

    reading_ppm: Annotated[float, label("读数", "Reading", unit="ppm", ge=0, le=1_000_000)]
    instrument_id: Annotated[Word, label("仪器编号", "Instrument number", min_length=1)]
    alarm_limit_ppm: Annotated[float, label("报警值", "Alarm limit", unit="ppm", ge=0)]
    emergency: Annotated[bool, label("超过紧急限值", "Over the emergency limit")] = False
    retest_ppm: Annotated[float, label("复测读数", "Re-test", unit="ppm", ge=0, le=1_000_000)] | None = None
    instrument_verified_until: Annotated[date, label("检定有效期至", "Verified until")] | None = None
    action: Annotated[Word, label("处置", "Action", choices="leak_action")] = ""
    address: Annotated[Word, label("地址", "Address")] = ""
    pipe_id: Annotated[Word, label("关联管段", "Pipe", widget="pipe")] = ""
    patrol_id: Word = ""


class ThirdPartyWorksReported(Record, tag="works.reported", frozen=True, kw_only=True):
    """Works near a pipe, found (first report) or guarded (`kind` guarding, `works_id` the first report)."""

    kind: Annotated[Literal["found", "guarding"], label("类别", "Kind", widget="hidden")] = "found"
    works_id: Annotated[Word, label("施工点", "Works", widget="hidden")] = ""
    machinery: Annotated[
        tuple[Word, ...], label("机械", "Machinery", choices="machinery", max_length=10, widget="tiles")
    ] = ()
    progress: Annotated[Word, label("施工进度", "Progress", choices="works_progress")] = ""
    distance_to_pipe_m: Annotated[float, label("与管距离", "Distance to the pipe", unit="m", ge=0, le=1000)] | None = (
        None
    )
    contractor: Annotated[Word, label("施工单位", "Contractor")] = ""
    contact: Annotated[Word, label("联系人", "Contact", personal=True)] = ""
    contact_phone: Annotated[Word, label("联系电话", "Contact's phone", personal=True)] = ""
    address: Annotated[Word, label("地址", "Address")] = ""
    pipe_id: Annotated[Word, label("关联管段", "Pipe", widget="pipe")] = ""
    voice_note: Annotated[Word, label("语音说明", "Voice note", widget="voice")] = ""
