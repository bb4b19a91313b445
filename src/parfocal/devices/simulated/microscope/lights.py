"""How much of each light reaches the sample, as steps in time. Pure."""

from __future__ import annotations

from itertools import pairwise

import msgspec

_STEPS_KEPT = 32
STEPS_OF_A_CHANGE = 2
"""How many steps a change adds at most: now, and when the shutter arrives."""


class LightStep(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From `time_ns` on, a light reaches the sample with `level`, 0 to 1."""

    time_ns: int
    level: float


class SampleLight(msgspec.Struct, frozen=True, array_like=True):
    """One light: what it is set to, and the last steps of what reaches the sample.

    Attributes
    ----------
    power : float
        Of the lamp, 0 to 1.
    opened : bool
        Whether its shutter is open, or opening.
    arrives_ns : int
        When the shutter is there.
    passed : bool
        Whether light passes until then.
    steps : tuple of LightStep
        In the order of their times; the last one may lie ahead, when the shutter arrives.
    masked : bool
        Whether the modulator before it, if there is one, is blank: nothing reaches the sample then.

    Examples
    --------
    >>> light = SampleLight().with_shutter(True, now_ns=0, arrives_ns=5).with_power(0.5, now_ns=1)
    >>> light.level(4), light.level(5), light.mean_level(0, 10)
    (0.0, 0.5, 0.25)
    """

    power: float = 0.0
    opened: bool = False
    arrives_ns: int = 0
    passed: bool = False
    steps: tuple[LightStep, ...] = (LightStep(0, 0.0),)
    masked: bool = False

    def level(self, now_ns: int) -> float:
        """Return how much of it reaches the sample at a time; before all steps, as much as by the oldest."""
        held = (step.level for step in reversed(self.steps) if step.time_ns <= now_ns)
        return next(held, self.steps[0].level)

    def mean_level(self, start_ns: int, end_ns: int) -> float:
        """Return how much of it reaches the sample between two times, on average."""
        if end_ns <= start_ns:
            return self.level(start_ns)
        within = [step for step in self.steps if start_ns < step.time_ns < end_ns]
        if not within:
            return self.level(start_ns)
        borders = [LightStep(start_ns, self.level(start_ns)), *within, LightStep(end_ns, 0.0)]
        dose = sum(first.level * (second.time_ns - first.time_ns) for first, second in pairwise(borders))
        return dose / (end_ns - start_ns)

    def is_open(self, now_ns: int) -> bool:
        """Whether light passes the shutter at a time; one that moves is as it was until it is there."""
        return self.opened if now_ns >= self.arrives_ns else self.passed

    def with_power(self, power: float, now_ns: int) -> SampleLight:
        """Return it with a power, from `now_ns` on; itself, if that is its power already."""
        if power == self.power:
            return self
        return self._changed(msgspec.structs.replace(self, power=power), now_ns)

    def with_shutter(self, opened: bool, now_ns: int, arrives_ns: int) -> SampleLight:
        """Return it with its shutter on the way; itself, if that is there already, or under way there."""
        if opened == self.opened:
            return self
        passed = self.is_open(now_ns)
        moving = msgspec.structs.replace(self, opened=opened, arrives_ns=arrives_ns, passed=passed)
        return self._changed(moving, now_ns)

    def with_modulator(self, blank: bool, now_ns: int) -> SampleLight:
        """Return it with its modulator blank, or not, from `now_ns` on; itself, if that is so already."""
        if blank == self.masked:
            return self
        return self._changed(msgspec.structs.replace(self, masked=blank), now_ns)

    def _changed(self, other: SampleLight, now_ns: int) -> SampleLight:
        """Return `other` with the steps until now, what it is now, and what it will be."""
        steps = [step for step in self.steps if step.time_ns <= now_ns]
        for time_ns in sorted({now_ns, max(now_ns, other.arrives_ns)}):
            level = 0.0 if other.masked else other.power * other.is_open(time_ns)
            if level != steps[-1].level:
                steps.append(LightStep(time_ns, level))
        return msgspec.structs.replace(other, steps=tuple(steps[-_STEPS_KEPT:]))
