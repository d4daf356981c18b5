"""待处理: everything that waits for the office, by how urgent it is; a click locates it, a button deals with it."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote

import msgspec
from litestar import Response, get
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts import service as accounts
from backend.alarms import service as alarms
from backend.cameras import checking
from backend.certificates import service as certificates
from backend.cylinders import service as cylinders
from backend.hazards import service as hazards
from backend.intake import conflicts, quarantined
from backend.licensing import service as licences
from backend.patrol import service as patrol
from backend.scope import Caller, signed_in
from sync.databases import beijing_today
from web_console.lists import words_for
from web_console.pages.alarms import REASONS
from web_console.pages.cameras import FLAWS
from web_console.rendering import Visit, agoer, language_of, render, sayer, translate_into
from web_console.visiting import with_right

# Works that nobody has reported on for so long are not guarded.
_UNGUARDED = timedelta(hours=4)
_SILENT = timedelta(minutes=30)
_MOST = 50


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """`urgency`: now, day (within today) or later; `kind`: the tab that it stands under."""

    urgency: str
    kind: str
    shape: str
    tone: str = "warn"
    title: str
    detail: str
    href: str
    action: str
    lon: float | None = None
    lat: float | None = None
    show: str = ""


class Asked:
    """One look at everything, in one language."""

    def __init__(self, request: Visit, session: AsyncSession) -> None:
        self.request, self.session = request, session
        self.t, self.ago = translate_into(language_of(request)), agoer(language_of(request))

    async def items(self) -> list[Item]:
        found: list[Item] = []
        for right, ask in (
            ("station.view", self._alarms),
            ("hazard.view", self._leaks),
            ("hazard.view", self._works),
            ("hazard.view", self._hazards),
            ("patrol.view", self._tasks),
            ("certificate.view", self._certificates),
            ("camera.view", self._cameras),
            ("licence.view", self._licences),
            ("cylinder.edit", self._inspections),
            ("devices.manage", self._devices),
            ("records.review", self._records),
        ):
            if caller := with_right(self.request, right):
                found += await ask(caller)
        return found

    async def _alarms(self, caller: Caller) -> list[Item]:
        """Each alarm that nobody has dealt with, the serious ones before all else; and stations gone silent."""
        say, items = sayer(language_of(self.request)), []
        waiting = await alarms.list_alarms(self.session, caller, acknowledged=False, limit=_MOST)
        # Somebody sees to these, and they are over their limit still.
        standing = await alarms.list_alarms(
            self.session, caller, acknowledged=True, is_open=True, serious=True, limit=_MOST
        )
        for one in (*waiting.items, *standing.items):
            value = f"{one.value:g} {one.unit}" if one.value is not None else ""
            gone = self.t("已消除") if one.cleared_at else one.acknowledged_by_name
            items.append(
                Item(
                    urgency="now" if one.serious and not one.acknowledged_at else "day",
                    kind="alarms",
                    shape="icon:notifications_active",
                    tone="danger" if one.serious else "warn",
                    title=" ".join(filter(None, (one.sensor_name, say(REASONS[one.reason]), value))),
                    detail=" · ".join(filter(None, (one.station_name, self.ago(one.raised_at), gone))),
                    href=f"/alarms?alarm={one.id}",
                    action=self.t("查看") if one.acknowledged_at else self.t("处理"),
                )
            )
        silent = await alarms.list_states(self.session, caller, silent=True)
        return items + [
            Item(
                urgency="day",
                kind="alarms",
                shape="icon:cloud_off",
                title=self.t("{name} 监控失联", name=each.station_name),
                detail=self.t("最近 {ago}", ago=self.ago(each.at)),
                href="/alarms?tab=stations",
                action=self.t("查看"),
            )
            for each in silent[:_MOST]
        ]

    async def _leaks(self, caller: Caller) -> list[Item]:
        page = await hazards.list_leaks(self.session, caller, limit=_MOST)
        return [
            Item(
                urgency="now",
                kind="hazards",
                shape="leak",
                title=self.t("疑似泄漏 {n} ppm", n=f"{leak.reading_ppm:,.0f}"),
                detail=" · ".join(filter(None, (leak.address, leak.reported_by_name, self.ago(leak.at)))),
                href=f"/hazards?leak={leak.id}",
                action=self.t("处理"),
                lon=leak.lon,
                lat=leak.lat,
                show=leak.id,
            )
            for leak in page.items
        ]

    async def _works(self, caller: Caller) -> list[Item]:
        words = await words_for(self.request, self.session)
        page = await hazards.list_works(self.session, caller, limit=_MOST)
        items = []
        for works in page.items:
            unguarded = datetime.now(UTC) - works.last_at > _UNGUARDED
            near = f"{works.distance_to_pipe_m:g} m" if works.distance_to_pipe_m is not None else ""
            machinery = "、".join(words("machinery", code) for code in works.machinery) or self.t("第三方施工")
            items.append(
                Item(
                    urgency="now" if unguarded else "day",
                    kind="works",
                    shape="works",
                    title=" ".join(filter(None, (machinery, self.t("距管 {n}", n=near) if near else ""))),
                    detail=" · ".join(
                        filter(
                            None,
                            (
                                works.address or works.contractor,
                                self.t("{ago}后无监护", ago=self.ago(works.last_at))
                                if unguarded
                                else self.ago(works.last_at),
                            ),
                        )
                    ),
                    href=f"/hazards?works={works.id}",
                    action=self.t("查看"),
                    lon=works.lon,
                    lat=works.lat,
                    show=works.id,
                )
            )
        return items

    async def _hazards(self, caller: Caller) -> list[Item]:
        words = await words_for(self.request, self.session)
        items = []
        for lane in await hazards.board(self.session, caller):
            for hazard in lane.tickets:
                grade = hazard.grade or hazard.proposed_grade
                fresh = lane.stage == "pending_review" and grade == "major"
                if not (hazard.overdue or fresh):
                    continue
                items.append(
                    Item(
                        urgency="day",
                        kind="hazards",
                        shape=grade,
                        title=f"{words('hazard_grade', grade)} · {words('hazard_type', hazard.hazard_type)}",
                        detail=" · ".join(
                            filter(
                                None,
                                (
                                    hazard.address or hazard.number,
                                    self.t("逾期 {n} 天", n=(beijing_today() - hazard.due_on).days)
                                    if hazard.overdue and hazard.due_on
                                    else self.ago(hazard.reported_at),
                                ),
                            )
                        ),
                        href=f"/hazards?open={hazard.id}",
                        action=self.t("督办") if hazard.overdue else self.t("核定"),
                        lon=hazard.lon,
                        lat=hazard.lat,
                        show=hazard.id,
                    )
                )
            if lane.stage in {"pending_review", "pending_dispatch", "pending_recheck"} and lane.total:
                items.append(self._lane(lane.stage, lane.total, lane.tickets[-1].stage_since))
        return items

    def _lane(self, stage: str, total: int, oldest: datetime) -> Item:
        title, action = {
            "pending_review": (self.t("待核定隐患 {n} 条", n=total), self.t("核定")),
            "pending_dispatch": (self.t("待派单隐患 {n} 条", n=total), self.t("派单")),
            "pending_recheck": (self.t("待复查隐患 {n} 条", n=total), self.t("复查")),
        }[stage]
        return Item(
            urgency="day",
            kind="hazards",
            shape="serious",
            title=title,
            detail=self.t("最早 {ago}", ago=self.ago(oldest)),
            href=f"/hazards#{stage}",
            action=action,
        )

    async def _tasks(self, caller: Caller) -> list[Item]:
        page = await patrol.list_tasks(self.session, caller, state="overdue", limit=_MOST)
        return [
            Item(
                urgency="day",
                kind="tasks",
                shape="icon:assignment_late",
                title=self.t("{title} 逾时", title=task.title),
                detail=f"{task.staff_name} · {task.coverage_percent:.0f} % · {self.ago(task.due_at)}",
                href=f"/tasks?task={task.id}",
                action=self.t("改派"),
            )
            for task in page.items
        ]

    async def _certificates(self, caller: Caller) -> list[Item]:
        """Each one that has run out or is about to; the rest of those that are due in one line for each reminder."""
        say, place = sayer(language_of(self.request)), "/ledgers/certificates"
        counted = await certificates.expiry(self.session, caller)
        nearest = min(counted.due, default=0)
        items: list[Item] = []
        states: tuple[Literal["expired", "due"], ...] = ("expired", "due")
        for state in states:
            page = await certificates.list_certificates(self.session, caller, state=state, limit=_MOST)
            items += [
                Item(
                    urgency="day",
                    kind="other",
                    shape="icon:event_busy",
                    tone="danger",
                    title=f"{say((one.kind_zh, one.kind_en))} · {one.holder_name}",
                    detail=self.t("过期 {n} 天", n=-one.days_left)
                    if state == "expired"
                    else self.t("剩 {n} 天", n=one.days_left),
                    href=f"{place}?holder_kind={one.holder_kind}&state={state}&search={quote(one.number)}",
                    action=self.t("换证"),
                )
                for one in page.items
                if state == "expired" or one.due_within == nearest
            ]
        later = [(days, n) for days, n in sorted(counted.due.items()) if n and days != nearest]
        return items + [
            Item(
                urgency="later",
                kind="other",
                shape="icon:event_upcoming",
                title=self.t("{n} 张证照 {days} 天内到期", n=n, days=days),
                detail=self.t("请提前办理换证"),
                href=f"{place}?state=due",
                action=self.t("查看"),
            )
            for days, n in later
        ]

    async def _inspections(self, caller: Caller) -> list[Item]:
        """What the station was reminded of and nobody has seen yet."""
        return [
            Item(
                urgency="day" if reminder.stage in {"overdue", "7"} else "later",
                kind="other",
                shape="icon:event_busy" if reminder.stage == "overdue" else "icon:event_upcoming",
                tone="danger" if reminder.stage == "overdue" else "warn",
                title=self.t("{n} 只气瓶检验过期", n=reminder.count)
                if reminder.stage == "overdue"
                else self.t("{n} 只气瓶 {days} 天内到期", n=reminder.count, days=reminder.stage),
                detail=f"{reminder.organisation_name} · {reminder.day}",
                href=f"/cylinders/due?stage={reminder.stage}&organisation_id={reminder.organisation_id}",
                action=self.t("送检"),
            )
            for reminder in (await cylinders.list_reminders(self.session, caller))[:_MOST]
        ]

    async def _cameras(self, caller: Caller) -> list[Item]:
        """Stations and vehicles whose video falls short: what is wrong there, in one line."""
        say = sayer(language_of(self.request))
        items = []
        for place in (await checking.list_shortfalls(self.session, caller))[:_MOST]:
            words = [f"{one.name or say((one.area_zh, one.area_en))} {say(FLAWS[one.code])}" for one in place.flaws]
            items.append(
                Item(
                    urgency="day",
                    kind="other",
                    shape="icon:videocam_off",
                    title=self.t("{name} 视频不达标", name=place.place_name),
                    detail=" · ".join(words[:3]) + (f" +{len(words) - 3}" if len(words) > 3 else ""),
                    href=f"/cameras?place_id={place.place_id}",
                    action=self.t("查看"),
                )
            )
        return items

    async def _licences(self, caller: Caller) -> list[Item]:
        """What waits for the visitor: to be reviewed where that is his office, to be completed where he applied."""
        waiting, t = await licences.count_waiting(self.session, caller), self.t
        told = (
            (waiting.overdue, "day", t("{n} 件许可申请超期未办", n=waiting.overdue), "overdue=true", "danger"),
            (waiting.submitted, "day", t("{n} 件许可申请待受理", n=waiting.submitted), "state=submitted", "warn"),
            (
                waiting.under_review,
                "later",
                t("{n} 件许可申请审核中", n=waiting.under_review),
                "state=under_review",
                "",
            ),
            (waiting.returned, "day", t("{n} 件许可申请被退回", n=waiting.returned), "state=returned", "warn"),
        )
        return [
            Item(
                urgency=urgency,
                kind="other",
                shape="icon:approval",
                tone=tone,
                title=title,
                detail=t("许可申请"),
                href=f"/ledgers/licences?{query}",
                action=t("查看"),
            )
            for n, urgency, title, query, tone in told
            if n
        ]

    async def _devices(self, caller: Caller) -> list[Item]:
        """Silent phones that still hold records."""
        devices = await accounts.list_devices(self.session, caller, limit=500)
        silent = datetime.now(UTC) - _SILENT
        return [
            Item(
                urgency="day",
                kind="other",
                shape="icon:cloud_off",
                title=self.t("{name} 无联络", name=device.staff_name),
                detail=f"{self.ago(device.last_seen_at)} · {self.t('待收 {n} 条', n=device.waiting)}",
                href="/devices?waiting=true&order=silent",
                action=self.t("查看"),
            )
            for device in devices
            if device.revoked_at is None and device.waiting and device.last_seen_at and device.last_seen_at < silent
        ]

    async def _records(self, caller: Caller) -> list[Item]:
        held = await quarantined.list_quarantined(self.session, caller, limit=1)
        contradictions = await conflicts.list_conflicts(self.session, caller, limit=1)
        items = []
        if held.total:
            items.append(self._review(self.t("待核实记录 {n} 条", n=held.total), held.items[0].received_at, "/review"))
        if contradictions.total:
            newest = contradictions.items[0].opened_at
            items.append(self._review(self.t("问题单 {n} 张", n=contradictions.total), newest, "/review?tab=conflicts"))
        return items

    def _review(self, title: str, newest: datetime, href: str) -> Item:
        return Item(
            urgency="later",
            kind="other",
            shape="icon:rule",
            tone="ink2",
            title=title,
            detail=self.t("最近 {ago}", ago=self.ago(newest)),
            href=href,
            action=self.t("查看"),
        )


@get("/overview/todo", guards=[signed_in])
async def show(request: Visit, session: AsyncSession) -> Response[str]:
    asked = Asked(request, session)
    items, t = await asked.items(), asked.t
    groups = [
        ("now", t("立即"), "icon:error", "danger", [i for i in items if i.urgency == "now"]),
        ("day", t("今日内"), "icon:schedule", "warn", [i for i in items if i.urgency == "day"]),
        ("later", t("稍后"), "icon:history", "", [i for i in items if i.urgency == "later"]),
    ]
    names = {"alarms": t("报警"), "hazards": t("隐患"), "works": t("施工"), "tasks": t("任务"), "other": t("其他")}
    tabs = [("all", t("全部"), len(items))]
    tabs += [(kind, name, sum(1 for i in items if i.kind == kind)) for kind, name in names.items()]
    return render(request, "parts/todo.html", groups=groups, tabs=tabs, total=len(items))


handlers = [show]
