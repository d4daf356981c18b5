"""How much goes into one request: what the link carries in a few seconds, so that a break costs little."""

# A link that breaks off every 20 seconds then loses a tenth of what it carries.
REQUEST_S = 4.0
# The least that is tried: below it a request's own words weigh more than what it carries.
SMALLEST_BYTES = 16_000


class Pace:
    """`batch_bytes` follows the link, never above what it began with."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = self.batch_bytes = most_bytes

    def carried(self, size_bytes: int, seconds: float) -> None:
        """A request of this size was answered after so long."""
        if seconds > REQUEST_S:
            self._set(size_bytes / seconds * REQUEST_S)
        elif seconds < REQUEST_S / 2:
            self._set(self.batch_bytes * 2)

    def broke(self) -> None:
        """A request was not answered."""
        self._set(self.batch_bytes / 2)

    def _set(self, size_bytes: float) -> None:
        self.batch_bytes = min(self._most_bytes, max(SMALLEST_BYTES, int(size_bytes)))
