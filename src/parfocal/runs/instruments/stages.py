"""The stages of a run: moved together, in um, only where something changes; brought to rest at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.protocols import Axis
from parfocal.runs.forecast.device_times import AxisTimes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.ipc import Call
    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.plans.event import Event

_UM = {"nm": 1e3, "um": 1.0, "mm": 1e-3}
_MARGIN_S = 6.0
"""A stage gives a move up by itself before: after twice what it should take, and 5 s."""


class Stages:
    """The axes x, y and z of a rig, whichever services move them. One thread at a time.

    Parameters
    ----------
    calls : InstrumentCalls
        Calls the services.
    xy, z : str
        The services; "" for none.

    Attributes
    ----------
    position : dict of str to float
        Where each axis was when it was last read, um.
    """

    def __init__(self, calls: InstrumentCalls, xy: str, z: str) -> None:
        self._calls, self._xy, self._z = calls, xy, z
        self._axes: dict[str, tuple[str, Axis]] = {}
        self._at: dict[str, float] = {}  # where each was sent last
        self._kept: dict[str, float] = {}  # where each was found, or brought by this run
        self._astray: dict[str, float] = {}  # where those are to go back to whose service has ended
        self._times_lost: dict[str, int] = {}  # each service, when that was last looked at
        self.position: dict[str, float] = {}

    def learn(self) -> dict[str, float]:
        """Ask which axes there are; return where they stand, um."""
        for service, wanted in ((self._xy, "xy"), (self._z, "z")):
            axes = self._calls.ask(service, "describe_axes", returns=tuple[Axis, ...]) if service else ()
            for axis in axes:
                name = wanted if len(axes) == 1 and len(wanted) == 1 else axis.name
                if name in wanted and axis.unit in _UM:
                    self._axes[name] = (service, axis)
        self._at = self.finish_reading(self.begin_reading())
        self._kept = self._at.copy()
        return self._at.copy()

    def renew(self) -> str:
        """Know no more where the axes of a service stand that has ended since; return which, "" if none has.

        A stage may look for its home when it is started. The next move brings all its axes back, those that
        the plan leaves as they were found, too.
        """
        ended = ""
        for service in dict.fromkeys(service for service, _ in self._axes.values()):
            before, now = self._times_lost.get(service, 0), self._calls.times_lost(service)
            if now != before:
                ended, self._times_lost[service] = service, now
                for name, (moved_by, _) in self._axes.items():
                    if moved_by == service:
                        self._at.pop(name, None)
                        if name in self._kept:
                            self._astray[name] = self._kept[name]
        return ended

    def begin_reading(self) -> list[Call]:
        """Ask where all axes stand, all at once; `finish_reading` returns it."""
        return [self._calls.begin(service, "position", axis.name) for service, axis in self._axes.values()]

    def finish_reading(self, asked: list[Call]) -> dict[str, float]:
        """Return where all axes stand, um, as asked for by `begin_reading`."""
        found = zip(self._axes.items(), self._calls.results(asked), strict=True)
        self.position |= {name: at / _UM[axis.unit] for (name, (_, axis)), at in found}
        return self.position.copy()

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """How far each axis goes, um."""
        return {
            name: (axis.low / _UM[axis.unit], axis.high / _UM[axis.unit])
            for name, (_, axis) in self._axes.items()
        }

    def times(self, calls_s: Mapping[str, float]) -> dict[str, AxisTimes]:
        """Return how long moves of each axis take, as the stages declare it; `calls_s` by service a call."""
        return {
            name: AxisTimes(
                speed_um_per_s=axis.speed / _UM[axis.unit],
                fixed_s=2
                * calls_s.get(service, 0.0),  # whoever moves reads where it stands, and writes it down
                poll_s=self._calls.declared_times(service).get("poll", 0.0),
            )
            for name, (service, axis) in self._axes.items()
        }

    @property
    def kept_as(self) -> dict[str, str]:
        """Under which name the measured times of each axis are kept: they are of that speed."""
        return {
            name: f"{service}.{axis.name} at {axis.speed:g} {axis.unit}/s"
            for name, (service, axis) in self._axes.items()
        }

    @property
    def is_astray(self) -> bool:
        """Whether an axis is to go back to where it was, as its service has ended."""
        return bool(self._astray)

    def is_at(self, event: Event) -> bool:
        """Whether everything stands where an event wants it, or where it was."""
        wanted = {**self._astray, **event.targets_um}
        return all(self._at.get(name) == target for name, target in wanted.items())

    def move(self, targets: Mapping[str, float]) -> None:
        """Move axes to targets in um, all at once, and return when they have arrived."""
        targets = {**self._astray, **targets}
        changed = {name: target for name, target in targets.items() if self._at.get(name) != target}
        wanted: dict[str, dict[str, float]] = {}
        limit_s = _MARGIN_S
        for name, target in changed.items():
            service, axis = self._axes[name]
            wanted.setdefault(service, {})[axis.name] = target * _UM[axis.unit]
            limit_s = max(limit_s, _MARGIN_S + 2 * axis.seconds_for(axis.high - axis.low))
            self._at.pop(name, None)
        moves = [
            self._calls.begin(service, "move", ends, limit_s=limit_s) for service, ends in wanted.items()
        ]
        arrived = dict(zip(wanted, self._calls.results(moves), strict=True))
        for name in changed:
            service, axis = self._axes[name]
            self.position[name] = arrived[service][axis.name] / _UM[axis.unit]
        self._at.update(changed)
        self._kept.update(changed)
        self._astray = {}

    def moved_by_itself(self, axis: str) -> None:
        """Know no more where an axis stands: it was not moved from here."""
        self._at.pop(axis, None)
        self._kept.pop(axis, None)

    def doubt(self) -> None:
        """Have the next move sent whatever was sent before: as an instrument has ended."""
        self._at.clear()

    def forget(self) -> None:
        """Hold nothing for known: another run may have moved everything."""
        self._at.clear()
        self._kept.clear()
        self._astray.clear()
