"""The handle of a focus sweep: a run, whose tables are looked at, and then used or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import CommandFailedError
from parfocal.runs.handle import RunHandle
from parfocal.runs.plans.calls import CallPlan, call

if TYPE_CHECKING:
    from parfocal.analysis.beads.table_preview import TablePreview
    from parfocal.ipc.proxy import ServiceProxy

_STOP_S = 30.0
_ANSWER_S = 30.0


class SweepHandle(RunHandle):
    """A run that makes z tables. Made by `Rig.sweep`.

    The tables of a sweep that has ended whole wait to be accepted or discarded; the tracker goes on with
    those that it has until then.

    Parameters
    ----------
    run : RunHandle
        Of the same run.
    tracker : ServiceProxy
        Who has the tables.
    sweep : str
        By which name it has them.
    """

    def __init__(self, run: RunHandle, tracker: ServiceProxy, sweep: str) -> None:
        super().__init__(run.name, run._watch)
        self._tracker, self._sweep = tracker, sweep

    def quality(self) -> dict[str, Any]:
        """Return beads, those without a table, usable heights, chi2 and hash, once the sweep has ended."""
        for noted in reversed(self.status().commands):
            if noted.command.endswith(".sweep_tables") and "result" in noted.details:
                return dict(noted.details["result"])
        return {}

    def preview(self, bead: int) -> TablePreview:
        """Return the table of a bead, to be looked at.

        Raises
        ------
        BadInputError
            If the sweep has no table of that bead, or none at all (any more).
        """
        shown: TablePreview = self._of_tracker("preview_table", bead, self._sweep)
        return shown

    def accept(self, field: str = "", beads: list[int] | None = None) -> str:
        """Have the tracker use the tables; return their hash. A `field` remembers them by its name.

        With `beads` those of some of its beads; the others have none from then on.
        """
        used: str = self._of_tracker("accept_tables", self._sweep, field, beads)
        return used

    def discard(self) -> None:
        """Have the tables forgotten; those in use stay."""
        self._of_tracker("discard_tables", self._sweep)

    def _of_tracker(self, command: str, *arguments: Any) -> Any:
        """Return what the tracker answers; what it raises on purpose is raised here, too."""
        try:
            return getattr(self._tracker, command)(*arguments, timeout_s=_ANSWER_S)
        except CommandFailedError as error:
            if error.original is None:
                raise
            raise error.original from error


def sweep_plan(
    tracker: str,
    focus: str,
    sweep: str,
    *,
    start_nm: float,
    stop_nm: float,
    step_nm: float,
    frames: int,
    settle_s: float,
    index_factor: float,
) -> CallPlan:
    """Return the plan of a sweep: the tracker moves the focus, and the camera exposes freely meanwhile.

    Examples
    --------
    >>> plan = sweep_plan("tracker", "focus", "a", start_nm=0, stop_nm=900, step_nm=100, frames=10,
    ...                   settle_s=0, index_factor=1)
    >>> plan.service, plan.command, plan.uses, plan.exposing
    ('tracker', 'sweep_tables', ('focus',), True)
    """  # fmt: skip
    arguments = {
        "start_nm": start_nm,
        "stop_nm": stop_nm,
        "step_nm": step_nm,
        "frames": frames,
        "focus": focus,
        "settle_s": settle_s,
        "index_factor": index_factor,
        "sweep": sweep,
    }
    return call(tracker, "sweep_tables", arguments, uses=[focus], exposing=True, stop_s=_STOP_S)
