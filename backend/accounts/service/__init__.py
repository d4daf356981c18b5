"""What the rest of the backend asks of accounts; split by use case."""

from backend.accounts.service.authentication import authenticate, console_caller
from backend.accounts.service.clients import create_client, issue_client_token, list_clients, withdraw_client
from backend.accounts.service.devices import (
    active_device_ids,
    list_devices,
    reinstate_device,
    report_status,
    revoke_device,
)
from backend.accounts.service.directory import find_person, list_people, roles_to_give
from backend.accounts.service.organisations import (
    create_organisation,
    find_company,
    find_organisation,
    list_organisations,
    same_company,
    units_under,
)
from backend.accounts.service.own_password import change_password_here
from backend.accounts.service.passwords import hash_password
from backend.accounts.service.sign_in import (
    close_console_session,
    delete_expired,
    open_console_session,
    refresh,
    sign_in,
    sign_out,
)
from backend.accounts.service.staff import (
    change_own_password,
    create_staff,
    find_staff,
    grant_role,
    list_staff,
    reset_password,
    roles_of,
    set_active,
    set_units,
    staff_names,
    staff_of_unit,
    units_of,
    withdraw_role,
)

__all__ = [
    "active_device_ids",
    "authenticate",
    "change_own_password",
    "change_password_here",
    "close_console_session",
    "console_caller",
    "create_client",
    "create_organisation",
    "create_staff",
    "delete_expired",
    "find_company",
    "find_organisation",
    "find_person",
    "find_staff",
    "grant_role",
    "hash_password",
    "issue_client_token",
    "list_clients",
    "list_devices",
    "list_organisations",
    "list_people",
    "list_staff",
    "open_console_session",
    "refresh",
    "reinstate_device",
    "report_status",
    "reset_password",
    "revoke_device",
    "roles_of",
    "roles_to_give",
    "same_company",
    "set_active",
    "set_units",
    "sign_in",
    "sign_out",
    "staff_names",
    "staff_of_unit",
    "units_of",
    "units_under",
    "withdraw_client",
    "withdraw_role",
]
