"""A company on a working day, made through the services and the real intake: what the console's tests look at."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.models import Device, Staff, StaffUnit
from backend.accounts.rules import ROLES
from backend.customers import service as customers
from backend.customers.schemas import CustomerIn
from backend.cylinders import service as cylinders
from backend.cylinders.schemas import CylinderIn
from backend.deliveries import service as deliveries
from backend.deliveries.schemas import LineIn, OrderIn
from backend.intake.rules import Arrived
from backend.intake.takes import TAKES
from backend.intake.taking import Setup, take_batch
from backend.network import service as network
from backend.patrol import service as patrol
from backend.patrol.schemas import CheckPointIn, PlanIn
from backend.photos.service import PhotoStore
from backend.scope import Caller, Grant
from sync.databases import beijing_today, media_database, parse_database, user_database
from sync.documents import deliveries as gas
from sync.documents import hazards as found
from sync.documents import patrol as walked
from sync.documents.cylinders import CylinderRefused, CylinderScan, CylindersLoaded
from sync.documents.envelope import Moment, Position, Record, encode_body, new_id
from sync.documents.photos import Photo, VoiceNote
from tests.factories import accounts, records
from tests.web_console.ledgers import write_ledgers
from tests.web_console.rounds import write_round
from tests.web_console.town import crossing, write_facilities, write_pipes

NOW = datetime.now(UTC).replace(microsecond=0)
BOOTED = NOW - timedelta(hours=20)


class Phone(msgspec.Struct):
    """One worker's phone: records count up, and go into the real intake."""

    staff: Staff
    device: Device
    unit_id: str
    setup: Setup
    number: int = 0

    def envelope(self, tag: str, at: datetime, lonlat: list[float] | None, **fields: Any) -> dict[str, Any]:
        self.number += 1
        moment = Moment(
            at=at, boot_id=f"boot-{self.device.id}", monotonic_s=(at - BOOTED).total_seconds(), clock="server"
        )
        position = None
        if lonlat:
            position = Position(lon=lonlat[0], lat=lonlat[1], accuracy_m=4.0, source="gnss")
        return {
            "id": new_id(tag),
            "schema_version": 1,
            "record_number": self.number,
            "recorded": moment,
            "staff_id": self.staff.id,
            "unit_id": self.unit_id,
            "device_id": self.device.id,
            "position": position,
            **fields,
        }

    async def send(self, session: AsyncSession, *written: Record) -> None:
        await self.push(session, user_database(self.staff.id, NOW), [(r.id, encode_body(r)) for r in written])

    async def push(
        self, session: AsyncSession, database: str, documents: list[tuple[str, bytes]], picture: bytes | None = None
    ) -> None:
        name = parse_database(database)
        assert name is not None
        arrived = [
            Arrived(id=doc_id, rev=f"1-{uuid.uuid4().hex}", seq="1", body=body, attachment=picture)
            for doc_id, body in documents
        ]
        await take_batch(session, name, arrived, self.setup, received_at=datetime.now(UTC))

    async def send_photo(self, session: AsyncSession, record_id: str, picture: bytes, photo_id: str) -> None:
        own = records.photo(picture, record_id)
        fields = {name: getattr(own, name) for name in Photo.__struct_fields__ if name not in _ENVELOPE}
        envelope = self.envelope("photo", NOW - timedelta(minutes=20), None, id=photo_id)
        await self.push(
            session,
            media_database(self.staff.id, NOW),
            [(photo_id, encode_body(Photo(**envelope, **fields)))],
            picture,
        )

    async def say(self, session: AsyncSession, record_id: str, recording: bytes) -> None:
        own = records.voice_note(recording, record_id, duration_s=len(recording) // 8000)
        fields = {name: getattr(own, name) for name in VoiceNote.__struct_fields__ if name not in _ENVELOPE}
        envelope = self.envelope("voice_note", NOW - timedelta(minutes=20), None, id=own.id)
        body = encode_body(VoiceNote(**envelope, **fields))
        await self.push(session, media_database(self.staff.id, NOW), [(own.id, body)], recording)


_ENVELOPE = set(Record.__struct_fields__)


class Scene(msgspec.Struct):
    company: accounts.Company
    dispatcher: Staff
    admin: Staff
    stranger: Staff
    neighbour: Staff
    li: Phone
    zhou: Phone
    caller: Caller
    task_id: str = ""
    hazard_ids: list[str] = []
    leak_id: str = ""
    second_leak_id: str = ""
    spare: Device | None = None
    works_id: str = ""
    wang: Phone | None = None
    order_id: str = ""
    vehicle_id: str = ""
    incomplete_id: str = ""
    cylinder_id: str = ""
    station_id: str = ""
    camera_id: str = ""


async def make_scene(session: AsyncSession, folder: Path) -> Scene:
    """Committed by whoever calls."""
    company = await accounts.make_company(session)
    company.company.name, company.unit.name = "松河演示燃气有限公司", "松河巡线一队"
    setup = Setup(TAKES, dict, PhotoStore(folder / "photos"))
    people = {}
    for key, name, roles in (
        ("dispatcher", "演示-赵调度", ("dispatcher", "safety_officer")),
        ("admin", "演示-钱管理", ("company_admin",)),
        ("stranger", "演示-孙访客", ()),
        ("li", "演示-李巡检", ("inspector",)),
        ("zhou", "演示-周巡检", ("inspector",)),
        ("wang", "演示-王送气", ("driver",)),
    ):
        people[key] = await accounts.make_staff(session, company, roles=roles, name=name)
    other = await accounts.make_company(session)
    neighbour = await accounts.make_staff(session, other, roles=("company_admin",), name="演示-邻企")
    phones = {}
    for key in ("li", "zhou", "wang"):
        device = await accounts.make_device(session, people[key])
        device.name, device.last_seen_at, device.battery_percent = f"{people[key].name} 手机", NOW, 64.0
        phones[key] = Phone(people[key], device, company.unit.id, setup)
    phones["zhou"].device.last_seen_at = NOW - timedelta(minutes=46)
    phones["zhou"].device.waiting, phones["zhou"].device.battery_percent = 9, 18.0
    await session.flush()
    rights = frozenset().union(*(ROLES[role].rights for role in ("company_admin",)))
    caller = Caller(
        staff_id=people["admin"].id,
        company_id=company.company.id,
        name=people["admin"].name,
        grants=(Grant(company.company.id, company.company.path, rights),),
    )
    scene = Scene(
        company,
        people["dispatcher"],
        people["admin"],
        people["stranger"],
        neighbour,
        phones["li"],
        phones["zhou"],
        caller,
    )
    await _network(session, scene, folder)
    await _patrols(session, scene)
    await _findings(session, scene)
    scene.wang = phones["wang"]
    await _gas(session, scene)
    await write_ledgers(session, scene)
    return scene


async def _network(session: AsyncSession, scene: Scene, folder: Path) -> None:
    for name, write in (("pipes.geojson", write_pipes), ("facilities.geojson", write_facilities)):
        write(folder / name)
        report = await network.import_network(
            session, scene.caller, folder / name, organisation_id=scene.company.unit.id
        )
        assert not report.rejected, report.rejected[:3]


async def _patrols(session: AsyncSession, scene: Scene) -> None:
    areas = {area.name: area for area in await network.list_areas(session, scene.caller)}
    lon, lat = crossing(2, 0)
    for name, area, levels, person in (
        ("老城 中压A", "老城片区", ("medium_a",), scene.li),
        ("东门 中压B", "东门片区", ("medium_b",), scene.zhou),
        ("林场 低压 周检", "林场片区", ("low",), scene.zhou),
    ):
        points = (CheckPointIn(name="站前街阀井", lon=lon, lat=lat),) if person is scene.li else ()
        plan = PlanIn(
            name=name,
            area_id=areas[area].id,
            pressure_levels=levels,
            staff_id=person.staff.id,
            max_speed_mps=4.0,
            check_points=points,
        )
        await patrol.save_plan(session, scene.caller, plan)
    tasks = await patrol.list_tasks(session, scene.caller, staff_id=scene.li.staff.id)
    scene.task_id = tasks.items[0].id
    await _walk(session, scene)


async def _walk(session: AsyncSession, scene: Scene) -> None:
    """Li walks the first avenue of the old town for twenty minutes, at 1.2 m/s."""
    li, began = scene.li, NOW - timedelta(minutes=30)
    started = walked.PatrolStarted(
        **li.envelope("patrol.started", began, crossing(0, 0), task_id=scene.task_id), mode="walk"
    )
    await li.send(session, started)
    for chunk in range(2):
        at = began + timedelta(minutes=5 * chunk)
        points = tuple(
            walked.TrackPoint(offset_s=float(s), lon=lon, lat=lat, accuracy_m=4.0, speed_mps=1.2, methane_ppm=2.0)
            for s in range(0, 300, 5)
            for lon, lat in [crossing((chunk * 300 + s) * 0.006, 0)]
        )
        end = at + timedelta(minutes=5)
        fields = li.envelope("patrol.tracked", end, [points[-1].lon, points[-1].lat], task_id=scene.task_id)
        track = walked.PatrolTracked(**fields, patrol_id=started.id, chunk=chunk, started_at=at, points=points)
        await li.send(session, track)
    await scene.zhou.send(
        session,
        walked.ShiftChecked(
            **scene.zhou.envelope("shift.checked", NOW - timedelta(minutes=50), crossing(5, 5)),
            items=(walked.ShiftCheckItem(item="positioning", result="passed"),),
        ),
    )


async def _findings(session: AsyncSession, scene: Scene) -> None:
    li = scene.li
    pictures = [records.jpeg(seed) for seed in (1, 2)]
    names = [records.photo(picture, "hazard.reported:x").id for picture in pictures]
    for number, (kind, grade, address, place) in enumerate(
        (
            ("encroachment", "major", "林场小区3号楼", (4.5, 2)),
            ("marker_post", "serious", "北环路 站北段", (7, 6)),
            ("regulator_iced", "general", "人民路 11 号", (2, 4)),
            ("chamber_flooded", "general", "站前街 7 号", (10, 3)),
        )
    ):
        fields = li.envelope(
            "hazard.reported", NOW - timedelta(minutes=25 - number), crossing(*place), task_id=scene.task_id
        )
        if number == 0:
            fields["photos"] = tuple(names)
        hazard = found.HazardReported(**fields, hazard_type=kind, proposed_grade=grade, address=address)
        scene.hazard_ids.append(hazard.id)
        await li.send(session, hazard)
    for picture, name in zip(pictures, names, strict=True):
        await li.send_photo(session, scene.hazard_ids[0], picture, name)
    await li.say(session, scene.hazard_ids[0], records.wav(6))
    leak = found.LeakSuspected(
        **li.envelope("leak.suspected", NOW - timedelta(minutes=3), crossing(6, 3), task_id=scene.task_id),
        reading_ppm=3200,
        retest_ppm=2950,
        alarm_limit_ppm=500,
        instrument_id="演示-CH4-07",
        instrument_verified_until=beijing_today() + timedelta(days=114),
        action="cordoned",
        address="东门大街 48 号前",
    )
    works = found.ThirdPartyWorksReported(
        **li.envelope("works.reported", NOW - timedelta(minutes=22), crossing(9, 7)),
        machinery=("excavator",),
        progress="digging",
        distance_to_pipe_m=1.2,
        contractor="松河演示路桥",
        contact="演示-冯",
        contact_phone="100-0000-0021",
        address="北环路",
    )
    second = found.LeakSuspected(
        **li.envelope("leak.suspected", NOW - timedelta(minutes=12), crossing(3, 1), task_id=scene.task_id),
        reading_ppm=620,
        alarm_limit_ppm=500,
        instrument_id="演示-CH4-07",
        address="江沿路 8 号",
    )
    await li.send(session, leak, second, works)
    scene.leak_id, scene.second_leak_id, scene.works_id = leak.id, second.id, works.id
    scene.spare = await accounts.make_device(session, li.staff)
    broken = encode_body(leak).replace(b"3200", b"-4")
    await li.push(session, user_database(li.staff.id, NOW), [(new_id("leak.suspected"), broken)])


async def _gas(session: AsyncSession, scene: Scene) -> None:
    """Wang's round: a delivery with check and signature, a customer not at home, one whose record lacks much."""
    wang, station = scene.wang, scene.company.other_unit
    assert wang is not None
    station.name = "东门供应站"
    session.add(StaffUnit(staff_id=wang.staff.id, unit_id=station.id))
    wang.unit_id = station.id
    await session.flush()
    today = beijing_today()
    for code, specification, due, scrapped in (
        ("35-018264", "YSP35.5", today - timedelta(days=1), False),
        ("35-018266", "YSP35.5", today + timedelta(days=700), False),
        ("118-018270", "YSP118", today + timedelta(days=20), False),
        ("35-011111", "YSP35.5", today + timedelta(days=400), True),
        ("35-018268", "YSP35.5", today + timedelta(days=500), False),
    ):
        made = await cylinders.create_cylinder(
            session,
            scene.caller,
            CylinderIn(
                organisation_id=station.id,
                code=code,
                specification=specification,
                standard="GB 5842-2006",
                manufacturer="演示钢瓶厂",
                made_on=today - timedelta(days=2900),
                last_inspected_on=due - timedelta(days=1460),
                next_inspection_on=due,
                service_ends_on=today + timedelta(days=1500),
                tare_kg=16.52,
                water_capacity_l=35.5,
                scrapped=scrapped,
            ),
        )
        if code == "35-018266":
            scene.cylinder_id = made.cylinder.id
    orders = []
    for number, (name, house, identity) in enumerate(
        (
            ("演示-郑户", "2单元402", "220100188501010017"),
            ("演示-钟户", "1单元101", "220100188501010017"),
            ("", "5号", None),
        )
    ):
        customer = await customers.create_customer(
            session,
            scene.caller,
            CustomerIn(
                organisation_id=station.id,
                code=f"KH-{number + 1:04d}",
                name=name,
                category="residential",
                district="松河县",
                road="林场小区3号楼",
                house=house,
                phone=f"100-0000-10{number}2" if name else None,
                identity_number=identity,
                opened_on=today - timedelta(days=900),
            ),
        )
        order = await deliveries.create_order(
            session,
            scene.caller,
            OrderIn(
                customer_id=customer.customer.id,
                station_id=station.id,
                staff_id=wang.staff.id,
                lines=(LineIn(specification="YSP35.5", quantity=1 + number),),
                start_at=NOW - timedelta(hours=2),
                due_at=NOW + timedelta(hours=4 - number),
                vehicle="吉·演示01",
            ),
        )
        orders.append((order.order, customer.customer))
        if number == 2:
            scene.incomplete_id = customer.customer.id
    scene.order_id = orders[0][0].id
    await _round(session, scene, orders)


async def _round(session: AsyncSession, scene: Scene, orders: list[Any]) -> None:
    wang = scene.wang
    assert wang is not None
    scan = CylinderScan(code="35-018266", method="qr")
    loaded = CylindersLoaded(
        **wang.envelope("cylinders.loaded", NOW - timedelta(minutes=70), crossing(8, 8)),
        station_id=wang.unit_id,
        vehicle="吉·演示01",
        cylinders=(scan, CylinderScan(code="35-018268", method="nfc")),
    )
    refused = CylinderRefused(
        **wang.envelope("cylinder.refused", NOW - timedelta(minutes=71), crossing(8, 8)),
        scan=CylinderScan(code="35-018264", method="qr"),
        purpose="loading",
        reasons=("inspection_overdue",),
    )
    (first, customer), (second, other) = orders[0], orders[1]
    door = crossing(8, 5)
    check = gas.DeliveryChecked(
        **wang.envelope("delivery.checked", NOW - timedelta(minutes=16), door, task_id=first.id),
        customer_id=customer.id,
        items=tuple(
            gas.DeliveryCheckItem(item=item, result="pass")
            for item in ("upright", "room", "stove_distance", "hose", "flame_failure", "ventilation")
        ),
        passed=True,
    )
    delivered = gas.DeliveryCompleted(
        **wang.envelope("delivery.completed", NOW - timedelta(minutes=12), door, task_id=first.id),
        customer_id=customer.id,
        check_id=check.id,
        delivered=(scan,),
        returned=(),
        leak_test=gas.LeakTest(method="instrument", passed=True, reading_ppm=3.0),
        signature=gas.Signature(kind="written", receiver="演示-郑户", relation="self"),
        payment=gas.Payment(method="cash", amount_fen=12000),
    )
    missed = gas.VisitFailed(
        **wang.envelope("visit.failed", NOW - timedelta(minutes=6), crossing(8, 6), task_id=second.id),
        customer_id=other.id,
        outcome="not_home",
        notice_posted=True,
        door_gap_ppm=0.0,
        next_appointment=beijing_today() + timedelta(days=1),
    )
    await wang.send(session, refused, loaded, check, delivered, missed)
    await write_round(session, scene, orders, NOW)
