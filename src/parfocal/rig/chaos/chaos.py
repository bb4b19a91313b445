"""Runs of a simulated laboratory, one after another, while its processes are killed and stopped."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError
from parfocal.rig.assemble import service_specs
from parfocal.rig.chaos.faults import FaultDeck
from parfocal.rig.chaos.one_run import OneRun
from parfocal.rig.chaos.promises import ChaosReport, outcomes
from parfocal.rig.chaos.trial_plan import trial_plan
from parfocal.rig.chaos.watching import ChaosWatch
from parfocal.rig.config import RigConfig
from parfocal.rig.opening import load_source, open_rig
from parfocal.rig.simulated import by_class, is_simulated
from parfocal.runs.plans.any_plan import AnyPlan, as_plan
from parfocal.runs.plans.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.rig.chaos.promises import BrokenPromise
    from parfocal.rig.rig import Rig
    from parfocal.runs.plans.plan import Plan

_SAMPLE = "simulated_world"
_SHORTEST_S = 1.0
_LONGEST_S = 60.0


def run_chaos(
    source: str | Path | Mapping[str, Any] | RigConfig,
    *,
    plan: AnyPlan | None = None,
    minutes: float = 1.0,
    seed: int = 0,
    folder: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
    until_broken: bool = False,
) -> ChaosReport:
    """Run a plan again and again while things are done to a laboratory; tell which promises held.

    The laboratory is started anew under a name of its own, ``<name>-chaos``: one that runs is not touched.
    In each run up to three processes are killed, stopped for seconds or held up for a moment, or the run is
    paused and cancelled. After it everything that can be compared is compared: when deaths were told, the
    ledgers of all streams, how long each light reached the sample, what the handle answered, and each frame
    of the record with what the record says. Limits of time are longer by as much as this machine stood still.

    Parameters
    ----------
    source : str, path, mapping or RigConfig
        A simulated laboratory, as for `open_rig`.
    plan : plan, mapping or path, optional
        By default some seconds of whatever the laboratory has.
    minutes : float
        For how long runs are begun.
    seed : int
        Of what is done; when it takes effect is up to the machine.
    folder : Path, optional
        Where the records are kept. By default they are removed, unless a promise was broken.
    report : callable
        Is told, in a line each, what happens.
    until_broken : bool
        End with the first run that breaks a promise.

    Raises
    ------
    BadInputError
        If a device is not simulated, or a value is wrong. Nothing was started.
    """
    if not (math.isfinite(minutes) and minutes > 0.0):
        raise BadInputError(f"minutes must be above 0, not {minutes}")
    config = load_source(source)
    if not is_simulated(config.model_dump()["services"], by_class):
        raise BadInputError(
            f"rig {config.name!r} has a device that is not simulated: nothing is killed there "
            "(a class of your own says so by `simulated = True`)"
        )
    given = None if plan is None else as_plan(plan)
    with_records = Path(tempfile.mkdtemp(prefix="parfocal-chaos-")) if folder is None else folder
    name = f"{config.name[:26]}-chaos"
    with open_rig(config, name=name) as rig, closing(ChaosWatch(rig)) as watching:
        chaos = _Chaos(rig, config, watching, given or trial_plan(rig, config), Random(seed), with_records)
        ends_s = SYSTEM_CLOCK.monotonic_s() + 60.0 * minutes
        while SYSTEM_CLOCK.monotonic_s() < ends_s and not (until_broken and chaos.breaches):
            if not chaos.run_once(report):
                break
    done = chaos.report(config.name, seed)
    if folder is None and done.held:
        shutil.rmtree(with_records)
        return done
    return replace(done, folder=str(with_records))


class _Chaos:
    """Runs one after another, and what they came to."""

    def __init__(
        self, rig: Rig, config: RigConfig, watching: ChaosWatch, plan: Plan, random: Random, folder: Path
    ) -> None:
        self._rig, self._watching, self._plan, self._folder = rig, watching, plan, folder
        specs = {spec.name: spec for spec in service_specs(config)}
        self._hang_after_s = {name: spec.hang_after_s for name, spec in specs.items()}
        samples = {name for name, service in config.services.items() if service.kind == _SAMPLE}
        self._samples = tuple(sorted(samples))
        self._deck = FaultDeck(random, sorted(set(specs) - samples))
        schedule = Schedule(plan)
        self._seconds = min(max(schedule.duration_s, _SHORTEST_S), _LONGEST_S)
        self._longest_light_s = _longest_exposure_s(schedule)
        self._outcomes: list[str] = []
        self._faults = 0
        self._checks: Counter[str] = Counter()
        self.breaches: list[BrokenPromise] = []

    def run_once(self, report: Callable[[str], None]) -> bool:
        """Have one run, and compare; return whether the laboratory is ready for the next."""
        faults = self._deck.draw(self._seconds)
        name = f"chaos-{len(self._outcomes) + 1:04d}"
        one = OneRun(self._rig, self._watching, name, faults, self._samples)
        one.carry_out(self._plan, self._folder, self._hang_after_s, 10.0 * self._seconds)
        ready = one.compare(self._longest_light_s)
        self._outcomes.append(one.outcome)
        self._faults += len(one.inflicted)
        self._checks.update(one.checks)
        self.breaches.extend(one.breaches)
        report(f"{one.name}: {one.outcome}; {', '.join(one.inflicted) or 'nothing done'}")
        for breach in one.breaches:
            report(f"  broken: {breach.promise}: {breach.told}")
        return ready

    def report(self, rig: str, seed: int) -> ChaosReport:
        """Return what became of all runs."""
        return ChaosReport(
            rig=rig,
            seed=seed,
            runs=len(self._outcomes),
            faults=self._faults,
            outcomes=outcomes(self._outcomes),
            checks=dict(self._checks),
            breaches=tuple(self.breaches),
        )


def _longest_exposure_s(schedule: Schedule) -> float:
    """Return how long a light may be wanted without a break; infinite where a camera runs by itself."""
    events = (schedule.event(number) for number in range(len(schedule)))
    exposures = (
        math.inf if event.kind == "acquire" else (event.exposure_ms or 0.0) * 1e-3 for event in events
    )
    return max(exposures, default=0.0)
