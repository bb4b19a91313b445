"""Has the values of conditions looked at while a run goes on, in a thread of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parfocal.core.errors import ParfocalError
from parfocal.runs.conditions.judging import Observation, observed
from parfocal.runs.conditions.values import OperatorAnswer, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from parfocal.core.clock import Clock
    from parfocal.ipc import Call
    from parfocal.runs.conditions.condition import Comparison, Condition
    from parfocal.runs.conditions.sources import Sources

_LONGEST_S = 1.0


@dataclass
class _Watched:
    """A value that is looked at: what was seen last, when it is looked at next, and who is asked just now."""

    asked: Comparison
    due_ns: int
    seen: Observation | None = None
    call: Call | None = None
    asked_ns: int = 0

    def due_from_ns(self, since_ns: int) -> int:
        """Return from when on it is to be looked at; at once if the last look began before `since_ns`."""
        return min(self.due_ns, since_ns) if self.asked_ns < since_ns else self.due_ns


class ConditionWatch:
    """Looks at values, each as often as it says, and tells what it sees. Nobody waits for it.

    Parameters
    ----------
    sources : Sources
        Look; closed by `close`.
    clock : Clock
        Tells when.
    name : str
        Of the run, for its thread.
    """

    def __init__(self, sources: Sources, clock: Clock, name: str = "") -> None:
        self._sources, self._clock, self._name = sources, clock, name
        self._lock = threading.Lock()
        self._always: tuple[Condition, ...] = ()
        self._wanted: dict[str, _Watched] = {}
        self._wake = threading.Event()
        self._closed = False
        self._since_ns = 0
        self._tell: Callable[[dict[str, Observation]], None] | None = None
        self._is_analysing: Callable[[], bool] = lambda: False
        self._thread: threading.Thread | None = None

    def look(self, conditions: Iterable[Condition], timeout_s: float) -> dict[str, Observation]:
        """Look at what conditions ask for, as is done from then on; return what is seen. Before `start`.

        What nobody has told within `timeout_s` is missing.
        """
        self._always = tuple(conditions)
        self.want(())
        until_ns = self._clock.monotonic_ns() + round(timeout_s * 1e9)
        found = self._turn()
        while len(found) < len(self._wanted) and self._clock.monotonic_ns() < until_ns:
            self._clock.wait(self._wake, 0.05)
            self._wake.clear()
            found |= self._turn()
        return found

    def want(self, conditions: Iterable[Condition]) -> None:
        """Look at what these conditions ask for, too, and at nothing of earlier ones. Any thread."""
        now_ns = self._clock.monotonic_ns()
        asked = (one for condition in (*self._always, *conditions) for one in condition.comparisons())
        with self._lock:
            before = self._wanted
            self._wanted = {
                one.key: before.get(one.key) or _Watched(one, now_ns)
                for one in asked
                if not isinstance(one, OperatorAnswer)  # people give answers to the run
            }
            self._begin()
        self._wake.set()

    def look_again(self, since_ns: int) -> None:
        """Look at everything at once that nobody began to look at since then. Any thread."""
        self._since_ns = since_ns
        self._wake.set()

    def start(
        self,
        tell: Callable[[dict[str, Observation]], None],
        lag_ms: Callable[[], float] = lambda: 0.0,
        is_analysing: Callable[[], bool] = lambda: False,
    ) -> None:
        """Have `tell` called with what is seen, by the keys of the comparisons, in a thread of its own.

        `lag_ms` returns how late the run is, `is_analysing` whether images of it are still to be analysed.
        """
        self._is_analysing = is_analysing
        self._sources.lag_ms = lag_ms
        with self._lock:
            self._tell = tell
            self._begin()

    def _begin(self) -> None:
        """Have the thread begin as soon as there is something to look at, and somebody to tell."""
        if self._thread is not None or not self._wanted or self._tell is None or self._closed:
            return
        self._thread = threading.Thread(target=self._work, name=f"conditions of {self._name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; idempotent. Any thread but its own."""
        with self._lock:
            self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._sources.close()

    def _work(self) -> None:
        while not self._closed:
            found = self._turn()
            if found and self._tell is not None:
                self._tell(found)
            self._clock.wait(self._wake, self._pause_s())
            self._wake.clear()

    def _pause_s(self) -> float:
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            wanted = self._wanted.values()
            due = [one.due_from_ns(self._since_ns) for one in wanted if one.call is None]
        return min(_LONGEST_S, max(0.0, (min(due) - now_ns) * 1e-9)) if due else _LONGEST_S

    def _turn(self) -> dict[str, Observation]:
        """Look at what is due, and take in what was answered; return what was seen."""
        with self._lock:
            watched = list(self._wanted.values())
        found = {}
        for one in watched:
            if (seen := self._looked(one)) is not None:
                one.seen = found[one.asked.key] = seen
        return found

    def _looked(self, one: _Watched) -> Observation | None:
        now_ns = self._clock.monotonic_ns()
        if one.call is None and now_ns < one.due_from_ns(self._since_ns):
            return None
        try:
            if one.call is None:
                one.asked_ns = now_ns
                one.due_ns = now_ns + round(one.asked.every_s * 1e9)
                one.call = self._sources.ask(one.asked)
                if one.call is not None:
                    one.call.add_done_callback(lambda _: self._wake.set())
            if one.call is not None and not one.call.done():
                return None
            call, one.call = one.call, None
            looked_ns = self._settled_ns(one, now_ns)
            value, at_ns = self._sources.look(one.asked, call, now_ns if call is None else one.asked_ns)
        except ParfocalError as error:
            return observed(one.asked, one.seen, None, now_ns, str(error), asked_ns=one.asked_ns)
        return observed(one.asked, one.seen, value, at_ns, looked_ns=looked_ns, asked_ns=one.asked_ns)

    def _settled_ns(self, one: _Watched, now_ns: int) -> int:
        """Return as of when a look at a value has everything in it; rows wait for the analysis of images."""
        if one.asked_ns and one.call is None and not isinstance(one.asked, Rows):
            return one.asked_ns
        if isinstance(one.asked, Rows) and self._is_analysing():
            return 0 if one.seen is None else one.seen.looked_ns
        return now_ns
