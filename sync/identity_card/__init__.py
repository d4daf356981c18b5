"""A customer's identity card, read from a photo: on the phone for the driver, and once more in the office."""

from sync.identity_card.fields import IdentityCard, doubts_of
from sync.identity_card.reading import TROUBLES, CardReading, can_read, read_card, read_identity_card

__all__ = ["TROUBLES", "CardReading", "IdentityCard", "can_read", "doubts_of", "read_card", "read_identity_card"]
