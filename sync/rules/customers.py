"""What must be on record of a customer before anything is delivered to him. Clause 5.8.3 (5.8.3-07)."""

from collections.abc import Sequence

from sync.documents.forms import form_of
from sync.documents.tasks import CustomerCard

# The number itself stays in the office; the card says that there is one.
_ON_CARD = {"identity_number": "identity_number_given"}
_LABELS = {field.name: field for field in form_of(CustomerCard)}


def missing_fields(card: CustomerCard, required: Sequence[str]) -> tuple[str, ...]:
    """The required fields that the card leaves open, in the order asked.

    A field that this program does not know counts as missing: a delivery is rather refused than let through.
    """
    return tuple(name for name in required if not _is_given(card, name))


def customer_field_label(name: str, language: str = "zh") -> str:
    field = _LABELS.get(_ON_CARD.get(name, name))
    return field.title(language) if field else name


def _is_given(card: CustomerCard, name: str) -> bool:
    value = getattr(card, _ON_CARD.get(name, name), None)
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value is not False
