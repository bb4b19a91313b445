"""Outputs and calls that end when their client ends, or is silent for longer than its lease allows. Pure.

A client says what is bound, and how long it may be silent. Its receiver thread answers the service's beats,
also while the program computes or waits; so silence means that the whole process stands still.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from parfocal.core.errors import BadArgumentsError

BEAT_NS = 500_000_000
"""How often clients are asked for a sign of life; those that hold leases of short periods more often."""
SHORTEST_PERIOD_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class LostLease:
    """A lease that ended because of its client: what it kept is to end now.

    Attributes
    ----------
    kept : str or any
        An output, "" for all; or a call.
    client : bytes
        Whose lease it was.
    reason : str
        What became of the client.
    """

    kept: Hashable
    client: bytes
    reason: str


def check_period(period_ns: int) -> None:
    """Raise `BadArgumentsError` for a period below 0.1 s."""
    if period_ns < SHORTEST_PERIOD_NS:
        raise BadArgumentsError(f"the period of a lease is 0.1 s or more, not {period_ns / 1e9} s")


class LeaseTable:
    """Who keeps what, when each client was last heard of, and when to ask again.

    Attributes
    ----------
    held : dict of tuple to int
        The periods of the leases, ns, by client and what it keeps: to look at, not to change.

    Examples
    --------
    >>> leases = LeaseTable()
    >>> leases.take(b"notebook", "laser", period_ns=1_000_000_000, now_ns=0)
    >>> leases.tick(250_000_000)  # nothing is lost, and it is time to ask
    ([], True)
    >>> leases.seen(b"notebook", 300_000_000)
    >>> leases.tick(500_000_000), leases.tick(750_000_000), leases.tick(1_000_000_000)
    (([], True), ([], True), ([], True))
    >>> leases.due_ns()
    1250000000
    >>> leases.tick(1_300_000_000)
    ([LostLease(kept='laser', client=b'notebook', reason='its client was silent for 1.0 s')], True)
    >>> len(leases)
    0
    """

    def __init__(self) -> None:
        self.held: dict[tuple[bytes, Hashable], int] = {}
        self._seen_ns: dict[bytes, int] = {}
        self._asked_ns = 0

    def __len__(self) -> int:
        return len(self.held)

    def take(self, client: bytes, kept: Hashable, period_ns: int, now_ns: int) -> None:
        """Bind `kept` to `client`, or give it another period.

        Raises
        ------
        BadArgumentsError
            If the period is below 0.1 s.
        """
        check_period(period_ns)
        if not self.held:
            self._asked_ns = now_ns  # nobody was to be asked before, so nobody was forgotten
        self.held[client, kept] = period_ns
        self._seen_ns[client] = now_ns

    def release(self, client: bytes, kept: Hashable) -> bool:
        """Forget a lease; False if there was none."""
        known = self.held.pop((client, kept), None) is not None
        self._forget_silent()
        return known

    def clients(self) -> set[bytes]:
        """Return who holds a lease."""
        return set(self._seen_ns)

    def seen(self, client: bytes, now_ns: int) -> None:
        """Take note that something came from `client`."""
        if client in self._seen_ns:
            self._seen_ns[client] = now_ns

    def gone(self, client: bytes) -> list[LostLease]:
        """End all leases of a client whose connection is lost."""
        held = [key for key in self.held if key[0] == client]
        return [self._lose(key, "its client is gone") for key in held]

    def made_safe(self, reason: str) -> list[LostLease]:
        """End all leases of outputs: they were made safe, whatever their clients do."""
        return [self._lose(key, reason) for key in [*self.held] if isinstance(key[1], str)]

    def due_ns(self) -> int:
        """Return when `tick` is due: to ask, or because a lease runs out."""
        ends_ns = [self._seen_ns[key[0]] + period_ns for key, period_ns in self.held.items()]
        return min([self._asked_ns + self._ask_every_ns(), *ends_ns])

    def tick(self, now_ns: int) -> tuple[list[LostLease], bool]:
        """End the leases of clients that were silent for too long; return them, and whether to ask all now.

        Time in which this process itself stood still does not count: nobody was asked meanwhile.
        """
        every_ns = self._ask_every_ns()
        stalled_ns = max(0, now_ns - self._asked_ns - 2 * every_ns)
        self._seen_ns = {client: at + stalled_ns for client, at in self._seen_ns.items()}
        late = [
            (key, period_ns)
            for key, period_ns in self.held.items()
            if now_ns - self._seen_ns[key[0]] >= period_ns
        ]
        lost = [self._lose(key, f"its client was silent for {period / 1e9:.1f} s") for key, period in late]
        ask = now_ns >= self._asked_ns + every_ns
        if ask:
            self._asked_ns = now_ns
        return lost, ask

    def _ask_every_ns(self) -> int:
        return min([BEAT_NS, *(period_ns // 4 for period_ns in self.held.values())])

    def _lose(self, key: tuple[bytes, Hashable], reason: str) -> LostLease:
        del self.held[key]
        self._forget_silent()
        return LostLease(key[1], key[0], reason)

    def _forget_silent(self) -> None:
        holders = {client for client, _ in self.held}
        self._seen_ns = {client: at for client, at in self._seen_ns.items() if client in holders}
