"""What becomes of each message that a service receives. Sockets are elsewhere: `post` sends.

A command is checked, queued in its lane, run there, and answered from there. Everything else (ping, hello,
commands, cancel, attach) is answered on the spot, whatever the lanes are doing.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import msgspec

from parfocal.core import errors
from parfocal.core.clock import Clock
from parfocal.core.messages import (
    PROTOCOL,
    Attach,
    Beat,
    Cancel,
    Command,
    ErrorInfo,
    Hello,
    Progress,
    Reply,
    ToService,
)
from parfocal.ipc import faults
from parfocal.ipc.codec import Decoder, Part, encode
from parfocal.ipc.commands import MAIN, CommandTable
from parfocal.ipc.context import CallContext, run_within
from parfocal.ipc.lanes import Lanes
from parfocal.ipc.reception import LASTING_S
from parfocal.ipc.roster import ActiveCall, Roster

LANE_LIMIT = 10_000
"""Calls that one lane holds before it refuses more."""
CLOSING = "the service is closing"

Post = Callable[[bytes, Sequence[Part]], bool]
"""Send parts to a client without blocking; False if it is gone or does not read."""

_BEAT = encode(Beat())


class ServerStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a server did so far, and what it holds.

    Attributes
    ----------
    calls : int
        Commands admitted.
    outcomes : dict of str to int
        How they ended: "done", or the kind of error; refused ones are among them.
    undelivered : int
        Messages that a client was not there, or too slow, to take.
    queued, running, kept : int
        Calls waiting in lanes, calls being executed, and results kept for clients that come back.
    """

    calls: int
    outcomes: dict[str, int]
    undelivered: int
    queued: int
    running: int
    kept: int


class Desk:
    """Takes messages, gives replies.

    `lock` guards everything, `post` included: `handle`, `beat` and `cancel_all` are called with it held.
    `expect_lasting` is called when a command of the main lane comes that lasted when it ran last.
    """

    def __init__(
        self,
        table: CommandTable,
        lanes: Lanes,
        service: str,
        details: Mapping[str, Any],
        post: Post,
        expect_lasting: Callable[[], None],
        clock: Clock,
    ) -> None:
        self.lock = threading.Lock()
        self._table = table
        self._lanes = lanes
        self._post = post
        self._expect_lasting = expect_lasting
        self._clock = clock
        self._decoder: Decoder[ToService] = Decoder(ToService)
        self._roster = Roster()
        self._closing = False
        self._lasting: set[str] = set()
        self._queued: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._calls = self._undelivered = 0
        self.hello = Hello(
            service=service,
            pid=os.getpid(),
            version=version("parfocal"),
            epoch=clock.monotonic_ns(),
            details=dict(details),
        )

    @property
    def busy(self) -> bool:
        """Whether any call is queued or running."""
        return len(self._roster) > 0

    def handle(self, client: bytes, parts: Sequence[Any]) -> None:
        """Do what a message asks, or answer why not. Never raises for what a client sends."""
        id = name = ""
        try:
            message = self._decoder.decode(parts)
            id = message.id
            if isinstance(message, Command):
                name = message.name
                self._command(client, message)
            elif isinstance(message, Cancel):
                self._answer(client, id, self._cancel(message))
            else:
                self._attach(client, message)
        except errors.CommandError as error:
            self._outcomes[type(error).__name__] += 1
            self._tell(client, encode(Reply(id, error=faults.refused(error, self.hello.service, name))))
        except Exception as error:  # noqa: BLE001 (border of the thread that hears everybody: it goes on)
            self._outcomes[type(error).__name__] += 1
            self._tell(client, encode(Reply(id, error=faults.raised(error, self.hello.service, name))))

    def beat(self, age_ns: int) -> None:
        """Find out which clients are gone, and end by policy the calls that nobody waits for any more.

        Only for calls that are as old as `age_ns`: the others will be answered presently.
        """
        old_ns = self._clock.monotonic_ns() - age_ns
        calls = [call for call in self._roster.active() if call.arrived_ns <= old_ns]
        clients = {client for call in calls for client in call.clients}
        gone = {client for client in clients if not self._post(client, _BEAT)}
        for call in calls if gone else ():
            call.clients = [client for client in call.clients if client not in gone]
            if not call.clients and call.command.info.on_client_loss == "cancel":
                self._end(call, "its client is gone")

    def cancel_all(self) -> None:
        """Take no more commands, and end those that there are."""
        self._closing = True
        for call in self._roster.active():
            self._end(call, CLOSING)

    def abandon_all(self) -> tuple[str, ...]:
        """Give every call that is left an error: nobody will finish it. Return those that still run."""
        left = self._roster.active()
        running = tuple(str(call.context) for call in left if call.phase == "running")
        for call in left:
            gone = errors.ServiceUnavailableError(f"service {self.hello.service!r} closed before it answered")
            self._fail(call, gone)
        return running

    def statistics(self) -> ServerStatistics:
        """Return the counts."""
        with self.lock:
            phases = Counter(call.phase for call in self._roster.active())
            return ServerStatistics(
                calls=self._calls,
                outcomes=dict(self._outcomes),
                undelivered=self._undelivered,
                queued=phases["queued"],
                running=phases["running"],
                kept=self._roster.kept,
            )

    def _command(self, client: bytes, message: Command) -> None:
        if message.version != PROTOCOL:
            raise errors.ProtocolError(
                f"the client speaks protocol {message.version}, service {self.hello.service!r} speaks "
                f"{PROTOCOL}; use one version of parfocal"
            )
        if message.name in self._BUILT_IN:
            self._answer(client, message.id, self._BUILT_IN[message.name](self))
            return
        command = self._table[message.name]
        arguments = command.check(message.positional, message.named)
        lane = command.lane(arguments)
        self._refuse_if_full(message, lane)
        context = CallContext(
            message.id, self.hello.service, message.name, message.deadline_ns, self._report, self._clock
        )
        call = ActiveCall(context, command, arguments, lane, [client], self._clock.monotonic_ns())
        self._roster.admit(call)
        self._calls += 1
        self._queued[lane] += 1
        self._lanes.submit(lane, partial(self._work, call))
        if lane == MAIN and message.name in self._lasting:
            self._expect_lasting()

    def _refuse_if_full(self, message: Command, lane: str) -> None:
        if self._closing:
            raise errors.ServiceUnavailableError(f"service {self.hello.service!r} is closing")
        if message.id in self._roster:
            raise errors.ProtocolError(f"call id {message.id!r} was used before")
        if self._queued[lane] >= LANE_LIMIT:
            raise errors.ServiceUnavailableError(
                f"lane {lane!r} of {self.hello.service!r} holds {LANE_LIMIT} calls; wait for some to finish"
            )

    def _cancel(self, message: Cancel) -> str:
        call = self._roster.get(message.call)
        if call is None:
            return "finished"
        phase = call.phase
        self._end(call, message.reason)
        return phase

    def _attach(self, client: bytes, message: Attach) -> None:
        reply = self._roster.reply_of(message.id)
        call = self._roster.get(message.id)
        if reply is not None:
            self._tell(client, reply)
        elif call is None:
            raise errors.UnknownCommandError(
                f"service {self.hello.service!r} knows no call {message.id!r}: results are kept for minutes"
            )
        elif client not in call.clients:
            call.clients.append(client)

    def _end(self, call: ActiveCall, reason: str) -> None:
        if call.phase == "running":
            call.context.cancel(reason)
            return
        message = f"{call.context} was cancelled while queued: {reason or 'no reason given'}"
        self._fail(call, errors.CancelledError(message, phase="queued", reason=reason))

    def _work(self, call: ActiveCall) -> None:
        """Run a call, in its lane's thread."""
        with self.lock:
            self._queued[call.lane] -= 1
            if call.phase == "queued" and call.context.remaining_s() == 0.0:
                late = f"{call.context} was still queued at its deadline and did not run"
                self._fail(call, errors.DeadlineError(late))
            if not self._roster.begin(call):
                return
        began_ns = self._clock.monotonic_ns()
        outcome, reply = self._execute(call)
        with self.lock:
            self._finish(call, outcome, reply)
            lasted = self._clock.monotonic_ns() - began_ns > LASTING_S * 1e9
            (self._lasting.add if lasted else self._lasting.discard)(call.command.info.name)

    def _execute(self, call: ActiveCall) -> tuple[str, list[Part]]:
        context = call.context
        try:
            value = run_within(context, call.command.run, call.arguments)
            return "done", encode(Reply(call.id, value, kind=call.command.info.result))
        except (errors.CancelledError, errors.DeadlineError) as error:
            own = context.cancelled or context.remaining_s() == 0.0
            describe = faults.refused if own else faults.raised
            return self._failure(call, describe(error, context.service, context.command))
        except BaseException as error:  # noqa: BLE001 (border of a callback: the caller gets it, the lane lives)
            return self._failure(call, faults.raised(error, context.service, context.command))

    def _failure(self, call: ActiveCall, info: ErrorInfo) -> tuple[str, list[Part]]:
        return info.kind, encode(Reply(call.id, error=info))

    def _fail(self, call: ActiveCall, error: errors.CommandError) -> None:
        info = faults.refused(error, self.hello.service, call.command.info.name)
        self._finish(call, *self._failure(call, info))

    def _finish(self, call: ActiveCall, outcome: str, reply: list[Part]) -> None:
        if call.phase == "finished":
            return
        for client in call.clients:  # first of all: somebody waits for it
            self._tell(client, reply)
        self._roster.finish(call, reply, self._clock.monotonic_ns())
        self._outcomes[outcome] += 1

    def _report(self, id: str, fraction: float, text: str, data: Any) -> None:
        parts = encode(Progress(id, fraction, text, data))
        with self.lock:
            call = self._roster.get(id)
            for client in call.clients if call is not None else ():
                self._tell(client, parts)

    def _answer(self, client: bytes, id: str, value: Any) -> None:
        self._tell(client, encode(Reply(id, value)))

    def _tell(self, client: bytes, parts: Sequence[Part]) -> None:
        if not self._post(client, parts):
            self._undelivered += 1

    _BUILT_IN: Mapping[str, Callable[[Desk], Any]] = {
        "ping": lambda desk: desk.hello.epoch,
        "hello": lambda desk: desk.hello,
        "commands": lambda desk: desk._table.describe(),
    }
