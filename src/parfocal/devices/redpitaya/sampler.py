"""The sampler: reads what any signal on the board is at this instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import BadInputError
from parfocal.devices.redpitaya.memory_map import CURRENT, slot_base

if TYPE_CHECKING:
    from parfocal.devices.redpitaya.board import Board

MOST_READINGS = 10_000


class Sampler:
    """Reads signals one word at a time: a few thousand readings a second, not synchronous with anything."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def read(self, signal: str = "in1", readings: int = 1) -> float:
        """Return what a signal is right now, in volts, as the mean of some readings.

        Parameters
        ----------
        signal : str
            Such as "in1", "out2", "pid0", "asg1" or "iq0"; in1 and in2 in volts at their connectors.
        readings : int
            1 to 10000.
        """
        base = slot_base(signal)
        if not 1 <= readings <= MOST_READINGS:
            raise BadInputError(f"readings = {readings!r} is outside of 1 to {MOST_READINGS}")
        current = CURRENT.calibrated(self._board.calibration(signal))
        return sum(self._board.get(current, base) for _ in range(readings)) / readings
