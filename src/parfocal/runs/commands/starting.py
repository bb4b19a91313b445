"""Commands that start runs: of plans, now or prepared, of scripts, and of what was cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.core.run_status import RunStatus
from parfocal.ipc import command
from parfocal.runs.acquisition_mode import AcquisitionMode
from parfocal.runs.commands.steering import SteerCommands
from parfocal.runs.pipeline.request import PipelineRequest
from parfocal.runs.prepared import PlanForecast, StartRequest
from parfocal.runs.recovery.report import RecoveryReport
from parfocal.runs.scripts.script_source import ScriptSource
from parfocal.runs.scripts.script_starter import ScriptRequest, ScriptStarter
from parfocal.runs.settings import RunSettings
from parfocal.runs.starting import check_appended

if TYPE_CHECKING:
    from parfocal.runs.lifetimes import RunLifetimes


class StartCommands(SteerCommands):
    """One run is started after the other; each lives by itself from then on."""

    settings: RunSettings
    scripts: ScriptStarter
    lifetimes: RunLifetimes

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
        parts: dict[str, Any] = {},  # noqa: B006
        pipeline: PipelineRequest | None = None,
        mode: AcquisitionMode | None = None,
        interlocks: list[dict[str, Any]] = [],  # noqa: B006
        open_ended: bool = False,
    ) -> RunStatus:
        """Start a run of `plan`, as `plan_to_data` writes one; returns its status, with its name.

        `continues` names a run that has ended, whose indices and files go on; one that goes on is extended,
        or refused if more is asked for than a plan. `parent` is one whose instruments it shares, and with
        which it is paused and cancelled; `notes` go into the record; `parts` says which services play which
        part in this run, beside the settings. With `by_force` instruments are used although others hold them,
        and the record says so. A `pipeline` makes the masks of its stimuli. `mode` is what is recorded beside
        the rows of devices, in place of what the recorder's settings name. With `open_ended` it waits at the
        end of its plan for more of it, until it is finished.
        """
        request = StartRequest(
            plan=plan,
            name=name,
            folder=self._folder(folder, parent),
            by_force=by_force,
            notes=notes,
            parent=parent,
            parts=parts,
            pipeline=pipeline,
            mode=mode,
            interlocks=tuple(interlocks),
            open_ended=open_ended,
        )
        if continues:
            known = self.runs.find(continues)
            if known.goes_on:
                check_appended(request, continues, known)
                return self.extend(continues, plan)
            run = self.starter.continued(request, known)
        else:
            run = self.starter.new(request)
        return self.lifetimes.begin(run, "continued" if continues else "started")

    @command(lane="start", effect="changes", on_client_loss="finish")
    def prepare(
        self,
        plan: dict[str, Any],
        name: str = "",
        folder: str = "",
        continues: str = "",
        by_force: bool = False,
        notes: dict[str, Any] = {},  # noqa: B006 (never changed)
        pipeline: PipelineRequest | None = None,
        interlocks: list[dict[str, Any]] = [],  # noqa: B006
    ) -> RunStatus:
        """Check a run of `plan` as `start` does, and keep it until `start_prepared`; returns its status.

        `continues` names a run that has ended, whose indices and files go on then. Nothing is claimed or
        touched, and a new one has no folder yet. At most 100 are kept; `cancel_run` drops one.
        """
        request = StartRequest(
            plan=plan,
            name=name,
            folder=self._folder(folder),
            by_force=by_force,
            notes=notes,
            pipeline=pipeline,
            interlocks=tuple(interlocks),
        )
        before = self.runs.find(continues) if continues else None
        if before is not None and before.goes_on:
            raise BadInputError(f"run {continues!r} goes on: `extend` it, or prepare this when it has ended")
        status = self.starter.prepared(request, before).status()
        self.lifetimes.tell("prepared", status)
        return status

    @command(lane="forecasts", effect="reads")
    def foresee(
        self,
        plan: dict[str, Any],
        pipeline: PipelineRequest | None = None,
        interlocks: list[dict[str, Any]] = [],  # noqa: B006
        cells: int = 200,
    ) -> PlanForecast:
        """Check a plan as `prepare` does, and return what it would need; nothing is kept, claimed or touched.

        Its outline has at most `cells` cells.
        """
        request = StartRequest(plan=plan, pipeline=pipeline, interlocks=tuple(interlocks))
        return self.starter.foreseen(request, cells)

    @command(lane="start", effect="changes", on_client_loss="finish")
    def start_prepared(self, run: str) -> RunStatus:
        """Start a run that was prepared, or refuse, telling what has changed.

        One that was started already is as it is.
        """
        known = self.runs.find(run)
        if known.prepared is None:
            return self.runs.engine(run).status()
        change = "started" if known.prepared.before is None else "continued"
        return self.lifetimes.begin(self.starter.started(known), change)

    @command(lane="start", effect="reads")
    def recovery(self, folder: str) -> RecoveryReport:
        """Return how a run stands whose process was killed, and what of this rig differs from then.

        Nothing is changed. A run that goes on is refused with its name.
        """
        return self.starter.recovery(folder)

    @command(lane="start", effect="changes", on_client_loss="finish")
    def recover(
        self, folder: str, differences: tuple[str, ...] = (), pipeline: PipelineRequest | None = None
    ) -> RunStatus:
        """Complete a run whose process was killed, in the record in `folder`; returns its status.

        What is done stays, stimuli and calls that may have happened are not done again. The record keeps the
        `differences` of the rig that were seen. A `pipeline` takes the place of that of the run.
        """
        return self.lifetimes.begin(self.starter.recovered(folder, differences, pipeline), "continued")

    @command(lane="start", effect="changes", script=False, on_client_loss="finish")
    def start_script(
        self,
        script: ScriptSource,
        name: str = "",
        folder: str = "",
        changes: list[str] = [],  # noqa: B006 (never changed)
        by_force: bool = False,
        notes: dict[str, Any] = {},  # noqa: B006
    ) -> RunStatus:
        """Start a script as a run, in a process of its own; returns its status, with its name.

        It holds the services that it `changes`, as far as that stands in its text, and others when it does.
        """
        request = ScriptRequest(
            script=script,
            name=name,
            folder=self._folder(folder),
            changes=tuple(changes),
            by_force=by_force,
            notes=notes,
        )
        return self.lifetimes.begin(self.scripts.new(request), "started")

    def _folder(self, wanted: str, parent: str = "") -> str:
        """Return where a record goes: as asked for, beside that of the script that starts it, else as set."""
        script = self.runs.find(parent).script if parent and not wanted else None
        return wanted or str(self.settings.folder or "" if script is None else script.folder)
