"""Which run a window shows: the newest by itself, or the one that a person has chosen. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from parfocal.rig.find_run import newest_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parfocal.rig.snapshots import RigSnapshot


class RunName(NamedTuple):
    """Which run of which rig."""

    rig: str
    run: str

    def __str__(self) -> str:
        return f"{self.rig}/{self.run}"


class ChosenRun:
    """Which run is shown.

    Parameters
    ----------
    rig : str
        Only runs of this rig; "" for all.
    wanted : RunName, optional
        The run to begin with; without it the newest is followed.

    Attributes
    ----------
    wanted : RunName or None
        What a person has chosen; None while new runs are followed.
    """

    def __init__(self, rig: str = "", wanted: RunName | None = None) -> None:
        self._rig = rig
        self.wanted = wanted

    def names(self, rigs: Mapping[str, RigSnapshot]) -> list[RunName]:
        """Return the runs that there are to choose from, the newest first."""
        known = [
            (RunName(rig, name), status.created_at)
            for rig, snapshot in rigs.items()
            if self._rig in ("", rig)
            for name, status in snapshot.runs.items()
        ]
        return [name for name, _ in sorted(known, key=lambda each: -each[1])]

    def shown(self, rigs: Mapping[str, RigSnapshot]) -> RunName | None:
        """Return the run to show; None if there is none."""
        names = self.names(rigs)
        if self.wanted in names:
            return self.wanted
        newest = newest_run((name.rig, rigs[name.rig].runs[name.run]) for name in names)
        return None if newest is None else RunName(*newest)
