"""Serves a table of commands: one thread receives; each lane has a thread, which also sends the replies.

::

    clients ──> Listener ──> receiver thread ──> Dispatcher ──> Run ──> thread of a lane ─┐
                   ^              │  (under the lock)            └────> receiver thread  ─┤  Dispatcher.end
                   └──────────────┴──────────────── Send <────────────────────────────────┘

What is decided is in `dispatcher`; here are the sockets, the lock and the threads.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import zmq

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError
from parfocal.core.files import private_folder
from parfocal.core.messages import Hello, Progress
from parfocal.core.reminder import Reminder
from parfocal.ipc.calls import ActiveCall
from parfocal.ipc.codec import Part, encode
from parfocal.ipc.command_table import CommandTable
from parfocal.ipc.commands import RECEIVER
from parfocal.ipc.connection import UNSENT_BYTES, Listener
from parfocal.ipc.dispatcher import (
    Action,
    Dispatcher,
    DispatcherStatistics,
    Interrupt,
    MakeSafe,
    Run,
    Send,
    SendNotice,
)
from parfocal.ipc.endpoints import command_endpoint, is_served, notice_endpoint
from parfocal.ipc.lanes import CallContext, LaneExecutor, Lanes, execute
from parfocal.ipc.publisher import Publisher

_LOG = logging.getLogger(__name__)
_LEASES = "leases"  # the lane of make_safe
_LINGER_MS = 500
UNREAD_PROGRESS_BYTES = 16 * 2**20
"""What a client may leave unread before progress reports for it are dropped, and counted."""


class ServerStatistics(DispatcherStatistics, frozen=True, kw_only=True):
    """What a server did so far, and what it holds: each buffer in messages and in bytes.

    Attributes
    ----------
    calls : int
        Commands admitted.
    outcomes : dict of str to int
        How they ended: "done", or the kind of error; refused ones are among them.
    undelivered : int
        Messages that a client left no room for.
    queued, queued_bytes : int
        Calls waiting in lanes, and the bytes of their messages.
    running : int
        Calls being executed.
    kept, kept_bytes : int
        Replies kept for clients that come back.
    unread, unread_bytes : int
        Messages that clients have not taken yet.
    notices_dropped, notices_unread_bytes : int
        Large notices that nobody got because too many were unread; bytes of those that are.
    leases : int
        Outputs that are made safe when a client ends or is silent.
    claimed_by : str
        The run that claims the service; "" for none.
    """

    unread: int
    unread_bytes: int
    notices_dropped: int
    notices_unread_bytes: int


class Server:
    """Serves a table of commands at an endpoint.

    Parameters
    ----------
    table : CommandTable
        What can be asked; of an object, not of a class.
    folder : Path
        Holds the sockets; must belong to this user alone.
    service : str
        The name that clients use.
    hello : dict, optional
        What ``hello`` answers beyond name, process and versions: plain values.
    executors : mapping of str to LaneExecutor
        Who runs the jobs of a lane, for lanes that are not to get a thread of their own.
    make_safe : callable, optional
        ``make_safe(output, reason)`` brings an output to its safe value, "" for all; called in a thread of
        its own, one at a time, when the client that leased the output is gone (within 1 s), was silent for
        the period of its lease, or asks for it. What it raises is logged. Without it, nothing can be leased.
    outputs : collection of str
        Names of outputs that can be leased one by one.

    Notes
    -----
    Calls of one lane run in order, in one thread; lanes run at once. ``ping``, ``hello``, ``commands`` and
    cancelling are answered by the receiver thread and overtake everything.
    """

    def __init__(
        self,
        table: CommandTable,
        folder: Path,
        service: str,
        *,
        hello: dict[str, Any] | None = None,
        executors: Mapping[str, LaneExecutor] | None = None,
        make_safe: Callable[[str, str], None] | None = None,
        outputs: Collection[str] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._folder = folder
        self._service = service
        self._commands_at = command_endpoint(folder, service)
        self._notices_at = notice_endpoint(folder, service)
        self._hello = Hello(
            service=service,
            pid=os.getpid(),
            version=version("parfocal"),
            epoch=clock.monotonic_ns(),
            details=hello or {},
        )
        self._dispatcher = Dispatcher(table, self._hello, None if make_safe is None else outputs)
        self._make_safe = make_safe
        self._lanes = Lanes(service, executors or {})
        self._clock = clock
        self._lock = threading.Lock()  # guards the dispatcher, the router and what follows
        self._contexts: dict[str, CallContext] = {}
        self._started = self._stopping = False
        self._receiver = threading.Thread(target=self._receive, name=f"{service}:receiver", daemon=True)

    def start(self) -> None:
        """Begin to serve; returns when clients can connect.

        Raises
        ------
        BadInputError
            If a living process serves this name in this folder already, or the folder is open to others.
        """
        try:
            private_folder(self._folder)
        except PermissionError as error:
            raise BadInputError(f"sockets are for one user alone: {error}") from error
        if is_served(self._commands_at):
            raise BadInputError(f"service {self._service!r} is served already at {self._commands_at}")
        self._listener = Listener(self._commands_at.removeprefix("ipc://"))
        self._context = zmq.Context()
        self._publisher = Publisher(
            self._context, self._notices_at, self._service, self._hello.epoch, self._clock
        )
        self._receiver.start()
        self._started = True
        self._reminder = Reminder(self, f"the server of service {self._service!r}")

    def publish(self, topic: str, payload: Any = None) -> None:
        """Send a notice to whoever subscribed. Any thread; never blocks."""
        self._publisher.publish(topic, payload)

    def made_safe(self, reason: str) -> None:
        """End the leases of all outputs, which were made safe, and tell their clients why. Any thread."""
        with self._lock:
            self._perform(self._dispatcher.made_safe(reason))

    def statistics(self) -> ServerStatistics:
        """Return what it did so far and what it holds."""
        with self._lock:
            decided = self._dispatcher.statistics()
            unread, unread_bytes = self._listener.unread()
        dropped, notices_bytes = self._publisher.statistics()
        return ServerStatistics(
            **msgspec.structs.asdict(decided),
            unread=unread,
            unread_bytes=unread_bytes,
            notices_dropped=dropped,
            notices_unread_bytes=notices_bytes,
        )

    def close(self, grace_s: float = 1.0) -> tuple[str, ...]:
        """End all calls, answer every one of them, and stop serving. Idempotent.

        Queued calls are cancelled, running ones asked to end; those that have not after `grace_s` are
        answered with an error, and their thread is left behind.

        Returns
        -------
        tuple of str
            The commands that are left behind: they still run, and nobody can stop them.
        """
        if self._stopping or not self._started:
            return ()
        self._reminder.cancel()
        with self._lock:
            self._perform(self._dispatcher.close(self._clock.monotonic_ns()))
        self._lanes.close(grace_s)
        with self._lock:
            left_behind, actions = self._dispatcher.abandon(self._clock.monotonic_ns())
            self._perform(actions)
            self._stopping = True
        self._listener.wake()
        if self._receiver is not threading.current_thread():
            self._receiver.join(grace_s)
        with self._lock:
            self._listener.close(_LINGER_MS)
        self._publisher.close()
        self._context.term()
        return left_behind

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- the receiver thread

    def _receive(self) -> None:
        """Handle what arrives, look after what runs out, wait in between."""
        ready: list[tuple[int, int]] = []
        while not self._stopping:
            with self._lock:
                messages, gone = self._listener.receive(ready)
            for client, parts in messages:
                self._handle(client, parts)
            with self._lock:
                for client in gone:
                    self._perform(self._dispatcher.gone(client, self._clock.monotonic_ns()))
                timeout_ms = self._tick()
            ready = self._listener.wait(timeout_ms)

    def _handle(self, client: bytes, parts: list[Any]) -> None:
        request = self._dispatcher.read(parts)
        with self._lock:
            begun = self._perform(self._dispatcher.receive(client, request, self._clock.monotonic_ns()))
        for call, context in begun:
            self._finish(call, context)

    def _tick(self) -> int | None:
        """Look after time, if that is due; return how long to wait at most, milliseconds. Under the lock."""
        due_ns = self._dispatcher.next_tick_ns()
        if due_ns is None:
            return None
        now_ns = self._clock.monotonic_ns()
        if due_ns <= now_ns:
            self._perform(self._dispatcher.tick(now_ns))
            due_ns = self._dispatcher.next_tick_ns()
        return None if due_ns is None else max(0, -(-(due_ns - now_ns) // 1_000_000))

    # --- any thread

    def _perform(self, actions: list[Action]) -> list[tuple[ActiveCall, CallContext]]:
        """Carry out what was decided, under the lock; return what the receiver thread runs without it."""
        begun = []
        for action in actions:
            match action:
                case Send():
                    self._send(action)
                case Run(call) if call.lane == RECEIVER:
                    if (context := self._begin(call)) is not None:
                        begun.append((call, context))
                case Run(call):
                    self._lanes.submit(call.lane, partial(self._run, call))
                case Interrupt(call, reason):
                    self._contexts[call.id].cancel(reason)
                case SendNotice(topic, payload):
                    self._publisher.publish(topic, payload)
                case MakeSafe(output, reason):
                    self._lanes.submit(_LEASES, partial(self._guard_output, output, reason))
        return begun

    def _send(self, action: Send) -> None:
        most_bytes = UNSENT_BYTES if action.reply_to else UNREAD_PROGRESS_BYTES
        if self._listener.send(action.client, action.parts, most_bytes) == "full":
            self._perform(self._dispatcher.undelivered(action))

    def _run(self, call: ActiveCall) -> None:
        """Run a call, in the thread of its lane."""
        with self._lock:
            context = self._begin(call)
        if context is not None:
            self._finish(call, context)

    def _begin(self, call: ActiveCall) -> CallContext | None:
        """Let a call run, under the lock; None if it is over already."""
        runs, actions = self._dispatcher.begin(call, self._clock.monotonic_ns())
        if not runs:
            self._perform(actions)
            return None
        name = call.command.info.name
        context = CallContext(
            call.id, self._service, name, call.deadline_ns, self._report, self._clock, call.caller
        )
        self._contexts[call.id] = context
        return context

    def _finish(self, call: ActiveCall, context: CallContext) -> None:
        """Run a command that has begun, and send its reply."""
        outcome, reply = execute(context, call.command, call.arguments)
        with self._lock:
            del self._contexts[call.id]
            self._perform(self._dispatcher.end(call, outcome, reply, self._clock.monotonic_ns()))

    def _report(self, id: str, fraction: float, text: str, data: Any) -> None:
        parts: list[Part] = encode(Progress(id, fraction, text, data), by_value=True)
        with self._lock:
            self._perform(self._dispatcher.progress(id, parts))

    def _guard_output(self, output: str, reason: str) -> None:
        if self._make_safe is None:
            return
        try:
            self._make_safe(output, reason)
        except Exception:  # noqa: BLE001 (border of a callback: logged, the next lease is looked after)
            _LOG.exception("service %r could not make %s safe", self._service, output or "its outputs")
