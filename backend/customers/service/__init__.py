"""What the rest asks of customers; split by use case: the ledger, what workers brought home, papers, personal texts."""

from backend.customers.schemas import CustomerLine
from backend.customers.service.cards import read_next_card
from backend.customers.service.compared import compare_cards
from backend.customers.service.gas_alarms import CHECK_ITEM, find_gas_alarm, note_checks, set_gas_alarm
from backend.customers.service.ledger import (
    address_of,
    card,
    change_customer,
    communities_of,
    create_customer,
    erase_customer,
    find_customer,
    found_by_phone,
    list_customers,
    missing_of,
    names_of,
    own_ids,
    reveal_identity,
    when_changed,
)
from backend.customers.service.papers import PAPERS, agreements_of, list_paper_records
from backend.customers.service.personal import (
    Personal,
    delete_pictures_of_the_erased,
    note_pictures,
    opened,
    seal_for,
    unseal_for,
)
from backend.customers.service.recording import (
    Paper,
    drop_papers,
    record_papers,
    registration,
    set_paper,
    take_completions,
    take_papers,
    when_completed,
)
from backend.customers.service.reporting import regulator_items

__all__ = [
    "CHECK_ITEM",
    "PAPERS",
    "CustomerLine",
    "Paper",
    "Personal",
    "address_of",
    "agreements_of",
    "card",
    "change_customer",
    "communities_of",
    "compare_cards",
    "create_customer",
    "delete_pictures_of_the_erased",
    "drop_papers",
    "erase_customer",
    "find_customer",
    "find_gas_alarm",
    "found_by_phone",
    "list_customers",
    "list_paper_records",
    "missing_of",
    "names_of",
    "note_checks",
    "note_pictures",
    "opened",
    "own_ids",
    "read_next_card",
    "record_papers",
    "registration",
    "regulator_items",
    "reveal_identity",
    "seal_for",
    "set_gas_alarm",
    "set_paper",
    "take_completions",
    "take_papers",
    "unseal_for",
    "when_changed",
    "when_completed",
]
