"""The focus as the Z-lock uses it: asked where it is, moved by a distance, and watched in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.analysis.locks.z_controller import FocusReading
from parfocal.core.axes import choose_axis
from parfocal.core.protocols import LENGTHS
from parfocal.ipc import Declared
from parfocal.streams import follow_latest

if TYPE_CHECKING:
    from pathlib import Path

    from parfocal.core.protocols import Axis
    from parfocal.ipc import Call, Client

_ANSWER_S = 0.5
_MOVE_S = 60.0
_NM = {"nm": 1.0, "um": 1e3, "mm": 1e6}


class FocusAxis:
    """One axis of a stage, in nm whatever its own unit is. Close it.

    Parameters
    ----------
    client : Client
        Of the stage; one that heeds claims, unless the lock is to correct all the same.
    streams : Path
        Where the stage's stream of positions is.
    axis : str
        "" for the only one that is a length.

    Raises
    ------
    BadInputError
        If the stage has no such axis, or one without a length.
    CommandError
        If it does not answer.
    """

    def __init__(self, client: Client, streams: Path, axis: str) -> None:
        self._client = client
        described: tuple[Axis, ...] = client.call("describe_axes", timeout_s=_ANSWER_S, returns=Declared)
        self._axis = choose_axis(described, axis, client.service, LENGTHS)
        self._nm = _NM[self._axis.unit]
        self._column = f"{self._axis.name}_{self._axis.unit}"
        self._rows = follow_latest(streams, client.service)

    @property
    def low_nm(self) -> float:
        """Its lowest position."""
        return self._axis.low * self._nm

    @property
    def high_nm(self) -> float:
        """Its highest position."""
        return self._axis.high * self._nm

    def read(self, expected_nm: float, tolerance_nm: float) -> FocusReading:
        """Ask where it is; raises `CommandError` if it does not answer within half a second."""
        moving = self._client.call("is_moving", self._axis.name, timeout_s=_ANSWER_S)
        position = self._client.call("position", self._axis.name, timeout_s=_ANSWER_S)
        traffic = self._client.call("traffic", timeout_s=_ANSWER_S, returns=Declared)
        return FocusReading(
            position_nm=position * self._nm,
            low_nm=self.low_nm,
            high_nm=self.high_nm,
            moving=moving,
            claimed_by="" if traffic is None else traffic.claimed_by,
            disturbed=self._stood_elsewhere(expected_nm, tolerance_nm),
        )

    def move_by(self, distance_nm: float) -> Call:
        """Begin to move; the call ends when the focus has arrived."""
        return self._client.submit(
            "move", {self._axis.name: distance_nm / self._nm}, relative=True, timeout_s=_MOVE_S
        )

    def arrived(self, call: Call) -> float:
        """Return where a move that has ended arrived, nm; raises what it failed by."""
        position: float = call.result()[self._axis.name] * self._nm
        self._rows.poll()  # they tell of this move
        return position

    def close(self) -> None:
        """Read its stream no longer."""
        self._rows.close()

    def _stood_elsewhere(self, expected_nm: float, tolerance_nm: float) -> bool:
        """Return whether a row since the last reading tells of another place."""
        rows: Any = self._rows.poll()
        if rows is None or self._column not in (rows.dtype.names or ()):
            return False
        return bool((abs(rows[self._column] * self._nm - expected_nm) > tolerance_nm).any())
