"""The runs of a rig: started, found by name, and told of as they come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from parfocal.core.errors import BadInputError, CommandError, RunNotFoundError, nearest
from parfocal.core.run_status import RunStatus
from parfocal.runs.acquisition_mode import AcquisitionMode, parts_of
from parfocal.runs.conditions.interlocks import AnyInterlocks, interlocks_to_data
from parfocal.runs.handle import START_S, RunHandle
from parfocal.runs.pipeline.requested_run import RequestedRun, requested_run
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.recovery.report import RecoveryReport
from parfocal.runs.settings import SERVICE
from parfocal.runs.watch import RunWatch

if TYPE_CHECKING:
    from parfocal.core.run_status import StimMode
    from parfocal.ipc import Client, OutputLease
    from parfocal.rig.connections import RigConnection
    from parfocal.runs.callback import CallbackThread
    from parfocal.runs.pipeline.request import AnyPipeline, PipelineRequest
    from parfocal.runs.plans.any_plan import AnyPlan
    from parfocal.runs.plans.plan import Plan
    from parfocal.runs.scripts.script_source import ScriptSource

LIGHT = "light"
"""The output of the service `runs` that the program leases which owns the rig."""
_LIGHT_PERIOD_S = 2.0

Change = Literal["prepared", "started", "continued", "ended"]


class RunChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a run: `change` is "prepared", "started", "continued" or "ended"."""

    change: Change
    status: RunStatus


class Runs(Mapping[str, RunHandle]):
    """The runs of a rig by their names, whoever started them: those that go on, and those that have ended.

    ``rig.runs["run1"]`` is a handle. Any thread.

    Parameters
    ----------
    connection : RigConnection
        Of the rig.
    parent : str
        The run that starts those which are started here; "" for none.
    watch : callable
        Makes what follows the statuses: a `RunWatch`.
    """

    def __init__(
        self,
        connection: RigConnection,
        parent: str = "",
        watch: Callable[[str, Path, Client], RunWatch] = RunWatch,
    ) -> None:
        self._rig, self._parent = connection.name, parent
        self._client: Client = connection.client(SERVICE)
        self._watch = watch(connection.name, connection.folder, self._client)
        self._leasing = threading.Lock()
        self._lease: OutputLease | None = None
        self._handles: dict[str, RunHandle] = {}

    def start(
        self,
        plan: AnyPlan,
        *,
        name: str = "",
        folder: str | Path = "",
        continues: str = "",
        force: bool = False,
        notes: Mapping[str, Any] | None = None,
        pipeline: AnyPipeline | None = None,
        stim_mode: StimMode | None = None,
        interlocks: AnyInterlocks | None = None,
        open_ended: bool = False,
    ) -> RunHandle:
        """Start a run; see `Rig.run`."""
        asked = requested_run(plan, pipeline, stim_mode, interlocks)
        return self._begin(
            "start",
            plan_to_data(asked.plan),
            name,
            _place(folder),
            continues,
            force,
            dict(notes or {}),
            pipeline=asked.pipeline,
            **_interlocked(asked),
            **({"open_ended": True} if open_ended else {}),
            **self._as_child(),
        )

    def prepare(
        self,
        plan: AnyPlan,
        *,
        name: str = "",
        folder: str | Path = "",
        continues: str = "",
        force: bool = False,
        notes: Mapping[str, Any] | None = None,
        pipeline: AnyPipeline | None = None,
        stim_mode: StimMode | None = None,
        interlocks: AnyInterlocks | None = None,
    ) -> RunHandle:
        """Prepare a run; see `Rig.prepare`."""
        asked = requested_run(plan, pipeline, stim_mode, interlocks)
        return self._begin(
            "prepare",
            plan_to_data(asked.plan),
            name,
            _place(folder),
            continues,
            force,
            dict(notes or {}),
            pipeline=asked.pipeline,
            **_interlocked(asked),
        )

    def record(
        self,
        plan: Plan,
        *,
        mode: AcquisitionMode = "tracks",
        name: str = "",
        folder: str | Path = "",
        save: bool = True,
        force: bool = False,
        notes: Mapping[str, Any] | None = None,
    ) -> RunHandle:
        """Start a run during which the camera exposes freely; record what the mode says: `Rig.acquire`."""
        parts_of(mode)
        return self._begin(
            "start",
            plan_to_data(plan),
            name,
            _place(folder),
            by_force=force,
            notes=dict(notes or {}),
            parts={} if save else {"recorder": ""},
            mode=mode,
            **self._as_child(),
        )

    def recovery(self, folder: str | Path) -> RecoveryReport:
        """Return how a run stands whose process was killed, and what of this rig differs from then.

        Nothing is changed; see `parfocal.rig.recovering.recover`.

        Raises
        ------
        BadInputError
            If there is no such run, or it goes on: names it.
        """
        report: RecoveryReport = self._watch.call(
            "recovery", _place(folder), timeout_s=START_S, returns=RecoveryReport
        )
        return report

    def recover(
        self,
        folder: str | Path,
        differences: Iterable[str] = (),
        pipeline: PipelineRequest | None = None,
    ) -> RunHandle:
        """Complete a run whose process was killed, in its own record; return its handle.

        What is done stays, and stimuli and calls that may have happened are not done again.

        Parameters
        ----------
        folder : path
            Of its record.
        differences : iterable of str
            What of the rig was another thing then, for the record.
        pipeline : PipelineRequest, optional
            In place of that of the run, whose steps have other sources by now.

        Raises
        ------
        BadInputError
            If it can't be completed in this rig; says why.
        """
        return self._begin("recover", _place(folder), tuple(differences), pipeline)

    def start_script(
        self,
        script: ScriptSource,
        *,
        changes: Iterable[str] = (),
        name: str = "",
        folder: str | Path = "",
        force: bool = False,
        notes: Mapping[str, Any] | None = None,
    ) -> RunHandle:
        """Start a script that was checked; see `Rig.script`."""
        return self._begin(
            "start_script", script, name, _place(folder), list(changes), force, dict(notes or {})
        )

    def keep_light(self) -> None:
        """Have the runs of the rig end, and all light go off, when this program ends or stands still."""
        with self._leasing:
            if self._lease is None or self._lease.lost:
                self._lease = self._client.lease(LIGHT, period_s=_LIGHT_PERIOD_S)

    def statuses(self) -> dict[str, RunStatus]:
        """Return how each run is, the oldest first."""
        return dict(self._watch.call("statuses", returns=dict[str, RunStatus]))

    def subscribe(self, callback: Callable[[RunChange], object]) -> CallbackThread[RunStatus]:
        """Have `callback` told when a run is prepared, started, continued, or has ended.

        It is called in a thread of its own, until the returned object is closed: first with the run that goes
        on now, if there is one. One that raises is logged and dropped; one that is slow delays nobody.
        """
        ended = [name for name, status in self.statuses().items() if status.ended]
        return self._watch.follow(_Changes(callback, ended))

    def __getitem__(self, name: str) -> RunHandle:
        """Return the handle of a run.

        Raises
        ------
        RunNotFoundError
            If the rig has none of that name; names the nearest.
        """
        known = self.statuses()
        if name not in known:
            raise RunNotFoundError(f"rig {self._rig!r} has no run {name!r}; {nearest(name, known)}")
        self._watch.take(known[name])
        return self._handle(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.statuses())

    def __len__(self) -> int:
        return len(self.statuses())

    def __repr__(self) -> str:
        with suppress(CommandError, BadInputError):
            listed = ", ".join(
                f"{name!r} {status.outcome or status.state}" for name, status in self.statuses().items()
            )
            return f"<Runs of rig {self._rig!r}: {listed or 'none yet'}>"
        return f"<Runs of rig {self._rig!r}: its service {SERVICE!r} does not answer>"

    def close(self) -> None:
        """Let go: runs go on. Idempotent."""
        self._watch.close()
        with suppress(CommandError):
            if self._lease is not None:
                self._lease.release()
        self._client.close()

    def _begin(self, command: str, asked: Any, *arguments: Any, **named: Any) -> RunHandle:
        status: RunStatus = self._watch.call(
            command, asked, *arguments, timeout_s=START_S, returns=RunStatus, **named
        )
        self._watch.take(status)
        return self._handle(status.run)

    def _as_child(self) -> dict[str, str]:
        """Return how the service is told whose run it starts, if it is another run's."""
        return {"parent": self._parent} if self._parent else {}

    def _handle(self, name: str) -> RunHandle:
        return self._handles.setdefault(name, RunHandle(name, self._watch))


def _interlocked(asked: RequestedRun) -> dict[str, Any]:
    """Return how the service is told of interlocks, if there are any."""
    return {"interlocks": interlocks_to_data(asked.interlocks)} if asked.interlocks else {}


def _place(folder: str | Path) -> str:
    """Return a folder as the service needs it, which has another working directory."""
    return str(Path(folder).absolute()) if folder else ""


class _Changes:
    """Finds in the statuses of runs what a subscriber is to be called with; nothing for those in `ended`."""

    def __init__(self, callback: Callable[[RunChange], object], ended: Iterable[str]) -> None:
        self._callback = callback
        self._reported: dict[str, Change] = dict.fromkeys(ended, "ended")
        self.__name__ = getattr(callback, "__name__", repr(callback))

    def __call__(self, status: RunStatus) -> None:
        for change in changes_between(self._reported.get(status.run), status):
            self._reported[status.run] = change
            self._callback(RunChange(change=change, status=status))


def changes_between(previous: Change | None, status: RunStatus) -> tuple[Change, ...]:
    """Return the changes of a run to report, in order; `previous` was reported last, None if none was.

    Examples
    --------
    >>> changes_between(None, RunStatus(run="a")), changes_between("prepared", RunStatus(run="a"))
    (('prepared',), ())
    >>> changes_between("prepared", RunStatus(run="a", state="ended", outcome="cancelled"))
    ('ended',)
    >>> changes_between("ended", RunStatus(run="a", state="running"))
    ('continued',)
    """
    if status.state == "ended":
        return () if previous == "ended" else ("ended",)
    if status.state in ("prepared", "pending"):
        return ("continued",) if previous == "ended" else () if previous else ("prepared",)
    if previous in (None, "prepared"):
        return ("started",)
    return ("continued",) if previous == "ended" else ()
