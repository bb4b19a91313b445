"""A move of some axes of a stage: how long it may take, how far it is, and how that is told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from parfocal.core.errors import DeviceTimeoutError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.core.protocols import Axis


class Move(NamedTuple):
    """From where to where.

    Attributes
    ----------
    axes : tuple of Axis
        Those that move.
    starts, ends : mapping of str to float
        Positions by axis, each in its unit; `starts` may name others too.
    margin_s : float
        What it may take beyond twice the time that distance and speed ask for.
    fixed_limit_s : float or None
        What it may take in all, instead.

    Examples
    --------
    >>> from parfocal.core.protocols import Axis
    >>> x = Axis(name="x", unit="um", low=-100, high=100, speed=10.0)
    >>> move = Move((x,), {"x": 0.0}, {"x": 50.0}, margin_s=2.0)
    >>> move.limit_s, move.fraction({"x": 10.0}), move.describe({"x": 10.0})
    (12.0, 0.2, 'x at 10 um on its way to 50 um')
    """

    axes: tuple[Axis, ...]
    starts: Mapping[str, float]
    ends: Mapping[str, float]
    margin_s: float
    fixed_limit_s: float | None = None

    @property
    def limit_s(self) -> float:
        """How long it may take."""
        if self.fixed_limit_s is not None:
            return self.fixed_limit_s
        slowest_s = max(axis.seconds_for(self._distance(axis.name)) for axis in self.axes)
        return 2 * slowest_s + self.margin_s

    def fraction(self, positions: Mapping[str, float]) -> float:
        """Return how far the axis that is least far has come, 0 to 1."""
        return min(self._part(axis.name, positions[axis.name]) for axis in self.axes)

    def describe(self, positions: Mapping[str, float]) -> str:
        """Return in a line where each axis is and where it is to go."""
        return ", ".join(
            f"{axis.name} at {positions[axis.name]:.6g} {axis.unit} on its way to "
            f"{self.ends[axis.name]:.6g} {axis.unit}"
            for axis in self.axes
        )

    def too_slow(self, positions: Mapping[str, float]) -> DeviceTimeoutError:
        """Return the error of a move that takes longer than it may."""
        return DeviceTimeoutError(f"did not arrive within {self.limit_s:.3g} s: {self.describe(positions)}")

    def _distance(self, name: str) -> float:
        return self.ends[name] - self.starts[name]

    def _part(self, name: str, position: float) -> float:
        distance = self._distance(name)
        part = 1.0 if distance == 0 else (position - self.starts[name]) / distance
        return min(max(part, 0.0), 1.0)
