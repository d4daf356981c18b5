"""One field shift, played on real parts: phones and devices as processes, the network cut in the middle.

The demo shows it on an empty database; the test of the whole plays it and compares what everybody then holds.
"""

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from device_bridge.codes import make_qr
from qixun.demo.children import Child, Refused, SimulatedPhone, cable, simulator
from qixun.demo.office import Office
from qixun.demo.walk import Point, walking_route
from sync.databases import BEIJING

PASSWORD = "demo-songhe-1"  # noqa: S105 - the demo company's, printed in the README
INSPECTOR, DRIVER, DISPATCHER, ADMINISTRATOR, STATION_PC = "X001", "W001", "D001", "A001", "Z001"
_WALK_MPS = 1.4
_WAIT_S = 90.0
# How far along the route the check points lie.
_AT = (0.2, 0.45, 0.7, 0.85)
_CHECK_POINTS: tuple[dict[str, Any], ...] = (
    {"name": "东门大街阀井 F-03", "proof": "gps", "radius_m": 20.0},
    {"name": "东门大街调压箱 R-05", "proof": "qr", "code": "SH-JC-0002"},
    {"name": "东门大街阀井 F-07", "proof": "nfc", "code": "SH-JC-0003"},
    {"name": "东门大街标志桩 B-11", "proof": "gps"},
)

Narrate = Callable[[str, str], None]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how fast: the patrol is walked `time_factor` times faster than a person walks."""

    server: str
    host: str
    port: int
    folder: Path
    area: str = "东门大街片区"
    level: str = "medium_a"
    time_factor: float = 12.0


class Story(msgspec.Struct, kw_only=True):
    """What the phones hold at the end, and what the workers were told on the way."""

    records: dict[str, list[dict[str, Any]]] = {}
    photos: dict[str, dict[str, int]] = {}
    devices: dict[str, str] = {}
    staff: dict[str, str] = {}
    patrol_id: str = ""
    task_id: str = ""
    orders: dict[str, str] = {}
    coverage_before_kill: float = 0.0
    coverage_after_kill: float = 0.0
    coverage: float = 0.0
    said: dict[str, Any] = {}


class Shift:
    """`await Shift(setting, narrate).play()`; every process it started has ended when it returns or raises."""

    def __init__(self, setting: Setting, narrate: Narrate) -> None:
        self._setting = setting
        self._say = narrate
        self._children: list[Child] = []
        self._doors: list[Point] = []
        self.story = Story()

    async def play(self) -> Story:
        try:
            await self._plan()
            await self._start()
            await self._sign_in()
            await self._cable.command("cut")
            self._say("网络断开，两人照常干活", "The network goes away; both go on working")
            await asyncio.gather(self._li_patrols(), self._wang_delivers())
            await self._cable.command("restore")
            self._say("网络恢复", "The network is back")
            await asyncio.gather(*(self._all_accepted(phone) for phone in (self._li, self._wang)))
            self._say("全部已收", "Everything is accepted")
            return self.story
        finally:
            await asyncio.gather(*(child.stop() for child in self._children))

    # 办公室

    async def _plan(self) -> None:
        async with Office(self._setting.server, DISPATCHER, PASSWORD) as office:
            await self._plan_patrol(office)
            await self._plan_deliveries(office)

    async def _plan_patrol(self, office: Office) -> None:
        area = next(a for a in await office.get("/api/network/areas") if a["name"] == self._setting.area)
        picked = await office.get("/api/patrol/plans/preview", area_id=area["id"], pressure_level=self._setting.level)
        geometry = await office.get("/api/network/pipes.geojson", area_id=area["id"], levels=self._setting.level)
        route = walking_route([f["geometry"]["coordinates"] for f in geometry["features"]])
        self._legs = legs(route, _AT)
        self._points = [leg[-1] for leg in self._legs[:-1]]
        now = datetime.now(BEIJING)
        staff = await self._staff(INSPECTOR)
        plan = {
            "name": f"{area['name']}中压A 日巡",
            "area_id": area["id"],
            "pressure_levels": [self._setting.level],
            "staff_id": staff,
            "recurrence": {"windows": [{"start": f"{now:%H:%M:%S}", "end": f"{now + timedelta(hours=4):%H:%M:%S}"}]},
            "check_points": [
                point | {"lon": lon, "lat": lat} for point, (lon, lat) in zip(_CHECK_POINTS, self._points, strict=True)
            ],
        }
        await office.post("/api/patrol/plans", plan)
        self._say(
            f"调度下达计划：{area['name']} 中压A {picked['length_m']:.0f} m，每日一次",
            f"The dispatcher plans a daily patrol: {picked['length_m']:.0f} m of medium-pressure A",
        )

    async def _plan_deliveries(self, office: Office) -> None:
        staff = await self._staff(DRIVER)
        now = datetime.now(UTC)
        for word, code, quantity in (("complete", "K0001", 2), ("incomplete", "K0002", 1), ("not_home", "K0003", 1)):
            customer = (await office.get("/api/customers", search=code))["items"][0]
            order = await office.post(
                "/api/deliveries/orders",
                {
                    "customer_id": customer["id"],
                    "station_id": customer["organisation_id"],
                    "staff_id": staff,
                    "vehicle": "吉·演示01",
                    "lines": [{"specification": "YSP35.5", "quantity": quantity}],
                    "start_at": now.isoformat(),
                    "due_at": (now + timedelta(hours=6)).isoformat(),
                },
            )
            self.story.orders[word] = order["order"]["id"]
            self._doors.append((customer["lon"], customer["lat"]))
        self._say("调度派单：两瓶 YSP35.5 送林场小区3号楼", "Two cylinders are ordered for 林场小区3号楼")

    async def _staff(self, number: str) -> str:
        async with Office(self._setting.server, ADMINISTRATOR, PASSWORD) as office:
            found = await office.get("/api/staff", search=number)
            return str(next(s["id"] for s in found if s["staff_number"] == number))

    # 开始

    async def _start(self) -> None:
        setting, folder = self._setting, self._setting.folder
        speed = ("--time-factor", str(setting.time_factor), "--interval", "0.25")
        self._cable = cable(folder, setting.host, setting.port)
        self._gps = simulator("gps", folder, "gps-li", *speed)
        self._gps_wang = simulator("gps", folder, "gps-wang", "--interval", "1")
        self._detector = simulator("detector", folder, "detector", "--interval", "0.25")
        self._tags_li = simulator("tags", folder, "tags-li", "--tags", _CHECK_POINTS[2]["code"])
        self._tags_wang = simulator("tags", folder, "tags-wang", "--tags", "SH35-0004")
        self._children = [self._cable, self._gps, self._gps_wang, self._detector, self._tags_li, self._tags_wang]
        await asyncio.gather(*(child.start() for child in self._children))
        self._server = f"http://127.0.0.1:{self._cable.ready['port']}"
        bus = {"DBUS_SYSTEM_BUS_ADDRESS": self._detector.ready["bus"]}
        self._li_devices = bus | _devices(self._gps, self._detector, self._tags_li)
        self._li = await self._phone("li", self._li_devices)
        self._wang = await self._phone("wang", _devices(self._gps_wang, None, self._tags_wang))

    async def _phone(self, name: str, environ: dict[str, str]) -> SimulatedPhone:
        phone = SimulatedPhone(name, self._setting.folder, self._server, environ)
        self._children.append(phone)
        await phone.start()
        return phone

    async def _sign_in(self) -> None:
        for phone, number in ((self._li, INSPECTOR), (self._wang, DRIVER)):
            signed_in = await phone.do("sign_in", number=number, password=PASSWORD)
            self.story.devices[phone.name] = signed_in["device_id"]
            self.story.staff[phone.name] = signed_in["staff_id"]
        await self._until(lambda: self._has_tasks(self._li, 1), "李巡检的任务")
        await self._until(lambda: self._has_tasks(self._wang, 3), "王送气的任务")
        await self._until(self._has_reference, "参考数据")
        task = (await self._li.do("tasks"))[0]
        self.story.task_id = task["_id"]
        self._point_ids: list[str] = [point["check_point_id"] for point in task["check_points"]]
        self._say("两部手机登录，取到任务、管段、设施和气瓶", "Both phones have their tasks and what they need offline")

    async def _has_tasks(self, phone: SimulatedPhone, number: int) -> bool:
        return len(await phone.do("tasks")) >= number

    async def _has_reference(self) -> bool:
        await self._li.do("sync")
        await self._wang.do("sync")
        return bool(await self._li.do("ready_for_patrol")) and bool(await self._wang.do("ready_for_delivery"))

    # 李巡检

    async def _li_patrols(self) -> None:
        li = self._li
        lon, lat = self._legs[0][0]
        await self._gps.command(f"teleport {lon} {lat}")
        await self._detector.command("ppm 4")
        await self._until(self._sensors_ready, "定位和检漏仪")
        await li.do("check_shift")
        self.story.patrol_id = await li.do("start_patrol")
        self._say("李巡检完成开工体检，开始巡线", "Li has checked his phone and starts the patrol")
        await self._walk(self._legs[0])
        await self._until(lambda: self._tried(li.do("visit_by_gps", point=self._point(0))), "检查点 1")
        self._say("检查点 1：定位到位", "Check point 1 proved by position")
        await self._walk(self._legs[1])
        await li.do("visit_by_qr", point=self._point(1), picture=str(await self._qr(_CHECK_POINTS[1]["code"])))
        self._say("检查点 2：扫二维码到位", "Check point 2 proved by QR code")
        await self._alarm()
        await self._kill_li()
        await self._walk(self._legs[2])
        await self._tags_li.command(f"present {_CHECK_POINTS[2]['code']}")
        await self._li.do("visit_by_tag", point=self._point(2))
        self._say("检查点 3：NFC 标签到位", "Check point 3 proved by its NFC tag")
        await self._li.do("hazard", hazard_type="marker_post", detail="标志桩被雪掩埋并倾斜")
        await self._li.do("works", machinery="excavator")
        self._say("上报隐患（两张照片）和第三方施工", "A hazard with two photos and third-party works are reported")
        await self._lose_the_detector()
        await self._walk(self._legs[3])
        await self._li.do("visit_out_of_reach", point=self._point(3), reason="snow")
        self._say("检查点 4：积雪覆盖，无法到达", "Check point 4 is out of reach: snow")
        await self._walk(self._legs[4])
        await self._until(self._arrived_on_phone, "最后的定位")
        await self._li.do("finish_patrol")
        self._say(
            f"巡线结束，覆盖 {self.story.coverage:.1f}%", f"The patrol ends with {self.story.coverage:.1f}% covered"
        )

    async def _alarm(self) -> None:
        await self._detector.command("ppm 3200")
        await self._until(self._proposed, "疑似泄漏提示")
        await self._li.do("leak", action="cordoned")
        await self._detector.command("ppm 6")
        self._say("甲烷 3,200 ppm：疑似泄漏点已存", "3,200 ppm of methane: a suspected leak is recorded")

    async def _kill_li(self) -> None:
        before = await self._li.do("patrol")
        held = {r["id"] for r in await self._li.do("records")}
        self.story.coverage_before_kill = before["percent"]
        await self._li.kill()
        self._children.remove(self._li)
        self._say("李巡检的应用被系统强行终止", "Li's app is killed")
        self._li = await self._phone("li", self._li_devices)
        await self._li.do("sign_in", number=INSPECTOR, password=PASSWORD)
        self.story.said["resumed"] = await self._li.do("resume_patrol")
        after = await self._li.do("patrol")
        self.story.coverage_after_kill = after["percent"]
        self.story.said["lost_by_kill"] = sorted(held - {r["id"] for r in await self._li.do("records")})
        self._say("重新打开：记录都在，巡线接着走", "Opened again: every record is there, the patrol goes on")

    async def _lose_the_detector(self) -> None:
        await self._detector.command("off")
        await self._until(self._detector_missed, "检漏仪断开提示")
        self.story.said["detector"] = (await self._li.do("sensors"))["missing"]["detector"]
        await self._detector.command("on")
        self._say("检漏仪断开又恢复，记录不中断", "The detector drops out and comes back; the record goes on")

    def _point(self, number: int) -> str:
        return self._point_ids[number]

    async def _walk(self, leg: Sequence[Point]) -> None:
        if len(leg) < 2:
            return
        await self._gps.command(f"route {msgspec.json.encode(list(leg)).decode()} {_WALK_MPS}")
        await self._until(self._arrived, "走到下一处")

    async def _arrived(self) -> bool:
        return bool(msgspec.json.decode(await self._gps.command("where"))["arrived"])

    async def _arrived_on_phone(self) -> bool:
        """The last fix of the walk is in the phone's coverage."""
        self.story.coverage = (await self._li.do("patrol"))["percent"]
        return await self._stands_at(self._li, *self._legs[-1][-1])

    async def _stands_at(self, phone: SimulatedPhone, lon: float, lat: float) -> bool:
        fix = (await phone.do("sensors"))["fix"]
        return bool(fix and abs(fix["lon"] - lon) < 1e-5 and abs(fix["lat"] - lat) < 1e-5)

    async def _sensors_ready(self) -> bool:
        sensors = await self._li.do("sensors")
        return bool(sensors["fix"] and sensors["instrument"])

    async def _proposed(self) -> bool:
        return bool((await self._li.do("patrol"))["proposals"])

    async def _detector_missed(self) -> bool:
        return "detector" in (await self._li.do("sensors"))["missing"]

    # 王送气

    async def _wang_delivers(self) -> None:
        wang, orders, said = self._wang, self.story.orders, self.story.said
        lon, lat = self._doors[0]
        await self._gps_wang.command(f"teleport {lon} {lat}")
        await self._until(lambda: self._stands_at(wang, lon, lat), "王送气的定位")
        station = (await wang.do("tasks"))[0]["station_id"]
        said["overdue"] = await self._scan_qr("SH35-0090", "loading")
        said["scrapped"] = await self._scan_qr("SH35-0091", "loading")
        self._say("装车扫码：过检瓶、报废瓶被拦下", "Loading: an overdue and a scrapped cylinder are refused")
        await self._scan_qr("SH35-0001", "loading")
        await self._scan_qr("SH35-0002", "loading")
        await self._tags_wang.command("present SH35-0004")
        await wang.do("scan_tag", purpose="loading")
        await wang.do("load", station_id=station, vehicle="吉·演示01")
        said["incomplete"] = await self._refused(wang.do("check_customer", task_id=orders["incomplete"]))
        self._say("信息不全的客户：不能录入配送", "An incomplete customer: no delivery can be entered")
        await self._deliver(orders["complete"])
        tomorrow = f"{datetime.now(BEIJING) + timedelta(days=1):%Y-%m-%d}"
        await wang.do("nobody_home", task_id=orders["not_home"], next_appointment=tomorrow)
        self._say("到访不遇：门口和通知照片，改约明天", "Nobody home: photos of door and notice, again tomorrow")
        said["stored"] = await wang.do("come_back", full=["SH35-0004"], empty=["SH35-0050"])
        self._say("回站入库：一只重瓶、一只空瓶，数量相符", "Back at the station: one full, one empty, all there")

    async def _deliver(self, task_id: str) -> None:
        wang = self._wang
        await wang.do("check_customer", task_id=task_id)
        await wang.do("check_home", task_id=task_id)
        await wang.do("forget_scans")
        await self._scan_qr("SH35-0001", "delivery", task_id)
        await wang.do("type_number", code="SH35-0002", purpose="delivery", task_id=task_id)
        await wang.do("exchange", task_id=task_id, returned="SH35-0050")
        await wang.do("test_leak", task_id=task_id)
        await wang.do("sign", task_id=task_id, receiver="演示-赵用户")
        await wang.do("complete", task_id=task_id, amount_fen=24_000)
        self._say("送达两瓶，收回空瓶，客户签收", "Two delivered, an empty taken back, signed for")

    async def _scan_qr(self, code: str, purpose: str, task_id: str = "") -> Any:
        picture = str(await self._qr(code))
        return await self._wang.do("scan_picture", picture=picture, purpose=purpose, task_id=task_id)

    async def _qr(self, code: str) -> Path:
        path = self._setting.folder / f"{code}.png"
        await asyncio.to_thread(path.write_bytes, make_qr(code))
        return path

    async def _refused(self, work: Awaitable[Any]) -> str:
        try:
            await work
        except Refused as refusal:
            return refusal.code
        return ""

    # 收尾

    async def _all_accepted(self, phone: SimulatedPhone) -> None:
        async def accepted() -> bool:
            await phone.do("sync")
            records, photos = await phone.do("records"), await phone.do("photos")
            self.story.records[phone.name], self.story.photos[phone.name] = records, photos
            states = {r["state"] for r in records} | {state for state, number in photos.items() if number}
            return states <= {"accepted", "waiting"}

        await self._until(accepted, f"{phone.name} 的记录全部已收")

    async def _tried(self, work: Awaitable[Any]) -> bool:
        return not await self._refused(work)

    async def _until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        """Raises TimeoutError that names what was waited for."""
        try:
            async with asyncio.timeout(_WAIT_S + self._setting.time_factor):
                while not await condition():  # noqa: ASYNC110 - another process is asked
                    await asyncio.sleep(0.2)
        except TimeoutError as error:
            raise TimeoutError(f"waited in vain for: {what}") from error


def legs(route: Sequence[Point], at: Sequence[float]) -> list[list[Point]]:
    """The route cut at these shares of its length (near enough to a plane at this size)."""
    steps = [math.dist(_metres(a), _metres(b)) for a, b in itertools.pairwise(route)]
    total, walked = sum(steps), 0.0
    found: list[list[Point]] = [[route[0]]]
    marks = [share * total for share in at]
    for (a, b), step in zip(itertools.pairwise(route), steps, strict=True):
        while len(found) <= len(marks) and marks[len(found) - 1] <= walked + step:
            share = (marks[len(found) - 1] - walked) / step
            cut = (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
            found[-1].append(cut)
            found.append([cut])
        found[-1].append(b)
        walked += step
    return found


def _metres(point: Point) -> Point:
    return point[0] * 111_320 * math.cos(math.radians(point[1])), point[1] * 110_574


def _devices(gps: Child, detector: Child | None, tags: Child) -> dict[str, str]:
    found = {"QIXUN_GPS": gps.ready["address"], "QIXUN_TAGS": tags.ready["address"]}
    return found | ({"QIXUN_DETECTOR": detector.ready["address"]} if detector else {})
