"""Real-name registration (实名登记) and a customer's papers, recorded at his door. Clauses 5.8.3, 5.8.4."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from sync.documents.envelope import Id, Record, Word, label

IdentityKind = Literal["person", "organisation"]
IdentityEntry = Literal["keyed", "scanned"]
PaperKind = Literal["agreement", "safety_notice", "fittings", "in_home_check"]
# Base64 of a sealed text; the longest that a form can hold stays below it.
Sealed = Annotated[str, msgspec.Meta(max_length=16_000)]


class CustomerPersonal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What travels sealed (`sync.sealed`) in a `customer.completed`: fields of E5.8.3-4, empty where not asked."""

    name: Annotated[Word, label("客户姓名", "Name", personal=True)] = ""
    phone: Annotated[
        str, label("联系电话", "Phone", personal=True, max_length=30, pattern=r"^(\+?[0-9][0-9 -]{4,24}[0-9])?$")
    ] = ""
    identity_number: Annotated[str, label("证件号码", "Identity number", personal=True, max_length=30)] = ""
    district: Annotated[Word, label("城区", "District", personal=True)] = ""
    street: Annotated[Word, label("街道", "Street office", personal=True)] = ""
    community: Annotated[Word, label("社区", "Community", personal=True)] = ""
    road: Annotated[Word, label("小区或道路", "Estate or road", personal=True)] = ""
    house: Annotated[Word, label("门牌号", "House number", personal=True)] = ""
    safety_officer: Annotated[Word, label("安全负责人", "Safety officer", personal=True)] = ""


class CustomerCompleted(Record, tag="customer.completed", frozen=True, kw_only=True):
    """What was missing of a customer's record, taken down at his door (5.8.3-07); `given` names it, `sealed` holds it.

    `identity_photo` is the card's or the licence's picture; `identity_entry`: did the phone read the number from it.
    """

    customer_id: Id
    given: Annotated[tuple[Word, ...], label("补全的内容", "Completed fields", min_length=1, max_length=20)]
    category: Annotated[Word, label("客户类别", "Category", choices="customer_category")] = ""
    identity_kind: Annotated[IdentityKind, label("证件类别", "Kind of identity")] = "person"
    identity_photo: Annotated[Word, label("证件照片", "Photo of the card", personal=True)] = ""
    identity_entry: Annotated[IdentityEntry, label("号码录入", "How the number was entered")] = "keyed"
    sealed: Sealed = ""


class CustomerPaperDone(Record, tag="customer.paper_done", frozen=True, kw_only=True):
    """供用气合同 and the like, photographed where it was signed or done; the office reviews it (E5.8.3-6)."""

    customer_id: Id
    kind: Annotated[PaperKind, label("资料", "Paper")]
    number: Annotated[Word, label("合同编号", "Contract number")] = ""
    valid_until: Annotated[date, label("有效期至", "Valid until")] | None = None
