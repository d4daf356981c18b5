"""What must be on record of a customer before anything is delivered to him. Clause 5.8.3 (5.8.3-07)."""

from collections.abc import Sequence
from typing import Protocol

from sync.documents.customers import IdentityKind
from sync.documents.forms import form_of
from sync.documents.tasks import CustomerCard

# The number itself stays in the office; the card says that there is one.
_ON_CARD = {"identity_number": "identity_number_given"}
_LABELS = {field.name: field for field in form_of(CustomerCard)}


class Required(Protocol):
    """The company's settings, on the phone or in the office."""

    @property
    def customer_required_fields(self) -> tuple[str, ...]: ...
    @property
    def company_required_fields(self) -> tuple[str, ...]: ...
    @property
    def person_categories(self) -> tuple[str, ...]: ...


def missing_fields(card: CustomerCard, required: Sequence[str]) -> tuple[str, ...]:
    """The required fields that the card leaves open, in the order asked.

    A field that this program does not know counts as missing: a delivery is rather refused than let through.
    """
    return tuple(name for name in required if not _is_given(card, name))


def required_fields(card: CustomerCard, settings: Required) -> tuple[str, ...]:
    """What the company asks of this customer: of a company that is a customer, more."""
    required = tuple(settings.customer_required_fields)
    if not card.category or card.category in settings.person_categories:
        return required
    return (*required, *(name for name in settings.company_required_fields if name not in required))


def kind_of_identity(category: str, person_categories: Sequence[str]) -> IdentityKind:
    """身份证 of a person, 统一社会信用代码 of a company."""
    return "person" if not category or category in person_categories else "organisation"


def customer_field_label(name: str, language: str = "zh") -> str:
    field = _LABELS.get(_ON_CARD.get(name, name))
    return field.title(language) if field else name


def _is_given(card: CustomerCard, name: str) -> bool:
    value = getattr(card, _ON_CARD.get(name, name), None)
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value is not False
