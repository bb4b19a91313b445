"""The state machine of a service: pure, (life, event) -> (life, actions). The supervisor acts on it.

::

                 Ready                 Stop, Leaving, Failed
    starting ------------> ready ----------------------------> stopping ---Exited---> exited
       ^  |                  |  Hung                               |
       |  | Exited           +-------> hung --+                    | Exited, though it should run
       |  v                  | Exited         | Exited             v
       |  +------------------+----------------+-----------> crashed or degraded, by policy
       +--- BackOffOver ------------------------------------ crashed

Nothing else starts a process than an event that finds none: `Start`, `Restart` or `BackOffOver`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from parfocal.core.status import ProcessState
from parfocal.processes.spec import ServiceSpec
from parfocal.processes.system import describe_exit

HEALTHY_AFTER_S = 60.0
"""A process that lived this long has shown that it can: failures are counted from 1 again."""

LONGEST_BACK_OFF_S = 30.0
HANG_GRACE_S = 0.5


@dataclass(frozen=True, slots=True)
class Life:
    """Where a service stands.

    Attributes
    ----------
    state : ProcessState
        As in its status.
    wish : {"run", "end", "again"}
        What is to come after the present process.
    restarts, failures : int
        How often it was started again after a failure; how many failures came in a row.
    exit_code : int or None
        Of its last process that has ended.
    error : str
        Its last failure, also of a process before this one.
    told : str
        Why the present process fails, as it or its monitor says; "" while nobody does.
    """

    state: ProcessState = "exited"
    wish: Literal["run", "end", "again"] = "end"
    restarts: int = 0
    failures: int = 0
    exit_code: int | None = None
    error: str = ""
    told: str = ""

    @property
    def has_process(self) -> bool:
        """Whether a process of it exists."""
        return self.state in ("starting", "ready", "stopping", "hung")


@dataclass(frozen=True, slots=True)
class Start:
    """It shall run."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Its handshake came."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It says that it failed, and is ending."""

    error: str


@dataclass(frozen=True, slots=True)
class Leaving:
    """It ends in order because somebody asked the service itself to stop."""


@dataclass(frozen=True, slots=True)
class Hung:
    """No sign of life, a step that does not end, or not ready in time."""

    error: str


@dataclass(frozen=True, slots=True)
class Exited:
    """Its process has ended."""

    exit_code: int
    lived_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BackOffOver:
    """The pause before the next start is over."""


@dataclass(frozen=True, slots=True)
class Stop:
    """It shall end in order."""


@dataclass(frozen=True, slots=True)
class Restart:
    """It shall end in order and start again."""


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process."""


@dataclass(frozen=True, slots=True)
class AskToStop:
    """Ask the process to end, and kill it after `within_s`."""

    within_s: float


@dataclass(frozen=True, slots=True)
class Abandon:
    """Have the process make safe, whatever its loop does, and kill it after `within_s`."""

    within_s: float


@dataclass(frozen=True, slots=True)
class KillAfter:
    """It ends by itself; kill it if it takes longer than `within_s`."""

    within_s: float


@dataclass(frozen=True, slots=True)
class BackOff:
    """Send `BackOffOver` after `pause_s`."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class StopRig:
    """End the rig: this service was too important."""

    reason: str


Event = Start | Ready | Failed | Leaving | Hung | Exited | BackOffOver | Stop | Restart
Action = Spawn | AskToStop | Abandon | KillAfter | BackOff | StopRig
Outcome = tuple[Life, tuple[Action, ...]]


def react(life: Life, event: Event, spec: ServiceSpec) -> Outcome:
    """Return what `event` makes of `life`, and what is to be done; one that comes too late changes nothing.

    Examples
    --------
    >>> spec = ServiceSpec(name="camera", factory="m:C", policy="degrade")
    >>> life, actions = react(Life(state="ready", wish="run"), Exited(-9), spec)
    >>> life.state, life.error, actions
    ('degraded', 'was killed by SIGKILL', ())
    """
    match event:
        case Start() | Restart() if not life.has_process:
            return replace(life, state="starting", wish="run", failures=0, error="", told=""), (Spawn(),)
        case BackOffOver() if life.state == "crashed" and life.wish == "run":
            return replace(life, state="starting", restarts=life.restarts + 1, told=""), (Spawn(),)
        case Ready() if life.state == "starting":
            return replace(life, state="ready"), ()
        case Restart():
            return _ask(life, spec, wish="again")
        case Stop():
            return _stop(life, spec)
        case Leaving() if life.state in ("starting", "ready"):
            return replace(life, state="stopping", wish="end"), (KillAfter(spec.stop_timeout_s),)
        case Failed(error) if life.has_process:
            return _fail(life, error, spec)
        case Hung(error) if life.state in ("starting", "ready"):
            state: ProcessState = "hung" if life.state == "ready" else "starting"
            return replace(life, state=state, error=error, told=error), (Abandon(HANG_GRACE_S),)
        case Exited() if life.has_process:
            return _exit(life, event, spec)
    return life, ()


def _fail(life: Life, error: str, spec: ServiceSpec) -> Outcome:
    if life.state in ("stopping", "hung"):
        error = life.told or error
        return replace(life, error=error, told=error), ()
    state: ProcessState = "stopping" if life.state == "ready" else "starting"
    return replace(life, state=state, error=error, told=error), (KillAfter(spec.stop_timeout_s),)


def _stop(life: Life, spec: ServiceSpec) -> Outcome:
    if not life.has_process:
        return replace(life, state="exited", wish="end"), ()
    return _ask(life, spec, wish="end")


def _ask(life: Life, spec: ServiceSpec, wish: Literal["end", "again"]) -> Outcome:
    if life.state in ("stopping", "hung"):  # on its way out already
        return replace(life, wish=wish if life.wish != "end" else "end"), ()
    return replace(life, state="stopping", wish=wish), (AskToStop(spec.stop_timeout_s),)


def _exit(life: Life, event: Exited, spec: ServiceSpec) -> Outcome:
    ended = replace(life, exit_code=event.exit_code)
    if life.wish == "end":
        return replace(ended, state="exited"), ()
    if life.wish == "again":
        return replace(ended, state="starting", wish="run", failures=0, error="", told=""), (Spawn(),)
    failures = 1 if event.lived_s >= HEALTHY_AFTER_S else life.failures + 1
    ended = replace(ended, failures=failures, error=life.told or describe_exit(event.exit_code))
    if spec.policy == "stop":
        return replace(ended, state="crashed", wish="end"), (StopRig(f"{spec.name} {ended.error}"),)
    if spec.policy == "degrade" or failures > spec.max_restarts:
        return replace(ended, state="degraded", wish="end"), ()
    pause = min(LONGEST_BACK_OFF_S, spec.back_off_s * 2 ** (failures - 1))
    return replace(ended, state="crashed"), (BackOff(pause),)
