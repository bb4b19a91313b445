"""What travels between processes: frozen, versioned. Frames and rows never travel this way.

::

    client  ── Introduction, Command, Cancel, Attach, ... ──>  service
    client  <── Reply, Progress, Beat, LeaseLost, Interference  service  (one connection, many calls by id)
    anyone  <── Notice ──────────────────────────────────────  service  (published; another connection)
"""

from __future__ import annotations

from typing import Any

import msgspec

from parfocal.core.known_types import known

PROTOCOL = 3
"""Version of this protocol. A service refuses commands of another one, naming both."""


class Command(msgspec.Struct, frozen=True, array_like=True, tag="command"):
    """A call: do this, with these arguments, before that time.

    Attributes
    ----------
    id : str
        Unique among all calls of all clients.
    name : str
        The command's name in the service.
    positional, named : list, dict
        The arguments; numpy arrays among them travel as raw memory.
    deadline_ns : int
        On the machine's monotonic clock; 0 for none. An expired command that is still queued never runs.
    version : int
        `PROTOCOL` of the sender.
    lease_ns : int
        How long the client may be silent before it counts as gone for this call; 0 for as long as it likes.
    force : bool
        Do it although a run claims the service; that is recorded.
    """

    id: str
    name: str
    positional: list[Any] = []
    named: dict[str, Any] = {}
    deadline_ns: int = 0
    version: int = PROTOCOL
    lease_ns: int = 0
    force: bool = False


class Introduction(msgspec.Struct, frozen=True, array_like=True, tag="introduction"):
    """Who the client is: what a connection begins with. Has no reply.

    Attributes
    ----------
    caller : str
        What people are shown: "tracker", or "pull.py (pid 4711)".
    is_service : bool
        Whether it is a service of the rig, which acts on behalf of the run that claims another one.
    """

    caller: str
    is_service: bool = False
    id: str = ""


class TakeClaim(msgspec.Struct, frozen=True, array_like=True, tag="take_claim"):
    """Let only this client and the services of the rig change this service, until `EndClaim`, for `run`."""

    id: str
    run: str


class EndClaim(msgspec.Struct, frozen=True, array_like=True, tag="end_claim"):
    """End the claim of this client. The reply has no value."""

    id: str


class Cancel(msgspec.Struct, frozen=True, array_like=True, tag="cancel"):
    """Stop the call named `call`, because of `reason`. The reply says "queued", "running" or "finished"."""

    id: str
    call: str
    reason: str = ""


class Attach(msgspec.Struct, frozen=True, array_like=True, tag="attach"):
    """Send progress and reply of the call `id` here too; at once, if it has finished lately."""

    id: str


class Lease(msgspec.Struct, frozen=True, array_like=True, tag="lease"):
    """Make `output` safe when this client ends, or is silent for `period_ns`; replaces its earlier lease.

    Attributes
    ----------
    id : str
        Of this request; the reply has no value.
    output : str
        One of those that the service names; "" for all that the service switches.
    period_ns : int
        How long the client may be silent. Whatever it sends counts, answers to `Beat` above all.
    """

    id: str
    output: str
    period_ns: int


class Release(msgspec.Struct, frozen=True, array_like=True, tag="release"):
    """End the lease of `output`, which stays as it is, or is made safe first if `make_safe`."""

    id: str
    output: str
    make_safe: bool = False


class Alive(msgspec.Struct, frozen=True, array_like=True, tag="alive"):
    """The receiver thread of the client runs: its answer to a `Beat`. Has no reply."""

    id: str = ""


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call has no result.

    Attributes
    ----------
    kind : str
        Name of the `parfocal.core.errors.CommandError` that the caller gets.
    message : str
        What happened, naming the service.
    service, command : str
        Whom, and what.
    remote_type, remote_traceback : str
        The exception's class and traceback in the service, if it was raised by the command.
    phase, reason : str
        Of a cancelled call.
    """

    kind: str
    message: str
    service: str = ""
    command: str = ""
    remote_type: str = ""
    remote_traceback: str = ""
    phase: str = ""
    reason: str = ""


class Reply(msgspec.Struct, frozen=True, array_like=True, tag="reply"):
    """The end of a call: a value, or an error.

    Attributes
    ----------
    id : str
        The call; "" where the service could not read whose it was.
    value : any
        Plain values and arrays.
    error : ErrorInfo or None
        Why there is no value.
    kind : str
        What the value was, "module:Class", if its command declares a dataclass or a struct.
    """

    id: str
    value: Any = None
    error: ErrorInfo | None = None
    kind: str = ""


class Progress(msgspec.Struct, frozen=True, array_like=True, tag="progress"):
    """How far a call has come.

    Attributes
    ----------
    id : str
        The call.
    fraction : float
        0 to 1.
    text : str
        In words.
    data : any
        What there is already: plain values and arrays.
    """

    id: str
    fraction: float
    text: str = ""
    data: Any = None


class Beat(msgspec.Struct, frozen=True, array_like=True, tag="beat"):
    """Sent while calls last or leases are held: it cannot reach a client that is gone; others answer `Alive`.

    Attributes
    ----------
    held_up : dict of str to str
        The client's queued calls by id, each with what runs in its lane, such as "stage.move_to, which has
        run for 3.2 s".
    """

    held_up: dict[str, str] = {}


class LeaseLost(msgspec.Struct, frozen=True, array_like=True, tag="lease_lost"):
    """The service has made `output` safe and ended its lease, because of `reason`."""

    output: str
    reason: str


class Interference(msgspec.Struct, frozen=True, array_like=True, tag="interference"):
    """While this client claims the service, `caller` has it run `command`: forced, or one that stops."""

    command: str
    caller: str
    forced: bool


ToService = Command | Introduction | Cancel | Attach | Lease | Release | Alive | TakeClaim | EndClaim
ToClient = Reply | Progress | Beat | LeaseLost | Interference


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened in a service.

    Attributes
    ----------
    service, topic : str
        Where, and what kind: "settings", "log", "state" ...
    sequence : int
        Counts the notices of one topic, from 1, without gaps; begins anew when the service does.
    time_ns : int
        On the machine's monotonic clock.
    payload : any
        Plain values and arrays.
    epoch : int
        Differs between two lives of one service.
    """

    service: str
    topic: str
    sequence: int
    time_ns: int
    payload: Any = None
    epoch: int = 0


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves: the answer to the built-in command ``hello``.

    Attributes
    ----------
    service : str
        Its name.
    pid : int
        Its process.
    version : str
        Of parfocal.
    protocol : int
        Of its messages.
    epoch : int
        When it began to serve, nanoseconds of the monotonic clock: differs between two lives of one service.
    details : dict
        What the service adds: identity, capabilities, ...
    """

    service: str
    pid: int
    version: str
    protocol: int = PROTOCOL
    epoch: int = 0
    details: dict[str, Any] = {}


known(
    Command,
    Introduction,
    TakeClaim,
    EndClaim,
    Cancel,
    Attach,
    Lease,
    Release,
    Alive,
    ErrorInfo,
    Reply,
    Progress,
    Beat,
    LeaseLost,
    Interference,
    Notice,
    Hello,
)
