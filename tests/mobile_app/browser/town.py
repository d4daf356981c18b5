"""What the office has sent to a phone in 松河县: the lists, a quarter's pipes, cylinders good and bad, three tasks."""

import io
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from PIL import Image, ImageDraw

from mobile_app.phone import Phone
from sync.documents.reference import ChoiceList, Facility, ListEntry, Pipe
from sync.documents.tasks import CheckPoint, CustomerCard
from tests.mobile_app import phones

PLANE = phones.PLANE


def entries(*rows: tuple[str, ...]) -> tuple[ListEntry, ...]:
    return tuple(ListEntry(**dict(zip(("code", "zh", "en", "icon", "help_zh"), row, strict=False))) for row in rows)


LISTS = {
    "hazard_type": entries(
        ("leak_sign", "泄漏迹象", "Leak sign", "leak"),
        ("encroachment", "占压", "Built over", "building"),
        ("third_party", "第三方施工", "Works", "works"),
        ("subsidence", "塌陷冻胀", "Subsidence", "subsidence"),
        ("marker", "标志桩", "Marker post", "marker"),
        ("manhole", "井盖积水", "Flooded pit", "water"),
        ("ice", "调压箱结冰", "Icy regulator", "ice"),
        ("pressure", "进出口压力", "Pressure", "pressure"),
        ("other", "其他", "Other", "other"),
    ),
    "hazard_grade": entries(("general", "一般", "General"), ("larger", "较大", "Larger"), ("major", "重大", "Major")),
    "hazard_source": entries(("patrol", "巡检", "Patrol"), ("delivery", "送气", "Delivery")),
    "machinery": entries(
        ("excavator", "挖掘机", "Excavator", "excavator"),
        ("drill", "钻机", "Drill", "drill"),
        ("crane", "吊车", "Crane", "crane"),
        ("jacking", "顶管机", "Pipe jacking", "other"),
        ("loader", "铲车", "Loader", "works"),
        ("by_hand", "人工", "By hand", "other"),
    ),
    "works_progress": entries(("start", "进场", "Started"), ("dig", "开挖", "Digging"), ("fill", "回填", "Backfill")),
    "unreachable_reason": entries(
        ("snow", "积雪覆盖", "Snow", "snow"),
        ("frozen", "井盖冻结", "Frozen lid", "ice"),
        ("fence", "围挡", "Fenced off", "fence"),
        ("other", "其他", "Other", "other"),
    ),
    "check_point_item": entries(
        ("leak", "泄漏迹象", "Leak sign", "leak"), ("ice", "调压箱结冰", "Icy regulator", "ice")
    ),
    "delivery_check_item": entries(
        ("upright", "气瓶直立", "Cylinder upright"),
        ("room", "不在卧室、地下、高层", "Not in bedroom or cellar"),
        ("distance", "瓶灶距", "Distance to the stove", "", "不小于 0.5 m"),
        ("hose", "软管", "Hose", "", "不超过 2 m，无接头，有卡箍，未老化"),
        ("regulator", "调压器在期", "Regulator in date"),
        ("flame", "灶具熄火保护", "Flame failure device"),
    ),
    "receiver_relation": entries(
        ("self", "本人", "Self"), ("family", "家人", "Family"), ("neighbour", "邻居", "Neighbour")
    ),
    "payment_method": entries(
        ("cash", "现金", "Cash"), ("transfer", "扫码付", "Transfer"), ("monthly", "月结", "Monthly")
    ),
    "customer_category": entries(
        ("residential", "居民", "Residential"),
        ("catering", "餐饮", "Restaurant"),
        ("commercial", "工商", "Commercial"),
        ("institution", "机关学校", "Institution"),
    ),
    "returned_cylinder_fault": entries(("foreign", "非本企业", "Not ours"), ("torn", "标签损坏", "Tag damaged")),
}

LISTS["delivery_check_item"] = tuple(
    msgspec.structs.replace(each, unit="m", limit=0.5) if each.code == "distance" else each
    for each in LISTS["delivery_check_item"]
)


def pipe(key: str, level: str, *corners: tuple[float, float], material: str = "PE100", diameter: str = "dn160") -> Pipe:
    line = tuple(PLANE.degrees(x, y) for x, y in corners)
    return Pipe(
        id=f"reference.pipe:{key}",
        code=key.upper(),
        pressure_level=level,
        material=material,
        diameter=diameter,
        length_m=300,
        line=line,
    )


PIPES = (
    pipe("zq1", "medium_a", (-300, 0), (0, 60), (320, 130)),
    pipe("zq2", "medium_a", (0, 60), (60, -200)),
    pipe("zq3", "medium_a", (60, -200), (390, -130)),
    pipe("zq4", "medium_a", (320, 130), (390, -130)),
    pipe("cg1", "sub_high_b", (-350, 240), (450, 400), material="钢管", diameter="D219×6.3"),
    pipe("zb1", "medium_b", (-200, 20), (-140, 290), material="PE80", diameter="dn110"),
    pipe("dy1", "low", (150, 92), (200, 300), material="PE80", diameter="dn63"),
    pipe("dy2", "low", (150, -180), (100, -330), material="PE80", diameter="dn63"),
)
FACILITIES = tuple(
    Facility(
        id=f"reference.facility:{key}",
        code=key,
        kind=kind,
        name=key,
        lon=PLANE.degrees(x, y)[0],
        lat=PLANE.degrees(x, y)[1],
    )
    for key, kind, x, y in (("F-01", "valve", 0, 60), ("T-01", "regulator_box", -170, 160))
)
POINTS = tuple(
    CheckPoint(
        check_point_id=f"p{order}",
        name=name,
        lon=PLANE.degrees(x, y)[0],
        lat=PLANE.degrees(x, y)[1],
        order=order,
        proof=proof,
        code=code,
        radius_m=20,
    )
    for order, (name, x, y, proof, code) in enumerate(
        (
            ("站前街阀井 F-05", -200, 20, "gps", ""),
            ("站前街调压箱 T-01", 200, 104, "qr", "CP-T01"),
            ("江沿路阀井 F-07", 60, -200, "nfc", "CP-F07"),
            ("江沿路标志桩 B-12", 300, -150, "gps", ""),
        ),
        start=1,
    )
)
NOW = datetime.now(UTC)
PATROL = msgspec.structs.replace(
    phones.PATROL,
    title="站前街片区巡线",
    area_name="站前街片区",
    pressure_levels=("medium_a",),
    pipe_ids=("zq1", "zq2", "zq3", "zq4"),
    length_m=1470,
    check_points=POINTS,
)
DELIVERY = msgspec.structs.replace(
    phones.DELIVERY,
    customer=CustomerCard(
        customer_id="c1",
        code="KH-0088",
        name="演示-赵用户",
        phone="100-0000-0001",
        address="林场小区3号楼 2-501",
        identity_number_given=True,
    ),
    lines=(msgspec.structs.replace(phones.DELIVERY.lines[0], quantity=1),),
    vehicle="吉·演示01",
)
INCOMPLETE = msgspec.structs.replace(
    DELIVERY,
    id="task.delivery:2",
    order_number="PS20261123002",
    customer=CustomerCard(customer_id="c2", code="KH-0102", name="演示-钱用户", address="江沿路 7 号"),
    start_at=NOW + timedelta(hours=1),
)
CYLINDERS = (
    phones.cylinder("SH0321187", manufacturer="松河制造", made_on=phones.TODAY - timedelta(days=900)),
    phones.cylinder("SH0118007", specification="YSP118", manufacturer="松河制造"),
    phones.cylinder("SH0314402", next_inspection_on=phones.TODAY - timedelta(days=43), manufacturer="松河制造"),
)


SETTINGS = msgspec.structs.replace(phones.SETTINGS, personal_key=phones.OFFICE_PEM)


async def lay_out(
    folder: Path, *, tasks: bool = True, before: Callable[[Phone], Awaitable[None]] | None = None
) -> None:
    """The phone of Li as it was after yesterday's sync, and after what he did `before`; no server is needed."""
    phones.lay_out(folder)
    phone = await phones.open_phone(folder)
    lists = [
        ChoiceList(id=f"reference.list:{name}", name=name, version=1, entries=found) for name, found in LISTS.items()
    ]
    phones.put(phone.stores.unit(phones.UNIT_ID), (SETTINGS, *lists, *PIPES, *FACILITIES, *CYLINDERS))
    if tasks:
        phones.put(phone.record_store(), (PATROL, DELIVERY, INCOMPLETE))
    if before:
        await before(phone)
    await phone.close()


def street_picture(*, shade: str = "#A98C7B") -> bytes:
    """A regulator box against a wall in snow, drawn."""
    image = Image.new("RGB", (1280, 960), shade)
    draw = ImageDraw.Draw(image)
    for row in range(0, 700, 70):
        for column in range(-100, 1280, 220):
            x = column + (110 if row % 140 else 0)
            draw.rectangle((x, row, x + 214, row + 64), outline="#8C7263", width=4)
    draw.rectangle((0, 700, 1280, 960), fill="#E9EFF5")
    draw.rectangle((480, 300, 800, 720), fill="#C3CBD4", outline="#667085", width=6)
    draw.rectangle((480, 480, 800, 530), fill="#F5B400")
    draw.polygon([(460, 300), (640, 230), (820, 300)], fill="#FFFFFF")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
