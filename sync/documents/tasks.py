"""What the office asks of a worker, written and signed by the backend alone."""

from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import BackendDocument, Id, Latitude, Longitude, Utc, Word, label
from sync.documents.patrol import PatrolMode

TaskStatus = Literal["open", "done", "withdrawn", "reassigned"]


class CheckPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place to be proved: `proof` is asked for, within `radius_m`, for `dwell_s`, at `accuracy_m` or better."""

    check_point_id: Id
    name: Word
    lon: Longitude
    lat: Latitude
    order: int
    proof: Literal["gps", "qr", "nfc"] = "gps"
    code: Word = ""
    radius_m: float = 15.0
    dwell_s: float = 0.0
    accuracy_m: float = 15.0
    items: tuple[Word, ...] = ()


class PatrolTask(BackendDocument, tag="task.patrol", frozen=True, kw_only=True):
    """Walk these pipes; their geometry is reference data of the unit (`reference.pipe`)."""

    staff_id: Id
    unit_id: Id
    title: Annotated[Word, label("任务", "Task")]
    area_name: Annotated[Word, label("巡线片区", "Patrol area")]
    pressure_levels: Annotated[tuple[Word, ...], label("压力级制", "Pressure levels")]
    start_at: Annotated[Utc, label("开始", "From")]
    due_at: Annotated[Utc, label("截止", "Due")]
    pipe_ids: tuple[Id, ...]
    length_m: Annotated[float, label("管长", "Length", unit="m")]
    check_points: tuple[CheckPoint, ...] = ()
    mode: PatrolMode = "walk"
    buffer_m: float = 15.0
    max_speed_mps: float = 2.5
    status: TaskStatus = "open"
    status_reason: Word = ""


class CustomerCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the driver must know of a customer. It travels with the task, so that no phone holds the whole ledger.

    Fields of E5.8.3-4; `identity_number_given` says that one is on record, the number itself stays in the office.
    """

    customer_id: Id
    code: Annotated[Word, label("客户代码", "Customer code")]
    name: Annotated[Word, label("客户姓名", "Name", personal=True)] = ""
    category: Annotated[Word, label("客户类别", "Category", choices="customer_category")] = ""
    phone: Annotated[Word, label("联系电话", "Phone", personal=True)] = ""
    address: Annotated[Word, label("用气地址", "Address", personal=True)] = ""
    identity_number_given: Annotated[bool, label("身份证号", "Identity number")] = False
    opened_on: Annotated[Word, label("开户时间", "Opened on")] = ""
    safety_officer: Annotated[Word, label("安全负责人", "Safety officer", personal=True)] = ""
    # 供用气合同: when the current one was signed; empty without one.
    agreement_on: Annotated[Word, label("合同签订", "Contract signed")] = ""
    lon: float | None = None
    lat: float | None = None


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    specification: Annotated[Word, label("气瓶规格", "Cylinder size")]
    quantity: Annotated[int, label("数量", "Quantity", ge=1)]


class DeliveryTask(BackendDocument, tag="task.delivery", frozen=True, kw_only=True):
    staff_id: Id
    unit_id: Id
    order_number: Annotated[Word, label("配送单号", "Order number")]
    title: Annotated[Word, label("任务", "Task")]
    station_id: Id
    customer: CustomerCard
    lines: tuple[OrderLine, ...]
    start_at: Annotated[Utc, label("开始", "From")]
    due_at: Annotated[Utc, label("截止", "Due")]
    attempt: int = 1
    vehicle: Word = ""
    status: TaskStatus = "open"
    status_reason: Word = ""
