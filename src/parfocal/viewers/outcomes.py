"""What became of the images that a viewer has received: painted, or not and why. Thread-safe, bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict

KEPT = 10_000


class Outcomes:
    """Outcomes by ticket; the last ten thousand are kept for those who ask later.

    Examples
    --------
    >>> outcomes = Outcomes()
    >>> outcomes.expect("t1", images=2)
    >>> outcomes.settle("t1"), outcomes.wait("t1", 0.0)
    (None, None)
    >>> outcomes.settle("t1"), outcomes.wait("t1", 0.0)
    (None, 'shown')
    >>> outcomes.wait("t9", 0.0)
    'failed: this viewer has not received it'
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._left: dict[str, int] = {}
        self._ended: OrderedDict[str, str] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many tickets have been received and not been painted yet."""
        return len(self._left)

    def expect(self, ticket: str, images: int) -> None:
        """Take in a ticket for so many images."""
        with self._changed:
            self._left[ticket] = images

    def settle(self, ticket: str, failure: str = "") -> None:
        """Count an image of a ticket as painted, or as failed; the first failure ends the ticket."""
        with self._changed:
            if ticket not in self._left:
                return
            self._left[ticket] -= 1
            if not failure and self._left[ticket] > 0:
                return
            del self._left[ticket]
            self._ended[ticket] = f"failed: {failure}" if failure else "shown"
            if len(self._ended) > KEPT:
                self._ended.popitem(last=False)
            self._changed.notify_all()

    def wait(self, ticket: str, timeout_s: float) -> str | None:
        """Return "shown" or "failed: why"; None if neither is so within `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: ticket not in self._left, timeout_s)
            if ticket in self._left:
                return None
            return self._ended.get(ticket, "failed: this viewer has not received it")
