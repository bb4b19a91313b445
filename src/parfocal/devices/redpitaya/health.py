"""Checks, in a thread of its own, whether a board can be reached, and whether it was restarted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import DeviceError
from parfocal.devices.redpitaya.memory_map import CLOCK_HZ

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.devices.redpitaya.shared import SharedBoard

LOOK_EVERY_S = 0.25
_SLACK_S = 0.1


class HealthCheck:
    """A thread that reads the board's counter four times a second.

    When the board restarted, all outputs are brought to 0 V and set as they were declared.

    Parameters
    ----------
    board : SharedBoard
        Which board.
    publish : callable
        Given each change: ``{"connected": bool, "restarted": bool, "error": str}``.
    fail : callable
        Given whatever else goes wrong; the thread has ended then.
    clock : Clock
        For the time between two looks.
    closing : threading.Event
        Once it is set there is no further look, and nothing is published.
    """

    def __init__(
        self,
        board: SharedBoard,
        publish: Callable[[dict[str, Any]], None],
        fail: Callable[[BaseException], None],
        clock: Clock,
        closing: threading.Event,
    ) -> None:
        self._board = board
        self._publish = publish
        self._fail = fail
        self._clock = clock
        self._closing = closing
        self._tick, self._at_ns = board.pitaya.scope.tick(), clock.monotonic_ns()
        self._connected = True
        self._thread = threading.Thread(target=self._run, name="board-health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, after its present look. Idempotent."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._clock.wait(self._closing, LOOK_EVERY_S):
                self._check()
        except Exception as error:  # noqa: BLE001 (border of a thread: told, and the host ends)
            self._fail(error)

    def _check(self) -> None:
        try:
            self._look()
        except DeviceError as error:
            if self._connected and not self._closing.is_set():
                self._connected = False
                self._publish({"connected": False, "restarted": False, "error": str(error)})

    def _look(self) -> None:
        asked_ns = self._clock.monotonic_ns()
        tick, at_ns = self._board.pitaya.scope.tick(), self._clock.monotonic_ns()
        # From the last answer to this question: the line, or this machine, may have held up either for long.
        restarted = has_restarted(self._tick, tick, (asked_ns - self._at_ns) / 1e9)
        if restarted:
            self._board.make_safe()
            self._board.restore()
        self._board.finish_silence()
        self._tick, self._at_ns = tick, at_ns
        if restarted or not self._connected:
            self._connected = True
            self._publish({"connected": True, "restarted": restarted, "error": ""})


def has_restarted(before: int, now: int, elapsed_s: float) -> bool:
    """Whether a board's counter went on for less than the time that passed: it began anew.

    Examples
    --------
    >>> has_restarted(before=125_000_000, now=250_000_000, elapsed_s=1.0)
    False
    >>> has_restarted(before=125_000_000, now=120_000_000, elapsed_s=1.0)
    True
    """
    return now - before < (elapsed_s - _SLACK_S) * CLOCK_HZ * 0.9
