"""What the rest of the backend asks of certificates; split by use case."""

from backend.certificates.service.holders import find_holder, holders_by_id, holders_named, holders_of, list_holders
from backend.certificates.service.keeping import (
    change_certificate,
    create_certificate,
    issue_certificate,
    when_changed,
    withdraw_certificate,
)
from backend.certificates.service.listing import (
    LIST_OF,
    all_of,
    companies_without,
    expiry,
    find_certificate,
    handhelds_without,
    list_certificates,
    newest_of,
)
from backend.certificates.service.sending import documents_of, post_everywhere

__all__ = [
    "LIST_OF",
    "all_of",
    "change_certificate",
    "companies_without",
    "create_certificate",
    "documents_of",
    "expiry",
    "find_certificate",
    "find_holder",
    "handhelds_without",
    "holders_by_id",
    "holders_named",
    "holders_of",
    "issue_certificate",
    "list_certificates",
    "list_holders",
    "newest_of",
    "post_everywhere",
    "when_changed",
    "withdraw_certificate",
]
