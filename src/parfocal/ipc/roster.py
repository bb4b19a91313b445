"""The calls a server holds: queued, running, finished lately. Pure: the server's lock guards it.

::

    queued ──begin──> running ──finish──> finished (kept for a while, then forgotten)
       └── cancelled or expired ──────────────^
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

from parfocal.ipc.codec import Part
from parfocal.ipc.commands import BoundCommand
from parfocal.ipc.context import CallContext

Phase = Literal["queued", "running", "finished"]

KEPT_CALLS = 256
KEPT_BYTES = 64 * 2**20
KEPT_NS = 300 * 10**9


@dataclass(eq=False, slots=True)
class ActiveCall:
    """A call between its arrival and its reply.

    Attributes
    ----------
    context : CallContext
        Its id and deadline, and the wish to end it once it runs: what its command sees.
    clients : list of bytes
        Who waits for it: routing ids.
    """

    context: CallContext
    command: BoundCommand
    arguments: dict[str, Any]
    lane: str
    clients: list[bytes]
    arrived_ns: int
    phase: Phase = "queued"

    @property
    def id(self) -> str:
        """Its name among all calls."""
        return self.context.id


class Roster:
    """The active calls by id, and the replies of those that finished lately.

    Results are kept so that a client that comes back can fetch them: at most 256 of them, 64 MiB in all,
    for 5 minutes; the last one is kept whatever its size.
    """

    def __init__(self) -> None:
        self._active: dict[str, ActiveCall] = {}
        self._kept: OrderedDict[str, tuple[int, int, list[Part]]] = OrderedDict()
        self._kept_bytes = 0

    def __contains__(self, id: str) -> bool:
        return id in self._active or id in self._kept

    def __len__(self) -> int:
        return len(self._active)

    @property
    def kept(self) -> int:
        """How many replies of finished calls are kept."""
        return len(self._kept)

    def active(self) -> list[ActiveCall]:
        """Return the calls that are queued or running."""
        return list(self._active.values())

    def get(self, id: str) -> ActiveCall | None:
        """Return the call if it is queued or running."""
        return self._active.get(id)

    def reply_of(self, id: str) -> list[Part] | None:
        """Return the reply of a call that finished lately."""
        entry = self._kept.get(id)
        return entry[2] if entry else None

    def admit(self, call: ActiveCall) -> None:
        """Take in a call; it is queued."""
        self._active[call.id] = call

    def begin(self, call: ActiveCall) -> bool:
        """Let a queued call run; False if it is over already."""
        if call.phase != "queued":
            return False
        call.phase = "running"
        return True

    def finish(self, call: ActiveCall, reply: list[Part], now_ns: int) -> None:
        """End a call that is not over yet, and keep its reply."""
        call.phase = "finished"
        del self._active[call.id]
        size = sum(map(len, reply))
        self._kept[call.id] = (now_ns, size, reply)
        self._kept_bytes += size
        self._forget(now_ns)

    def _forget(self, now_ns: int) -> None:
        while len(self._kept) > 1:
            kept_at, size, _ = next(iter(self._kept.values()))
            full = len(self._kept) > KEPT_CALLS or self._kept_bytes > KEPT_BYTES
            if not full and now_ns - kept_at < KEPT_NS:
                return
            self._kept.popitem(last=False)
            self._kept_bytes -= size
