"""A phone whose worker has signed in before: his profile, his tasks and the office's data are on its disk, signed by
the office's key; no server is needed.
"""

import io
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

from device_bridge.models import Fix
from mobile_app.phone import Phone
from mobile_app.session import Databases, DeviceIds, Profile, Staff, Unit
from sync.databases import beijing_today, media_database, unit_database, user_database
from sync.documents.envelope import BackendDocument, encode_body
from sync.documents.reference import ChoiceList, CompanySettings, Cylinder, ListEntry, Pipe
from sync.documents.tasks import CheckPoint, CustomerCard, DeliveryTask, OrderLine, PatrolTask
from sync.rules.geometry import Plane
from sync.signatures import sign
from sync.store.store import Store

STAFF_ID, DEVICE_ID, UNIT_ID = "018f00000000700080000000000000a1", "018f00000000700080000000000000d1", "018f0000u7"
NUMBER, PASSWORD = "1001", "correct horse battery"
KEY = ec.derive_private_key(7, ec.SECP256R1())
KEY_ID = "k1"
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
OFFICE_KEY = ec.derive_private_key(11, ec.SECP256R1())
OFFICE_PEM = OFFICE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
# The cheapest setting: tests sign in often.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
PLANE = Plane.at(126.5, 43.8)
NOW = datetime.now(UTC)
TODAY = beijing_today()
NOWHERE = "http://127.0.0.1:9"

SETTINGS = CompanySettings(
    id="reference.settings:company",
    version=1,
    company_name="松河演示燃气有限公司",
    emergency_phone="100-0000-0000",
    leak_alarm_ppm=500,
    leak_emergency_ppm=10_000,
    customer_required_fields=("name", "phone", "address", "identity_number"),
)
CHECK_ITEMS = ChoiceList(
    id="reference.list:delivery_check_item",
    name="delivery_check_item",
    version=1,
    entries=(
        ListEntry(code="upright", zh="气瓶直立放置", en="Cylinder stands upright"),
        ListEntry(code="hose", zh="软管", en="Hose"),
    ),
)
PIPES = (
    Pipe(
        id="reference.pipe:main",
        code="M1",
        pressure_level="medium_a",
        length_m=200,
        line=(PLANE.degrees(0, 0), PLANE.degrees(200, 0)),
    ),
    Pipe(
        id="reference.pipe:side",
        code="S1",
        pressure_level="low",
        length_m=100,
        line=(PLANE.degrees(100, 20), PLANE.degrees(100, 120)),
    ),
)


def cylinder(code: str, **fields: object) -> Cylinder:
    good = Cylinder(
        id=f"reference.cylinder:{code.lower()}",
        code=code,
        specification="YSP35.5",
        tag_uid=f"04{code}",
        next_inspection_on=TODAY + timedelta(days=300),
        service_ends_on=TODAY + timedelta(days=900),
    )
    return msgspec.structs.replace(good, **fields)


CYLINDERS = (
    cylinder("SH0001"),
    cylinder("SH0002"),
    cylinder("SH0003", next_inspection_on=date(2020, 1, 1)),
    cylinder("SH0004", scrapped=True),
)
PATROL = PatrolTask(
    id="task.patrol:1",
    staff_id=STAFF_ID,
    unit_id=UNIT_ID,
    title="站前片区 中压A",
    area_name="站前片区",
    pressure_levels=("medium_a", "low"),
    start_at=NOW - timedelta(hours=1),
    due_at=NOW + timedelta(hours=8),
    pipe_ids=("main", "side"),
    length_m=300,
    check_points=(
        CheckPoint(
            check_point_id="gps",
            name="1号阀井",
            lon=PLANE.degrees(20, 0)[0],
            lat=PLANE.degrees(20, 0)[1],
            order=1,
            dwell_s=10,
        ),
        CheckPoint(check_point_id="qr", name="调压箱", lon=PLANE.lon, lat=PLANE.lat, order=2, proof="qr", code="CP-QR"),
        CheckPoint(
            check_point_id="nfc", name="标志桩", lon=PLANE.lon, lat=PLANE.lat, order=3, proof="nfc", code="CP-NFC"
        ),
    ),
)
CUSTOMER = CustomerCard(
    customer_id="c1",
    code="KH001",
    name="演示-张用户",
    phone="100-0000-0001",
    address="站前街 1 号",
    identity_number_given=True,
)
DELIVERY = DeliveryTask(
    id="task.delivery:1",
    staff_id=STAFF_ID,
    unit_id=UNIT_ID,
    order_number="PS20261123001",
    title="送气 2 瓶",
    station_id="station",
    customer=CUSTOMER,
    lines=(OrderLine(specification="YSP35.5", quantity=2),),
    start_at=NOW - timedelta(hours=1),
    due_at=NOW + timedelta(hours=8),
)


def signed(document: BackendDocument, key: ec.EllipticCurvePrivateKey = KEY) -> tuple[str, bytes]:
    fields = {**msgspec.json.decode(encode_body(document)), "_id": document.id}
    body = encode_body(msgspec.structs.replace(document, signature=sign(fields, key, KEY_ID)))
    return document.id, body


def put(store: Store, documents: Iterable[BackendDocument]) -> None:
    for document in documents:
        before = store.get(document.id)
        doc_id, body = signed(document)
        store.put(doc_id, body, rev=before.rev if before else None)


def lay_out(data_dir: Path, server_url: str = NOWHERE) -> None:
    """What an earlier sign-in has left on the phone's disk."""
    profile = Profile(
        device_id=DEVICE_ID,
        server_url=server_url,
        staff=Staff(staff_id=STAFF_ID, staff_number=NUMBER, name="演示-李巡检", company_name="松河演示燃气有限公司"),
        units=(Unit(unit_id=UNIT_ID, name="东门供应站"),),
        hub_url="/sync/",
        databases=Databases(
            user=(user_database(STAFF_ID, NOW),),
            media=(media_database(STAFF_ID, NOW),),
            units=(unit_database(UNIT_ID),),
        ),
        signing_keys={KEY_ID: PEM},
        password_hash=PASSWORD_HASH,
        refresh_token="r1",
    )
    for path, kept in (
        (data_dir / "profiles" / f"{DEVICE_ID}.json", profile),
        (data_dir / "devices.json", DeviceIds({NUMBER: DEVICE_ID}, NUMBER)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(kept))


async def open_phone(data_dir: Path, server_url: str = NOWHERE) -> Phone:
    """Signed in without a network."""
    phone = await Phone.open(data_dir, server_url)
    await phone.sign_in(NUMBER, PASSWORD)
    return phone


def give_office_key(phone: Phone) -> None:
    """A later sync has brought what personal texts are sealed with."""
    put(phone.stores.unit(UNIT_ID), [msgspec.structs.replace(SETTINGS, version=2, personal_key=OFFICE_PEM)])


def fill(phone: Phone) -> None:
    """What an earlier sync has brought."""
    put(phone.stores.unit(UNIT_ID), (SETTINGS, CHECK_ITEMS, *PIPES, *CYLINDERS))
    put(phone.record_store(), (PATROL, DELIVERY))


def fix_at(x: float, y: float, at: datetime, *, accuracy_m: float = 4, **fields: object) -> Fix:
    lon, lat = PLANE.degrees(x, y)
    return Fix(lon=lon, lat=lat, accuracy_m=accuracy_m, time_utc=at, **fields)  # type: ignore[arg-type]


def jpeg(shade: int = 120, size: tuple[int, int] = (640, 480)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (shade, 60, 200)).save(out, "JPEG")
    return out.getvalue()
