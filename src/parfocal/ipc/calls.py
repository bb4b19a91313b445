"""The tables by which a service decides on calls: who may ask, and what becomes of each. Pure.

They are guarded by the server's lock. A call is queued, running, or lately finished:

::

    queued ──begin──> running ──finish──> finished (its reply is kept for a while, then forgotten)
       └── cancelled or expired ──────────────^
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

from parfocal.core.errors import ClaimedError, ServiceUnavailableError
from parfocal.core.messages import Command, Interference, Introduction
from parfocal.ipc.codec import Part
from parfocal.ipc.command_table import BoundCommand
from parfocal.ipc.commands import Effect

Phase = Literal["queued", "running", "finished"]

LANE_CALLS, LANE_BYTES = 10_000, 256 * 2**20
"""What one lane holds in its queue before it refuses more."""
KEPT_CALLS, KEPT_BYTES, KEPT_NS = 256, 64 * 2**20, 300 * 10**9
"""How many replies of finished calls are kept, how large together, and how long."""


@dataclass(eq=False, slots=True)
class ActiveCall:
    """A call between its arrival and its reply.

    Attributes
    ----------
    id : str
        Unique among all calls of all clients.
    command, arguments, lane : BoundCommand, dict, str
        What is to be run, with what, and where.
    deadline_ns, arrived_ns, began_ns : int
        On the monotonic clock; no deadline if 0, not begun if 0.
    size : int
        Bytes of the message that it came in.
    caller : str
        Who asked for it.
    clients : list of bytes
        Who waits for it: routing ids.
    in_lane : bool
        Whether its job is still in the lane's queue: one that was cancelled there stays until its turn.
    """

    id: str
    command: BoundCommand
    arguments: dict[str, Any]
    lane: str
    clients: list[bytes]
    arrived_ns: int
    deadline_ns: int = 0
    size: int = 0
    caller: str = ""
    began_ns: int = 0
    phase: Phase = "queued"
    in_lane: bool = True


@dataclass(slots=True)
class _Lane:
    calls: int = 0
    size: int = 0
    running: ActiveCall | None = None


class CallTable:
    """The active calls by id and by lane, and the replies of those that finished lately.

    Replies are kept so that a client that comes back can fetch them: at most 256 of them, 64 MiB in all,
    for 5 minutes; the last one is kept whatever its size.
    """

    def __init__(self) -> None:
        self._active: dict[str, ActiveCall] = {}
        self._lanes: dict[str, _Lane] = {}
        self._kept: OrderedDict[str, tuple[int, int, list[Part]]] = OrderedDict()
        self._kept_bytes = 0

    def __contains__(self, id: str) -> bool:
        return id in self._active or id in self._kept

    def __len__(self) -> int:
        return len(self._active)

    @property
    def kept(self) -> tuple[int, int]:
        """How many replies of finished calls are kept, and their bytes."""
        return len(self._kept), self._kept_bytes

    @property
    def queued(self) -> tuple[int, int]:
        """How many calls wait in lanes, and the bytes of their messages."""
        sizes = [call.size for call in self._active.values() if call.phase == "queued"]
        return len(sizes), sum(sizes)

    def active(self) -> list[ActiveCall]:
        """Return the calls that are queued or running."""
        return list(self._active.values())

    def get(self, id: str) -> ActiveCall | None:
        """Return the call if it is queued or running."""
        return self._active.get(id)

    def running_in(self, lane: str) -> ActiveCall | None:
        """Return the call that runs in a lane now."""
        return self._lanes[lane].running if lane in self._lanes else None

    def reply_of(self, id: str) -> list[Part] | None:
        """Return the reply of a call that finished lately."""
        entry = self._kept.get(id)
        return entry[2] if entry else None

    def admit(self, call: ActiveCall) -> None:
        """Take in a call; it is queued. Raises `ServiceUnavailableError` if its lane is full."""
        lane = self._lanes.setdefault(call.lane, _Lane())
        if lane.calls >= LANE_CALLS or (lane.calls and lane.size + call.size > LANE_BYTES):
            held = f"{lane.calls} calls of {lane.size / 2**20:.0f} MiB"
            raise ServiceUnavailableError(f"lane {call.lane!r} holds {held} already; wait for some to finish")
        lane.calls += 1
        lane.size += call.size
        self._active[call.id] = call

    def begin(self, call: ActiveCall, now_ns: int) -> bool:
        """Take a call out of its lane's queue and let it run; False if it is over already."""
        lane = self._lanes[call.lane]
        lane.calls -= call.in_lane
        call.in_lane = False
        if call.phase != "queued":
            return False
        lane.size -= call.size
        lane.running = call
        call.phase, call.began_ns = "running", now_ns
        return True

    def finish(self, call: ActiveCall, reply: list[Part], now_ns: int) -> bool:
        """End a call and keep its reply; False if it is over already."""
        if call.phase == "finished":
            return False
        lane = self._lanes[call.lane]
        if call.phase == "queued":
            lane.size -= call.size
        elif lane.running is call:
            lane.running = None
        call.phase, call.arguments = "finished", {}
        del self._active[call.id]
        size = sum(map(len, reply))
        self._kept[call.id] = (now_ns, size, reply)
        self._kept_bytes += size
        self._forget(now_ns)
        return True

    def _forget(self, now_ns: int) -> None:
        while len(self._kept) > 1:
            kept_at, size, _ = next(iter(self._kept.values()))
            full = len(self._kept) > KEPT_CALLS or self._kept_bytes > KEPT_BYTES
            if not full and now_ns - kept_at < KEPT_NS:
                return
            self._kept.popitem(last=False)
            self._kept_bytes -= size


class ClaimTable:
    """Who the clients are, and for which run one of them has claimed the service.

    Attributes
    ----------
    holder : bytes
        The client whose claim it is; empty for nobody.
    run : str
        For which run.

    Examples
    --------
    >>> claims = ClaimTable("light")
    >>> claims.take(b"run", "overnight")
    >>> claims.introduce(b"shell", Introduction("a shell"))
    >>> claims.check(b"shell", Command("a-1", "set_power", force=True), "changes")
    Interference(command='set_power', caller='a shell', forced=True)
    >>> claims.holder, claims.run
    (b'run', 'overnight')
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._introductions: dict[bytes, Introduction] = {}
        self.holder, self.run = b"", ""

    def introduce(self, client: bytes, introduction: Introduction) -> None:
        """Take note of what a client says of itself."""
        self._introductions[client] = introduction

    def caller(self, client: bytes) -> str:
        """Return who a client is, for people."""
        introduction = self._introductions.get(client)
        return "a program that does not say who it is" if introduction is None else introduction.caller

    def take(self, client: bytes, run: str) -> None:
        """Claim the service; `ClaimedError` if another client has."""
        if self.holder not in (b"", client):
            raise ClaimedError(f"run {self.run!r} uses {self._service} already")
        self.holder, self.run = client, run

    def end(self, client: bytes) -> None:
        """End the claim, if it is this client's."""
        if self.holder == client:
            self.holder, self.run = b"", ""

    def gone(self, client: bytes) -> None:
        """Forget a client."""
        self._introductions.pop(client, None)
        self.end(client)

    def check(self, client: bytes, message: Command, effect: Effect) -> Interference | None:
        """Refuse a change by somebody else while a run claims the service.

        Return what the run is told of: a change that is forced, or what somebody else stops.

        Raises
        ------
        ClaimedError
            If it is not forced.
        """
        if self.holder in (b"", client) or effect == "reads":
            return None
        introduction = self._introductions.get(client)
        if introduction is not None and introduction.is_service:
            return None
        forced = effect == "changes"
        if forced and not message.force:
            raise ClaimedError(
                f"{self._service}.{message.name} is refused: run {self.run!r} uses {self._service}; wait "
                "for its end, cancel it, or force the command, which the run records"
            )
        return Interference(message.name, self.caller(client), forced)
