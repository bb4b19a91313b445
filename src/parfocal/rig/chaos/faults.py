"""What is done to a laboratory while a run goes on, drawn from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

FaultKind = Literal["kill", "stop", "delay", "pause", "cancel", "cancel while paused"]
"""A process is ended, or stands still for seconds or for a moment; or somebody steers the run."""

_TO_PROCESSES: tuple[FaultKind, ...] = ("kill", "stop", "delay")
_TO_RUNS: tuple[FaultKind, ...] = ("pause", "cancel", "cancel while paused")
_MOST = 3
_LASTS_S: dict[FaultKind, tuple[float, float]] = {
    "stop": (1.0, 4.0),
    "delay": (0.02, 0.4),
    "pause": (0.1, 0.6),
    "cancel while paused": (0.1, 0.4),
}


class ChaosFault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is done.

    Attributes
    ----------
    kind : FaultKind
        What.
    at_s : float
        When, seconds after the start of the run.
    service : str
        Whose process; "" where the run itself is steered.
    lasts_s : float
        How long a process stands still, or the run is paused.
    """

    kind: FaultKind
    at_s: float
    service: str = ""
    lasts_s: float = 0.0

    def __str__(self) -> str:
        lasts = f" for {self.lasts_s:.2f} s" if self.lasts_s else ""
        return f"{self.kind} {self.service or 'the run'}{lasts} at {self.at_s:.2f} s"


def draw_faults(random: Random, services: Sequence[str], seconds: float) -> tuple[ChaosFault, ...]:
    """Return what is done in the next run, in the order of time.

    Parameters
    ----------
    random : Random
        The same seed gives the same faults.
    services : sequence of str
        Whose processes may be killed or stopped.
    seconds : float
        How long the run is expected to take.

    Examples
    --------
    >>> from random import Random
    >>> for fault in draw_faults(Random(2), ["camera", "recorder"], 3.0):
    ...     print(fault)
    stop camera for 3.01 s at 2.21 s
    """
    drawn = [_draw(random, services, seconds) for _ in range(random.randint(1, _MOST))]
    return tuple(sorted(drawn, key=lambda fault: fault.at_s))


def _draw(random: Random, services: Sequence[str], seconds: float) -> ChaosFault:
    to_process = bool(services) and random.random() < 2 / 3
    kind = random.choice(_TO_PROCESSES if to_process else _TO_RUNS)
    return ChaosFault(
        kind=kind,
        service=random.choice(services) if to_process else "",
        at_s=random.uniform(0.0, seconds),
        lasts_s=random.uniform(*_LASTS_S[kind]) if kind in _LASTS_S else 0.0,
    )
