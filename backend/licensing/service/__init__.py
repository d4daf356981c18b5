"""What pages and routes ask of licensing; split by side: the applicant's, the authority's, and what both see."""

from backend.licensing.service.applying import (
    ROLES,
    add_attachment,
    change_application,
    create_application,
    remove_attachment,
    submit,
    withdraw,
)
from backend.licensing.service.reviewing import accept, approve, refuse, send_back
from backend.licensing.service.showing import (
    count_waiting,
    find_application,
    list_applications,
    open_attachment,
)

__all__ = [
    "ROLES",
    "accept",
    "add_attachment",
    "approve",
    "change_application",
    "count_waiting",
    "create_application",
    "find_application",
    "list_applications",
    "open_attachment",
    "refuse",
    "remove_attachment",
    "send_back",
    "submit",
    "withdraw",
]
