"""What the rest asks of inspections; split by use case."""

from backend.inspections.service.batches import find_batch, list_batches, send_batch, withdraw_item
from backend.inspections.service.repairs import list_repairs, record_repair
from backend.inspections.service.result_files import take_results_file
from backend.inspections.service.results import record_results

__all__ = [
    "find_batch",
    "list_batches",
    "list_repairs",
    "record_repair",
    "record_results",
    "send_batch",
    "take_results_file",
    "withdraw_item",
]
