"""Decides what a service does with each message and each end of a command. Pure: no socket, thread, clock.

::

    read(parts) ──> Request ──receive──> Send, Run, Interrupt, MakeSafe
                       Run ──begin──> the command runs ──end──> Send
                      time ──tick───> Send (beats), MakeSafe
    a client is gone, or leaves too much unread ──> Interrupt, MakeSafe, Send

The server carries the actions out, in order, and guards all of this with its lock; `read` alone needs none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from parfocal.core import errors
from parfocal.core.messages import (
    PROTOCOL,
    Attach,
    Beat,
    Cancel,
    Command,
    EndClaim,
    ErrorInfo,
    Hello,
    Interference,
    Introduction,
    Lease,
    LeaseLost,
    Release,
    Reply,
    TakeClaim,
    ToService,
)
from parfocal.ipc import remote_errors
from parfocal.ipc.calls import ActiveCall, CallTable, ClaimTable
from parfocal.ipc.codec import Decoder, Part, encode
from parfocal.ipc.command_table import BoundCommand, CommandTable
from parfocal.ipc.commands import CommandInfo
from parfocal.ipc.lease_table import BEAT_NS, LeaseTable, LostLease, check_period
from parfocal.ipc.remote_errors import CLOSING

RELEASED = "its lease was released"
"""Why an output is made safe whose client has asked for that."""


class Send(msgspec.Struct, frozen=True):
    """Send a message to a client. `reply_to` is the call whose reply it is, "" for all that is no reply."""

    client: bytes
    parts: Sequence[Part]
    reply_to: str = ""


class Run(msgspec.Struct, frozen=True):
    """Have the lane of a call run it: `Dispatcher.begin`, the command, `Dispatcher.end`."""

    call: ActiveCall


class Interrupt(msgspec.Struct, frozen=True):
    """Tell a running command that it is to end."""

    call: ActiveCall
    reason: str


class MakeSafe(msgspec.Struct, frozen=True):
    """Bring an output to its safe value: the lease that kept it is over."""

    output: str
    reason: str


class SendNotice(msgspec.Struct, frozen=True):
    """Publish a notice."""

    topic: str
    payload: dict[str, Any]


Action = Send | Run | Interrupt | MakeSafe | SendNotice


class Request(msgspec.Struct, frozen=True):
    """A message that was decoded and checked; `error` says what is wrong with it."""

    message: ToService | None = None
    command: BoundCommand | None = None
    arguments: dict[str, Any] = {}
    size: int = 0
    error: ErrorInfo | None = None


class DispatcherStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a dispatcher did so far, and what it holds. Told as part of `ServerStatistics`."""

    calls: int
    outcomes: dict[str, int]
    undelivered: int
    queued: int
    queued_bytes: int
    running: int
    kept: int
    kept_bytes: int
    leases: int
    claimed_by: str


class Dispatcher:
    """Decides; what it is told and what it returns is plain data. Times are of the monotonic clock.

    Parameters
    ----------
    table : CommandTable
        What can be asked.
    hello : Hello
        What the built-in command ``hello`` answers.
    outputs : collection of str or None
        What can be leased by name, beside "" for all; None if nothing can be leased.
    """

    def __init__(self, table: CommandTable, hello: Hello, outputs: Collection[str] | None = None) -> None:
        self._table = table
        self._hello = hello
        self._outputs = outputs
        self._decoder: Decoder[ToService] = Decoder(ToService)
        self._calls = CallTable()
        self._leases = LeaseTable()
        self._beat_ns = 0  # when clients were last told that their calls last, while there are no leases
        self._claims = ClaimTable(hello.service)
        self._closing = False
        self._outcomes: Counter[str] = Counter()
        self._admitted = self._undelivered = 0

    # --- from clients

    def read(self, parts: Sequence[Any]) -> Request:
        """Decode a message and check its arguments; never raises. One thread at a time, without the lock."""
        message: ToService | None = None
        try:
            message = self._decoder.decode(parts)
            if not isinstance(message, Command) or message.name in self._BUILT_IN:
                return Request(message)
            _check_version(message, self._hello.service)
            command = self._table[message.name]
            arguments = command.check(message.positional, message.named)
            return Request(message, command, arguments, sum(map(len, parts)))
        except Exception as error:  # noqa: BLE001 (border of the receiver thread: the client gets it, others go on)
            return Request(message, error=_describe(self._hello.service, error, getattr(message, "name", "")))

    def receive(self, client: bytes, request: Request, now_ns: int) -> list[Action]:
        """Return what is to be done about a message."""
        if self._leases.held:
            self._leases.seen(client, now_ns)
        message = request.message
        id = "" if message is None else message.id
        if request.error is not None:
            return self._refuse(client, id, request.error)
        try:
            match message:
                case Command():
                    return self._command(client, message, request, now_ns)
                case Cancel():
                    return self._cancel(client, message, now_ns)
                case Attach():
                    return self._attach(client, message)
                case Lease():
                    return self._lease(client, message, now_ns)
                case Release():
                    return self._release(client, message)
                case Introduction():
                    self._claims.introduce(client, message)
                case TakeClaim():
                    self._claims.take(client, message.run)
                    return [Send(client, encode(Reply(message.id)), message.id)]
                case EndClaim():
                    self._claims.end(client)
                    return [Send(client, encode(Reply(message.id)), message.id)]
            return []
        except errors.CommandError as error:
            return self._refuse(
                client, id, _describe(self._hello.service, error, getattr(message, "name", ""))
            )

    def gone(self, client: bytes, now_ns: int) -> list[Action]:
        """Forget a client: its leases are lost, calls that nobody else waits for end by their policy."""
        self._claims.gone(client)
        actions: list[Action] = [
            MakeSafe(lost.kept, lost.reason)
            for lost in self._leases.gone(client)
            if isinstance(lost.kept, str)
        ]
        for call in self._calls.active():
            if client in call.clients:
                call.clients.remove(client)
                actions += [] if call.clients else self._orphan(call, "its client is gone", now_ns)
        return actions

    def undelivered(self, send: Send) -> list[Action]:
        """Note that a client leaves too much unread to be sent this; a lost result is told instead."""
        self._undelivered += 1
        if not send.reply_to:
            return []
        size = sum(map(len, send.parts)) / 2**20
        message = (
            f"the result of {size:.1f} MiB was not sent, because this client leaves too much unread; read on "
            f"and fetch it with attach_call({send.reply_to!r})"
        )
        info = _describe(self._hello.service, errors.ServiceUnavailableError(message), "")
        return [Send(send.client, encode(Reply(send.reply_to, error=info)))]

    # --- from lanes

    def begin(self, call: ActiveCall, now_ns: int) -> tuple[bool, list[Action]]:
        """Return whether a call is to run now: a lane has come to it."""
        if call.phase == "queued" and call.deadline_ns and now_ns >= call.deadline_ns:
            late = f"{self._named(call)} was still queued at its deadline and did not run"
            actions = self._fail(call, errors.DeadlineError(late), now_ns)
        else:
            actions = []
        return self._calls.begin(call, now_ns), actions

    def end(self, call: ActiveCall, outcome: str, reply: list[Part], now_ns: int) -> list[Action]:
        """Return what is to be done about the reply of a call."""
        if not self._calls.finish(call, reply, now_ns):
            return []
        self._outcomes[outcome] += 1
        if self._leases.held:
            for client in call.clients:
                self._leases.release(client, call)
        return [Send(client, reply, call.id) for client in call.clients]

    def progress(self, id: str, parts: Sequence[Part]) -> list[Action]:
        """Return what is to be done about a progress report."""
        call = self._calls.get(id)
        return [Send(client, parts) for client in call.clients] if call is not None else []

    # --- from the clock

    def next_tick_ns(self) -> int | None:
        """Return when `tick` is due; None while there is nothing to look after."""
        if self._leases.held:
            return self._leases.due_ns()
        return self._beat_ns + BEAT_NS if len(self._calls) else None

    def tick(self, now_ns: int) -> list[Action]:
        """Send beats to those who wait for calls that last, or hold leases; end what has run out."""
        if not self._leases.held:
            self._beat_ns = now_ns
            return self._beats(now_ns)
        lost, ask = self._leases.tick(now_ns)
        actions = [action for lease in lost for action in self._lose(lease, now_ns)]
        return [*actions, *self._beats(now_ns)] if ask else actions

    # --- from the service

    def made_safe(self, reason: str) -> list[Action]:
        """End the leases of outputs, and tell their clients: the service was made safe by somebody else."""
        return [
            Send(lost.client, encode(LeaseLost(str(lost.kept), lost.reason)))
            for lost in self._leases.made_safe(reason)
        ]

    # --- at the end

    def close(self, now_ns: int) -> list[Action]:
        """Take no more commands, and end those that there are: `ServiceUnavailableError` for who waits."""
        self._closing = True
        return [action for call in self._calls.active() for action in self._end(call, CLOSING, now_ns)]

    def abandon(self, now_ns: int) -> tuple[tuple[str, ...], list[Action]]:
        """Answer every call that is left with an error: nobody will finish it. Returns those that run."""
        left = self._calls.active()
        running = tuple(self._named(call) for call in left if call.phase == "running")
        gone = errors.ServiceUnavailableError(f"service {self._hello.service!r} closed before it answered")
        return running, [action for call in left for action in self._fail(call, gone, now_ns)]

    def statistics(self) -> DispatcherStatistics:
        """Return the counts."""
        queued, queued_bytes = self._calls.queued
        kept, kept_bytes = self._calls.kept
        return DispatcherStatistics(
            calls=self._admitted,
            outcomes=dict(self._outcomes),
            undelivered=self._undelivered,
            queued=queued,
            queued_bytes=queued_bytes,
            running=len(self._calls) - queued,
            kept=kept,
            kept_bytes=kept_bytes,
            leases=len(self._leases),
            claimed_by=self._claims.run,
        )

    def _command(self, client: bytes, message: Command, request: Request, now_ns: int) -> list[Action]:
        if request.command is None:
            return [
                Send(
                    client, encode(Reply(message.id, self._BUILT_IN[message.name](self, message))), message.id
                )
            ]
        if self._closing:
            raise errors.ServiceUnavailableError(f"service {self._hello.service!r} is closing")
        if message.id in self._calls:
            raise errors.ProtocolError(f"call id {message.id!r} was used before")
        interference = self._claims.check(client, message, request.command.info.effect)
        call = ActiveCall(
            message.id,
            request.command,
            request.arguments,
            request.command.lane(request.arguments),
            [client],
            now_ns,
            message.deadline_ns,
            request.size,
            self._claims.caller(client),
        )
        if message.lease_ns:
            check_period(message.lease_ns)
        self._calls.admit(call)
        self._admitted += 1
        if message.lease_ns:
            self._leases.take(client, call, message.lease_ns, now_ns)
        return [*self._told(interference), Run(call)]

    def _told(self, interference: Interference | None) -> list[Action]:
        """Tell the run that claims the service what others do with it, and everybody what is forced."""
        if interference is None:
            return []
        told: list[Action] = [Send(self._claims.holder, encode(interference))]
        if interference.forced:
            named = {"command": interference.command, "caller": interference.caller}
            payload = {**named, "run": self._claims.run}
            told.append(SendNotice("forced", payload))
        return told

    def _cancel(self, client: bytes, message: Cancel, now_ns: int) -> list[Action]:
        call = self._calls.get(message.call)
        phase = "finished" if call is None else call.phase
        ended = [] if call is None else self._end(call, message.reason, now_ns)
        return [*ended, Send(client, encode(Reply(message.id, phase)), message.id)]

    def _attach(self, client: bytes, message: Attach) -> list[Action]:
        reply, call = self._calls.reply_of(message.id), self._calls.get(message.id)
        if reply is not None:
            return [Send(client, reply, message.id)]
        if call is None:
            raise errors.UnknownCommandError(
                f"service {self._hello.service!r} knows no call {message.id!r}: results are kept for minutes"
            )
        if client not in call.clients:
            call.clients.append(client)
        return []

    def _lease(self, client: bytes, message: Lease, now_ns: int) -> list[Action]:
        if self._outputs is None:
            raise errors.BadArgumentsError(f"service {self._hello.service!r} has no outputs to lease")
        if message.output and message.output not in self._outputs:
            hint = errors.nearest(message.output, self._outputs)
            raise errors.BadArgumentsError(
                f"service {self._hello.service!r} has no output {message.output!r} to lease; {hint}"
            )
        self._leases.take(client, message.output, message.period_ns, now_ns)
        return [Send(client, encode(Reply(message.id)), message.id)]

    def _release(self, client: bytes, message: Release) -> list[Action]:
        held = self._leases.release(client, message.output)
        safe = [MakeSafe(message.output, RELEASED)] if held and message.make_safe else []
        return [*safe, Send(client, encode(Reply(message.id, held)), message.id)]

    def _lose(self, lost: LostLease, now_ns: int) -> list[Action]:
        """End what a silent client kept."""
        if isinstance(lost.kept, ActiveCall):
            alone = lost.kept.clients == [lost.client]
            return self._orphan(lost.kept, lost.reason, now_ns) if alone else []
        stated = encode(LeaseLost(str(lost.kept), lost.reason))
        return [MakeSafe(str(lost.kept), lost.reason), Send(lost.client, stated)]

    def _orphan(self, call: ActiveCall, reason: str, now_ns: int) -> list[Action]:
        """End a call that nobody waits for any more, if that is its policy."""
        return self._end(call, reason, now_ns) if call.command.info.on_client_loss == "cancel" else []

    def _beats(self, now_ns: int) -> list[Action]:
        held_up: dict[bytes, dict[str, str]] = {client: {} for client in self._leases.clients()}
        for call in self._calls.active():
            if now_ns - call.arrived_ns < BEAT_NS:
                continue  # it will be answered presently
            holder = self._calls.running_in(call.lane) if call.phase == "queued" else None
            for client in call.clients:
                waits = held_up.setdefault(client, {})
                if holder is not None:
                    lasts_s = (now_ns - holder.began_ns) / 1e9
                    waits[call.id] = f"{self._named(holder)}, which has run for {lasts_s:.1f} s"
        return [Send(client, encode(Beat(waits))) for client, waits in held_up.items()]

    def _end(self, call: ActiveCall, reason: str, now_ns: int) -> list[Action]:
        if call.phase == "running":
            return [Interrupt(call, reason)]
        message = f"{self._named(call)} was cancelled while queued: {reason or 'no reason given'}"
        return self._fail(call, errors.CancelledError(message, phase="queued", reason=reason), now_ns)

    def _fail(self, call: ActiveCall, error: errors.CommandError, now_ns: int) -> list[Action]:
        info = _describe(self._hello.service, error, call.command.info.name)
        return self.end(call, info.kind, encode(Reply(call.id, error=info)), now_ns)

    def _refuse(self, client: bytes, id: str, info: ErrorInfo) -> list[Action]:
        self._outcomes[info.kind] += 1
        return [Send(client, encode(Reply(id, error=info)), id)]

    def _named(self, call: ActiveCall) -> str:
        return f"{self._hello.service}.{call.command.info.name}"

    def _check_call(self, message: Command) -> CommandInfo:
        """Return what a call asks for that is not made; `CommandError` tells what is wrong with it."""
        name, *positional = message.positional or [""]
        command = self._table[str(name)]
        command.check(positional, message.named)
        return command.info

    _BUILT_IN: Mapping[str, Callable[[Dispatcher, Command], Any]] = {
        "ping": lambda dispatcher, _: dispatcher._hello.epoch,
        "hello": lambda dispatcher, _: dispatcher._hello,
        "commands": lambda dispatcher, _: dispatcher._table.describe(),
        "check_call": _check_call,
    }


def _describe(service: str, error: Exception, command: str) -> ErrorInfo:
    if isinstance(error, errors.CommandError):
        return remote_errors.refused(error, service, command)
    return remote_errors.raised(error, service, command)


def _check_version(message: Command, service: str) -> None:
    if message.version != PROTOCOL:
        raise errors.ProtocolError(
            f"the client speaks protocol {message.version}, service {service!r} speaks {PROTOCOL}; use one "
            "version of parfocal"
        )
