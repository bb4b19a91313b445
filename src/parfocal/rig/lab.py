"""What a script holds of its laboratory: services, time, steps, questions, rows, and runs of its own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError
from parfocal.core.frames import RowSpec
from parfocal.rig.campaign import CampaignRig, carry_out
from parfocal.rig.campaign_companion import check_rigs, companion_of
from parfocal.rig.campaign_runs import RunForAll, RunForEach
from parfocal.rig.connections import AttachedRig
from parfocal.rig.experiments import Experiments
from parfocal.rig.lab_service import LabService
from parfocal.rig.rig import Rig
from parfocal.rig.runs import Runs
from parfocal.rig.snap import SnappedFrame, snap_frame
from parfocal.runs.scripts.refusals import service_problem
from parfocal.runs.settings import SERVICE
from parfocal.runs.watch import RunWatch

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

    from parfocal.core.run_status import RunStatus, StimMode
    from parfocal.core.status import RigStatus
    from parfocal.rig.campaign import CampaignStep, Optimiser
    from parfocal.rig.connections import RigConnection
    from parfocal.runs.conditions.interlocks import AnyInterlocks
    from parfocal.runs.handle import RunHandle
    from parfocal.runs.pipeline.request import AnyPipeline
    from parfocal.runs.plans.any_plan import AnyPlan
    from parfocal.runs.scripts.script_gate import ScriptGate
    from parfocal.storage import RecordedRun
    from parfocal.streams import LatestReader, Stream

T = TypeVar("T")


class Lab(Experiments):
    """A laboratory as a script uses it: ``lab["focus"].move_to(500.0)``, or ``lab.focus.move_to(500.0)``.

    A pause takes effect at the next call of it, and in every wait; cancelled, the script ends there. Runs
    that it starts are listed as its own, paused and cancelled with it, and use the services that it holds.
    What it has switched on is made safe when it ends, however it does.

    Parameters
    ----------
    rig : Rig
        Attached in the process of the script; closed by whoever attached.
    connection : RigConnection
        Of the same rig.
    run : str
        The run that the script is.
    gate : ScriptGate
        Where its calls meet pause and end.
    """

    def __init__(self, rig: Rig, connection: RigConnection, run: str, gate: ScriptGate) -> None:
        self._rig, self._gate, self._run = rig, gate, run
        self._asking = threading.Lock()
        self._services: dict[str, LabService] = {}
        self._opened = ExitStack()
        self._started = _Children(connection, run, gate)

    # --- services, streams, status

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the services; what carries out runs is reached through the lab itself."""
        return services_of_scripts(self._rig.services)

    def __getitem__(self, service: str) -> LabService:
        """Return a service: its commands are methods.

        Raises
        ------
        BadInputError
            If the rig has no such service; names the nearest.
        """
        with self._asking:  # of two made at once one would be let go of, and its outputs go dark
            if service not in self._services:
                if problem := service_problem(service, self.services):
                    raise BadInputError(problem)
                self._services[service] = LabService(self._rig[service], service, self._gate)
            return self._services[service]

    def __getattr__(self, service: str) -> LabService:
        """Return a service, as ``lab[service]``."""
        if service.startswith("_"):
            raise AttributeError(service)
        try:
            return self[service]
        except BadInputError as error:
            raise AttributeError(str(error)) from error

    def status(self) -> RigStatus:
        """Return a frozen snapshot: each service, each stream with its ledger."""
        self._gate.check()
        return self._rig.status()

    @property
    def name(self) -> str:
        """The name of the rig."""
        return self._rig.name

    @property
    def run_name(self) -> str:
        """The name of the run that the script is."""
        return self._run

    def stream(self, name: str, timeout_s: float = 5.0) -> Stream:
        """Return a stream of frames or rows, waiting up to `timeout_s` for a service to create it."""
        self._gate.check()
        return self._rig.stream(name, timeout_s)

    def snap(self, camera: str = "camera", timeout_s: float = 60.0) -> SnappedFrame:
        """Have a camera take a frame, or if it is exposing its next one: its `pixels` and its `header`."""
        return snap_frame(self, camera, timeout_s)

    def rows(self, stream: str, timeout_s: float = 5.0) -> LabRows:
        """Return a reader of the rows that a stream gets from now on.

        Parameters
        ----------
        stream : str
            Its name, such as "tracks".
        timeout_s : float
            How long to wait for a service to create it.
        """
        found = self.stream(stream, timeout_s)
        if not isinstance(found.spec, RowSpec):
            raise BadInputError(f"stream {stream!r} has frames, not rows")
        reader = self._opened.enter_context(found.latest(follow=True))
        return LabRows(reader, stream, found.spec.numpy_dtype, self._gate)

    # --- time and people

    def time_s(self) -> float:
        """Return the time of the script, seconds from an arbitrary instant on: it stands still in a pause."""
        return self._gate.now_ns() * 1e-9

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds; a pause is not counted."""
        self._gate.sleep(seconds)

    def wait_until(self, condition: Callable[[], T], timeout_s: float | None = None, what: str = "") -> T:
        """Ask `condition` 20 times a second until it returns something true, and return that.

        Parameters
        ----------
        condition : callable
            Takes nothing; may call the lab.
        timeout_s : float, optional
            How long at most, pauses excluded; without it, without limit.
        what : str
            What is waited for, as people are told; by default the name of the function.

        Raises
        ------
        TimeoutError
            If `timeout_s` passed first: a `DeadlineError`.
        """
        return self._gate.wait_for(condition, timeout_s, what or _name_of(condition))

    def step(self, text: str, number: int | None = None, of: int | None = None) -> None:
        """Tell that a step begins: what it is, and, if that is known, which one of how many.

        Without a number it is the one after the last. Between two steps a script ends that is to finish.
        """
        self._gate.step(text, number, of)
        self.log(f"step {self._gate.step_number}{f' of {of}' if of else ''}: {text}")

    def ask(
        self, question: str, choices: Iterable[str] = ("yes", "no"), timeout_s: float | None = None
    ) -> str:
        """Ask a person, and wait for the answer: ``parfocal confirm RUN --text yes``, or a window's buttons.

        Parameters
        ----------
        question : str
            What is asked.
        choices : iterable of str
            What may be answered; without any, whatever text the person writes.
        timeout_s : float, optional
            How long at most, pauses excluded; without it, without limit.

        Raises
        ------
        TimeoutError
            If `timeout_s` passed first.
        """
        answer = self._gate.ask(question, choices, timeout_s)
        self.log(f"asked: {question} The answer: {answer}")
        return answer

    def log(self, text: str) -> None:
        """Write a line into the log of the script, with the time."""
        moment = datetime.fromtimestamp(SYSTEM_CLOCK.utc_ns() * 1e-9, UTC)
        sys.stderr.write(f"{moment:%Y-%m-%dT%H:%M:%S} {text}\n")
        sys.stderr.flush()

    # --- runs of its own

    @property
    def runs(self) -> Runs:
        """The runs of the rig; those that are started here belong to the script."""
        self._gate.check()
        return self._started

    def keep_light(self) -> None:
        """Nothing: the service that carries out runs watches the script."""

    def campaign(
        self,
        plan: Callable[..., AnyPlan],
        score: Callable[[RecordedRun], float],
        optimiser: Optimiser,
        *,
        steps: int,
        one_run: bool = False,
        also_on: Iterable[str] = (),
        pipeline: AnyPipeline | None = None,
        stim_mode: StimMode | None = None,
        interlocks: AnyInterlocks | None = None,
    ) -> tuple[CampaignStep, ...]:
        """Carry out steps, one after the other, each with values that an optimiser asks for.

        A step that was cut short has no score: the optimiser hears nothing of it. Between two steps the
        script ends that is to finish. ``campaign.jsonl`` in its record has a line for each step.

        Parameters
        ----------
        plan : callable
            Returns the plan of a step, called with the values by name.
        score : callable
            Returns how good a step was; called with its record: that of its run, or its part of it.
        optimiser : Optimiser
            Has ``ask()``, which returns the next values by name, and ``tell(values, score)``: such as
            `parfocal.analysis.optimising.GaussianProcessOptimiser`.
        steps : int
            How many.
        one_run : bool
            Whether all steps are parts of one run with one record, which waits between two of them, with the
            light off; else each is a run of its own.
        also_on : iterable of str
            Names of other rigs of this machine that run: each carries out steps, too, at the same time.
        pipeline, stim_mode, interlocks
            Of each run, as for `run`.

        Raises
        ------
        BadInputError
            If `steps` or `also_on` can't be, or the optimiser asks for what no record can keep.
        RigNotFoundError
            If one of the other rigs does not run.
        RunFailedError
            If one of the runs failed.
        """
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise BadInputError(f"steps must be a whole number of 1 or more, not {steps!r}")
        others = check_rigs(self.name, also_on)
        given = {"pipeline": pipeline, "stim_mode": stim_mode, "interlocks": interlocks}
        options = {name: value for name, value in given.items() if value is not None}
        runs = RunForAll if one_run else RunForEach
        beside = [self._beside(name) for name in others]
        rigs = [
            CampaignRig(self.name, runs(self.run, self._run, options)),
            *(CampaignRig(one.rig, runs(one.start, self._run, options), one.is_open) for one in beside),
        ]
        return carry_out(self, self._run, plan, score, optimiser, steps, rigs)

    def _beside(self, rig: str) -> _Beside:
        """Return the runs of another rig that belong to a script there, which ends with this one."""
        connection = AttachedRig(rig)
        companion = companion_of(self.name, self._run, Path(self.runs[self._run].status().folder))
        with Rig(connection) as other:
            name = other.runs.start_script(companion, name=f"{self._run}-of-{self.name}").name
        beside = _Beside(AttachedRig(rig), name, self._gate)
        self._opened.callback(beside.close)
        return beside

    # --- the end, by the process of the script

    def _wait_for_runs(self) -> None:
        """Wait for the runs that the script has started; then finish those without an end of their own."""
        for handle in sorted(self._started.children(), key=self._started.is_endless):
            if self._started.is_endless(handle):
                handle.finish("its script has ended")
            self._gate.wait_for(partial(_has_ended, handle), None, f"run {handle.name!r}")

    def _finish_runs(self) -> None:
        """End the runs that the script has started after what they have in hand."""
        for handle in self._started.children():
            handle.finish("its script was finished")

    def _close(self) -> None:
        """Make safe what was switched on, and let go of everything."""
        for service in self._services.values():
            service._release()
        self._opened.close()
        self._started.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()


class LabRows:
    """Rows of a stream, from when it was asked for; a loop over it gets what is new, again and again.

    Parameters
    ----------
    reader : LatestReader
        Of the stream.
    stream : str
        Its name.
    dtype : dtype
        Of a row.
    gate : ScriptGate
        Of the script.
    """

    def __init__(self, reader: LatestReader, stream: str, dtype: np.dtype[Any], gate: ScriptGate) -> None:
        self._reader, self._stream, self._dtype, self._gate = reader, stream, dtype, gate

    def new(self) -> NDArray[Any]:
        """Return the rows that came since the last look, perhaps none."""
        self._gate.check()
        rows: NDArray[Any] | None = self._reader.poll()
        return np.empty(0, self._dtype) if rows is None else rows

    def wait(self, timeout_s: float | None = 10.0) -> NDArray[Any]:
        """Return the next rows, at least one; `TimeoutError` if none came within `timeout_s`."""
        found: list[NDArray[Any]] = []

        def look() -> bool:
            rows = self.new()
            if len(rows):
                found.append(rows)
            return bool(found)

        self._gate.wait_for(look, timeout_s, f"rows of {self._stream!r}")
        return found[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        while True:
            yield self.wait(None)


class _Watch(RunWatch):
    """Follows runs for a script: who waits for one meets the pause and the end of the script meanwhile."""

    def __init__(self, *arguments: Any, gate: ScriptGate) -> None:
        self._gate = gate
        super().__init__(*arguments)

    def wait_until(
        self, run: str, reached: Callable[[RunStatus], bool], timeout_s: float | None
    ) -> RunStatus | None:
        """Wait until the status of a run is as wanted, and return it; None if `timeout_s` passed first."""
        look = partial(super().wait_until, run, reached, 0.0)
        try:
            return self._gate.wait_for(look, timeout_s, f"run {run!r}")
        except TimeoutError:
            return None


class _Beside(Runs):
    """The runs of another rig, with those that a campaign starts there as those of its companion."""

    def __init__(self, connection: RigConnection, companion: str, gate: ScriptGate) -> None:
        super().__init__(connection, companion, partial(_Watch, gate=gate))
        self.rig, self._companion = connection.name, self[companion]

    def is_open(self) -> bool:
        """Whether runs that are started go on: not after the end of the companion."""
        return not self._companion.status().ended


class _Children(Runs):
    """The runs of the rig, with those that a script starts as its own."""

    def __init__(self, connection: RigConnection, run: str, gate: ScriptGate) -> None:
        super().__init__(connection, run, partial(_Watch, gate=gate))
        self._begun: list[RunHandle] = []
        self._endless: set[str] = set()

    def children(self) -> tuple[RunHandle, ...]:
        """Return those that the script has started."""
        return tuple(self._begun)

    def is_endless(self, handle: RunHandle) -> bool:
        """Whether one of them has a plan that goes on until it is finished."""
        return handle.name in self._endless

    def _begin(self, command: str, asked: Any, *arguments: Any, **named: Any) -> RunHandle:
        handle = super()._begin(command, asked, *arguments, **named)
        self._begun.append(handle)
        if named.get("open_ended") or _has_no_end(asked):
            self._endless.add(handle.name)
        return handle


def services_of_scripts(names: Iterable[str]) -> tuple[str, ...]:
    """Return the services that scripts call."""
    return tuple(name for name in names if name != SERVICE)


def _has_no_end(plan: Mapping[str, Any]) -> bool:
    """Return whether a plan, as data, has an acquisition without a number of frames or seconds.

    Examples
    --------
    >>> _has_no_end({"type": "acquire"}), _has_no_end({"type": "acquire", "seconds": 2.0})
    (True, False)
    >>> _has_no_end({"type": "combine", "plans": [{"type": "wait"}, {"type": "acquire"}]})
    True
    """
    if plan.get("type") == "acquire":
        return plan.get("count") is None and plan.get("seconds") is None
    return any(map(_has_no_end, plan.get("plans", ())))


def _has_ended(handle: RunHandle) -> bool:
    return handle.status().ended


def _name_of(condition: Callable[[], Any]) -> str:
    name = getattr(condition, "__name__", "")
    return "a condition" if name in ("", "<lambda>") else name.replace("_", " ")
