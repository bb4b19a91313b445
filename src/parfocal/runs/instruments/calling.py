"""The calls of a run to its instruments: each has a limit, an abort ends it, a restart is told as such."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager, suppress
from statistics import fmean
from typing import TYPE_CHECKING, Any, TypeVar

from parfocal.core.clock import Clock, poll_until
from parfocal.core.errors import (
    CommandError,
    CommandFailedError,
    DeadlineError,
    FrameLostError,
    MadeSafeError,
    ParfocalError,
    ServiceUnavailableError,
)
from parfocal.runs.instruments.instruments import AbortedError, InstrumentRestartedError
from parfocal.runs.machine.machine import TRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from parfocal.core.messages import Interference
    from parfocal.ipc import Call, Client, OutputLease
    from parfocal.ipc.claim import Claim

_PING_S = 1.0
_SAMPLES = 6
"""Calls by which a round trip is measured; the longest does not count: it may be the first."""
_PAUSE_S = 0.01

T = TypeVar("T")


def _cancel(call: Call) -> None:
    call.cancel_soon("aborted")


class InstrumentCalls:
    """Calls services on behalf of one run. One thread at a time, but for `ready`, `abort` and `tell`.

    Parameters
    ----------
    connect : callable
        Returns a client of a service by name; it is closed by `close`.
    clock : Clock
        Of the limits.
    answer_s : float
        How long an answer may take, beside what was asked for.
    restart_s : float
        How long an instrument that ended may take to come back.
    on_lost : callable
        Called with the name of a service that has ended, before it is waited for: the light goes off.

    Attributes
    ----------
    aborted : threading.Event
        Set while what is under way is to end.
    """

    def __init__(
        self,
        connect: Callable[[str], Client],
        clock: Clock,
        *,
        answer_s: float,
        restart_s: float,
        on_lost: Callable[[str], None],
    ) -> None:
        self._connect, self._clock = connect, clock
        self._answer_s, self._restart_s, self._on_lost = answer_s, restart_s, on_lost
        self._clients: dict[str, Client] = {}
        self._claims: list[Claim] = []
        self._times_lost: dict[str, int] = {}  # of each service, when `ended` looked last
        self._lock = threading.Lock()
        self._under_way: dict[Call, Callable[[Call], object]] = {}  # and how an abort ends each
        self.aborted = threading.Event()

    def client(self, service: str) -> Client:
        """Return the client of a service."""
        if service not in self._clients:
            self._clients[service] = self._connect(service)
        return self._clients[service]

    def times_lost(self, service: str) -> int:
        """Return how often a service has ended since it was first asked."""
        return self.client(service).times_lost

    def ended(self, service: str) -> str:
        """Return which service has ended since this was asked last, where `service` was found to have failed.

        It is that one itself, or one for whose end it was made safe.
        """
        now = {name: client.times_lost for name, client in tuple(self._clients.items())}
        found = [name for name, times in now.items() if times != self._times_lost.get(name, 0)]
        self._times_lost = now
        return service if service in found or not found else found[0]

    def declared_times(self, service: str) -> dict[str, float]:
        """Return how long a service's device says that it takes, seconds by what it does."""
        times: dict[str, float] = self.ask(service, "declared_times", returns=dict[str, float])
        return times

    def round_trips_s(self, reads: Mapping[str, str]) -> dict[str, float]:
        """Return how long a call to each service takes: the mean of some, which change nothing.

        They are asked in turn, with pauses: a process that has just answered would answer sooner than in
        a run.

        Parameters
        ----------
        reads : mapping of str to str
            A command that reads, by service.
        """
        took_s: dict[str, list[float]] = {service: [] for service in reads}
        for _ in range(_SAMPLES):
            self._clock.sleep(_PAUSE_S)
            for service, command in reads.items():
                began_ns = self._clock.monotonic_ns()
                self.ask(service, command)
                took_s[service].append((self._clock.monotonic_ns() - began_ns) * 1e-9)
        return {service: fmean(sorted(took)[: _SAMPLES - 1]) for service, took in took_s.items()}

    def claim(self, service: str, run: str, heard: Callable[[Interference], None]) -> None:
        """Have a service refuse changes of others; `ClaimedError` names the run that has it.

        `heard` is called with what others stop or force of it all the same.

        Raises
        ------
        InstrumentRestartedError
            If it ended meanwhile, and is there again.
        """
        with self._told_of_restarts(service):
            self._claims.append(self.client(service).claim(run, heard))

    def lease(self, service: str, output: str, period_s: float) -> OutputLease:
        """Have a service make an output safe when this program ends or stands still; raises as `claim`."""
        with self._told_of_restarts(service):
            return self.client(service).lease(output, period_s=period_s)

    def close(self) -> None:
        """End all claims, and let go of the services; one that is not there has no claim."""
        while self._claims:
            with suppress(CommandError):
                self._claims.pop().release()
        while self._clients:
            self._clients.popitem()[1].close()

    def begin(
        self,
        service: str,
        command: str,
        /,
        *args: Any,
        limit_s: float = 0.0,
        end: Callable[[Call], object] = _cancel,
        **options: Any,
    ) -> Call:
        """Ask for a command, which may take `limit_s` beside the answer; an abort cancels it.

        With `end` an abort calls that with the call instead, so that it returns what it has come to.
        """
        call = self.client(service).submit(command, *args, timeout_s=self._answer_s + limit_s, **options)
        return self._watched(call, end)

    def begin_long(self, service: str, command: str, arguments: dict[str, Any], limit_s: float) -> Call:
        """Ask for a command that may take `limit_s` (infinite: as long as it likes); an abort cancels it."""
        call = self.client(service).submit(command, timeout_s=limit_s, **arguments)
        return self._watched(call)

    def result(self, call: Call) -> Any:
        """Wait for the result of what was begun.

        Raises
        ------
        AbortedError
            If it was aborted.
        FrameLostError
            If a frame was.
        InstrumentRestartedError
            If the service ended, or one that it asked itself, or one for whose end an output was made safe,
            and all are there again.
        CommandError
            If they are not, or the command failed, or has not ended in time.
        """
        try:
            with self._told_of_restarts(call.service):
                return call.result()
        except CommandError as error:
            if self.aborted.is_set():
                raise AbortedError(str(error)) from error
            root = error.root if isinstance(error, CommandFailedError) else error
            if isinstance(root, FrameLostError):
                raise root from error
            if tells_of_an_end(root):
                raise self._lost(call.service, error) from error
            raise
        finally:
            with self._lock:
                self._under_way.pop(call, None)

    def ends_within(self, call: Call, seconds: float) -> bool:
        """Wait for the end of what was begun, but no longer than that; return whether it has ended."""
        try:
            call.exception(seconds)
        except DeadlineError:
            return False
        return True

    def results(self, calls: Sequence[Call]) -> list[Any]:
        """Wait until all that was begun together has ended; return the results, or raise as `result`."""
        try:
            for call in calls:
                call.exception()
            return [self.result(call) for call in calls]
        finally:
            with self._lock:
                for call in calls:
                    self._under_way.pop(call, None)

    def give_up(self, call: Call) -> None:
        """End what was begun, and wait until it has; its result is wanted no more."""
        call.cancel_soon("given up")
        try:
            call.exception()
        finally:
            with self._lock:
                self._under_way.pop(call, None)

    def ask(self, service: str, command: str, /, *args: Any, limit_s: float = 0.0, **options: Any) -> Any:
        """Run a command, and return its result; as `begin` and `result`."""
        return self.result(self.begin(service, command, *args, limit_s=limit_s, **options))

    def tell(self, service: str, command: str, *args: Any) -> Call | None:
        """Ask for a command, and wait for nothing; None if whoever is asked is not there."""
        with suppress(CommandError):
            return self.client(service).submit(command, *args, timeout_s=self._answer_s)
        return None

    def rouse(self, services: Iterable[str]) -> None:
        """Have services answer, and wait for nothing: to the next call each of them answers sooner.

        What a process needs for that is in the caches of its processor then. Of what is asked their devices
        know nothing: it costs them no time.
        """
        for service in services:
            self.tell(service, "ping")

    def wait_for(self, service: str) -> bool:
        """Wait until a service answers, an abort, or the time that it may be away; return whether it does."""
        client = self.client(service)
        is_there = False

        def looked() -> bool:
            nonlocal is_there
            is_there = answers(client, _PING_S)
            return is_there or self.aborted.is_set()

        poll_until(looked, self._restart_s, clock=self._clock)
        return is_there

    def ready(self) -> None:
        """Forget an abort."""
        self.aborted.clear()

    def abort(self) -> None:
        """End what is under way."""
        self.aborted.set()
        with self._lock:
            under_way = tuple(self._under_way.items())
        for call, end in under_way:
            end(call)

    def _watched(self, call: Call, end: Callable[[Call], object] = _cancel) -> Call:
        with self._lock:
            going_on = {one: how for one, how in self._under_way.items() if not one.done()}
            self._under_way = {**going_on, call: end}
        if self.aborted.is_set():
            end(call)
        return call

    @contextmanager
    def _told_of_restarts(self, service: str) -> Iterator[None]:
        """Raise as `result` does if a service that is asked in the block has ended."""
        try:
            yield
        except ServiceUnavailableError as error:
            raise self._lost(service, error) from error

    def _lost(self, service: str, error: CommandError) -> Exception:
        """Have the light off, wait until all services are there; return what is to be raised.

        It may be another one that has ended: one that `service` asked, and that the run asks, too.
        """
        self._on_lost(service)
        back = all(self.wait_for(one) for one in tuple(self._clients))
        if self.aborted.is_set():
            return AbortedError(str(error))
        return InstrumentRestartedError(str(error), source=self.ended(service)) if back else error


def tells_of_an_end(error: ParfocalError) -> bool:
    """Whether a call has failed for the end of a service: its own, or one for which it was made safe."""
    return isinstance(error, ServiceUnavailableError | MadeSafeError)


def once_there(ask: Callable[[], T], is_back: Callable[[], bool]) -> T:
    """Ask a service something, and again if it ended meanwhile and is back.

    Parameters
    ----------
    ask : callable
        Asks it; may be called again.
    is_back : callable
        Waits until it answers; returns False if that takes too long. Then `once_there` raises what `ask` did.
    """
    while True:
        try:
            return ask()
        except CommandError as error:
            if not tells_of_an_end(error) or not is_back():
                raise


def done_again(act: Callable[[], T]) -> T:
    """Do something that may be done twice, from its beginning if an instrument ends meanwhile and is back."""
    ended: Counter[str] = Counter()
    while True:
        try:
            return act()
        except InstrumentRestartedError as error:
            ended[error.source] += 1
            if ended[error.source] == TRIES:
                raise


def answers(client: Client, timeout_s: float) -> bool:
    """Return whether a service answers, asked once."""
    with suppress(CommandError):
        client.ping(timeout_s)
        return True
    return False
