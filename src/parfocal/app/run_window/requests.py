"""What a window asks of runs: each request in a thread of its own, so that no window ever waits."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Literal, NamedTuple

from parfocal.core.errors import message_of
from parfocal.rig.opening import attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.run_window.chosen_run import RunName
    from parfocal.runs.handle import RunHandle

_LOG = logging.getLogger(__name__)


class SteeringRequest(NamedTuple):
    """What was asked of a run, and what became of it: "asked", "done" or "refused"."""

    word: str
    state: Literal["asked", "done", "refused"]
    error: str = ""

    @property
    def text(self) -> str:
        """In a line for people."""
        if self.state == "refused":
            return f"{self.word} was refused: {self.error}"
        return f"asked to {self.word}{'' if self.state == 'done' else ' …'}"


class SteeringRequests:
    """Asks runs of any rig for something; tells what became of the last request to each. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered = threading.Condition(self._lock)
        self._last: dict[RunName, SteeringRequest] = {}
        self._going: set[tuple[RunName, str]] = set()

    def ask(self, run: RunName, word: str, act: Callable[[RunHandle], object]) -> bool:
        """Have `act` called with the handle of a run. Never waits; False if that is being asked already."""
        with self._lock:
            if (run, word) in self._going:
                return False
            self._going.add((run, word))
            self._last[run] = SteeringRequest(word, "asked")
        thread = threading.Thread(target=self._ask, args=(run, word, act), name=f"{word} {run}", daemon=True)
        thread.start()
        return True

    def last(self, run: RunName) -> SteeringRequest | None:
        """Return the last request to a run."""
        return self._last.get(run)

    def forget(self, run: RunName) -> None:
        """Tell of it no more."""
        with self._lock:
            self._last.pop(run, None)

    def wait(self, timeout_s: float) -> bool:
        """Block until nothing is being asked, for the end of a program; return whether that is so."""
        with self._lock:
            return self._answered.wait_for(lambda: not self._going, timeout_s)

    def _ask(self, run: RunName, word: str, act: Callable[[RunHandle], object]) -> None:
        answer = SteeringRequest(word, "done")
        try:
            with attach(run.rig) as rig:
                act(rig.runs[run.run])
        except Exception as error:  # noqa: BLE001 - the border of a thread: told in the window
            _LOG.debug("%s of %s was refused", word, run, exc_info=True)
            answer = SteeringRequest(word, "refused", message_of(error))
        with self._lock:
            self._going.discard((run, word))
            self._last[run] = answer
            self._answered.notify_all()
