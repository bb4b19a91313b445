"""The service that carries out runs: starts them, steers them, tells how they are."""

from __future__ import annotations

from typing import Any

from parfocal.core.errors import BadInputError, nearest
from parfocal.core.run_status import ResumePolicy, RunStatus
from parfocal.ipc import RECEIVER, command
from parfocal.processes import Service
from parfocal.runs.settings import RunSettings


class RunService(Service):
    """Carries out runs, each in a thread of its own.

    Publishes ``run`` with ``change`` ("started", "continued", "state" or "ended"), ``run`` and ``status``.
    """

    Config = RunSettings
    settings: RunSettings
    outputs = ("light",)

    def __init__(self, settings: RunSettings) -> None:
        super().__init__(settings)
        self._runs: dict[str, RunStatus] = {}

    @command(lane="start", effect="changes", on_client_loss="finish")
    def start(
        self,
        plan: dict[str, Any],
        name: str = "",
        folder: str = "",
        continues: str = "",
        by_force: bool = False,
        notes: dict[str, Any] = {},  # noqa: B006 (never changed)
        parent: str = "",
    ) -> RunStatus:
        """Start a run of `plan`, as `plan_to_data` writes one; returns its status, with its name.

        `continues` names a run that has ended, whose indices and files go on; `parent` one whose instruments
        it shares, and with which it is paused and cancelled; `notes` go into the record. With `by_force`
        instruments are used although others hold them, and the record says so.
        """
        del plan, name, folder, continues, by_force, notes, parent
        raise BadInputError("no run can be started yet")

    @command(lane=RECEIVER, effect="reads")
    def status(self, run: str = "") -> RunStatus:
        """Return how a run is doing; "" for the newest."""
        return self._find(run)

    @command(lane=RECEIVER, effect="reads")
    def statuses(self) -> dict[str, RunStatus]:
        """Return how all runs are doing, the oldest first."""
        return dict(self._runs)

    @command(lane="events", effect="reads")
    def events(self, run: str, first: int = 0, count: int = 1000) -> list[dict[str, Any]]:
        """Return events of a run's plan, from number `first` on."""
        del first, count
        self._find(run)
        return []

    @command(lane=RECEIVER, effect="stops")
    def pause(self, run: str, reason: str = "") -> RunStatus:
        """Hold a run: no exposure begins after this one has returned."""
        del reason
        return self._find(run)

    @command(lane=RECEIVER, effect="changes")
    def resume(self, run: str, policy: ResumePolicy = "shift", gap_s: float = 0.0) -> RunStatus:
        """Go on after a pause.

        "shift" moves the rest of the schedule on by the pause; "catch up" keeps it, with `gap_s` seconds or
        more between time points that are late (0: half of their interval); "skip" leaves out what is overdue,
        and declares it.
        """
        del policy, gap_s
        return self._find(run)

    @command(lane=RECEIVER, effect="stops")
    def cancel_run(self, run: str, reason: str = "") -> RunStatus:
        """End a run now; an exposure is aborted where the camera can."""
        del reason
        return self._find(run)

    @command(lane=RECEIVER, effect="stops")
    def finish(self, run: str, reason: str = "") -> RunStatus:
        """End a run after the event in hand: what was done is kept as "finished early"."""
        del reason
        return self._find(run)

    @command(lane=RECEIVER, effect="changes")
    def confirm(self, run: str, answer: bool = True, text: str = "") -> RunStatus:
        """Answer the question that a run asks; without `answer` the run is cancelled."""
        del answer, text
        return self._find(run)

    @command(lane="start", effect="changes")
    def extend(self, run: str, plan: dict[str, Any]) -> RunStatus:
        """Append a plan to what a run still has to do."""
        del plan
        return self._find(run)

    @command(lane="start", effect="changes")
    def replace_future(self, run: str, plan: dict[str, Any]) -> RunStatus:
        """Replace what a run has not begun by a plan."""
        del plan
        return self._find(run)

    def _find(self, run: str) -> RunStatus:
        if not run and self._runs:
            run = next(reversed(self._runs))
        if run not in self._runs:
            raise BadInputError(f"no run {run!r} ({nearest(run, self._runs)})")
        return self._runs[run]
