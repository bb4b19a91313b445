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
_IN_THE_LIGHT = 2 / 3
"""Of the harm to processes: what leaves a light on does so only where there is one."""
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
    lit : bool
        Whether it is done when a light reaches the sample, at that time or as soon after it as one does.
    """

    kind: FaultKind
    at_s: float
    service: str = ""
    lasts_s: float = 0.0
    lit: bool = False

    def __str__(self) -> str:
        lasts = f" for {self.lasts_s:.2f} s" if self.lasts_s else ""
        when = " in the light after" if self.lit else " at"
        return f"{self.kind} {self.service or 'the run'}{lasts}{when} {self.at_s:.2f} s"


class FaultDeck:
    """What is done, run after run: each harm comes to each process before any comes to it again.

    Parameters
    ----------
    random : Random
        The same seed gives the same faults.
    services : sequence of str
        Whose processes may be killed or stopped.

    Examples
    --------
    >>> from random import Random
    >>> deck = FaultDeck(Random(2), ["camera", "recorder"])
    >>> for fault in deck.draw(3.0):
    ...     print(fault)
    kill recorder in the light after 1.74 s
    """

    def __init__(self, random: Random, services: Sequence[str]) -> None:
        self._random = random
        self._all = [(kind, service) for service in services for kind in _TO_PROCESSES]
        self._left: list[tuple[FaultKind, str]] = []

    def draw(self, seconds: float) -> tuple[ChaosFault, ...]:
        """Return what is done in the next run, which is expected to take so long, in the order of time."""
        drawn = [self._one(seconds) for _ in range(self._random.randint(1, _MOST))]
        return tuple(sorted(drawn, key=lambda fault: fault.at_s))

    def _one(self, seconds: float) -> ChaosFault:
        random = self._random
        to_process = bool(self._all) and random.random() < 2 / 3
        kind, service = self._harm() if to_process else (random.choice(_TO_RUNS), "")
        return ChaosFault(
            kind=kind,
            service=service,
            at_s=random.uniform(0.0, seconds),
            lasts_s=random.uniform(*_LASTS_S[kind]) if kind in _LASTS_S else 0.0,
            lit=to_process and random.random() < _IN_THE_LIGHT,
        )

    def _harm(self) -> tuple[FaultKind, str]:
        if not self._left:
            self._left = self._random.sample(self._all, len(self._all))
        return self._left.pop()
