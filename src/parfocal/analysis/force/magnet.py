"""The magnet as forces need it: an axis of a stage for its height, and one for its turns."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from parfocal.core.axes import choose_axis
from parfocal.core.errors import CommandError
from parfocal.ipc import Declared

if TYPE_CHECKING:
    from collections.abc import Collection

    from parfocal.core.protocols import Axis, Unit
    from parfocal.ipc import CallContext, Client

_ANSWER_S = 2.0
_LOOK_S = 0.002
_PER_TURN = {"deg": 360.0, "turn": 1.0}


class MagnetAxis:
    """One axis of the stage that moves the magnet.

    Parameters
    ----------
    client : Client
        Of the stage.
    name : str
        Of the axis; "" for the only one that is measured in one of `units`.
    units : collection of str
        `LENGTHS`, or `ANGLES`.

    Raises
    ------
    BadInputError
        If the stage has no such axis; names those it has.
    CommandError
        If it does not answer.
    """

    def __init__(self, client: Client, name: str, units: Collection[Unit]) -> None:
        self._client = client
        described: tuple[Axis, ...] = client.call("describe_axes", timeout_s=_ANSWER_S, returns=Declared)
        self.axis = choose_axis(described, name, client.service, units)

    @property
    def unit(self) -> str:
        """Of positions."""
        return self.axis.unit

    def position(self) -> float:
        """Return where it is."""
        position: float = self._client.call("position", self.axis.name, timeout_s=_ANSWER_S)
        return position

    def move_to(self, position: float, call: CallContext) -> float:
        """Move, and return where it stands on arrival; it stops where it is if `call` ends before."""
        limit_s = 60.0 + 4 * self.axis.seconds_for(self.axis.high - self.axis.low)
        move = self._client.submit("move", {self.axis.name: position}, timeout_s=limit_s)
        try:
            while not move.done():
                call.wait(_LOOK_S)
        except BaseException:
            with suppress(CommandError):
                move.cancel("the motion of the magnet has ended")
            raise
        moved: dict[str, float] = move.result()
        return moved[self.axis.name]

    def halt(self) -> None:
        """Stop where it is."""
        self._client.call("halt", timeout_s=_ANSWER_S)

    def turned(self, position: float, turns: float) -> float:
        """Return where an axis of angles is to go, so many turns on."""
        return position + turns * _PER_TURN[self.axis.unit]
