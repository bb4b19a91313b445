"""A campaign: steps, each with values that the ones before have led to. In its script's process."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.known_types import known
from parfocal.rig.campaign_runs import RunForAll, RunForEach
from parfocal.runs.plans.fields import plain
from parfocal.runs.scripts.script_gate import ScriptStopped

if TYPE_CHECKING:
    from parfocal.rig.lab import Lab
    from parfocal.runs.plans.any_plan import AnyPlan
    from parfocal.storage import RecordedRun

FILE = "campaign.jsonl"
"""The index of its runs, in the record of the script: a line for each step."""
_SCORED = ("complete", "finished early")


class Optimiser(Protocol):
    """What says which values are tried next, and learns how good they were.

    One that has a method ``leave_out(values)``, too, is told by it of trials that have no score.
    """

    def ask(self) -> Mapping[str, Any]:
        """Return the values of the next trial, by name."""
        ...

    def tell(self, values: Mapping[str, Any], score: float) -> None:
        """Take the score of a trial."""
        ...


class CampaignStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a campaign.

    Attributes
    ----------
    step, of : int
        Its number from 1 on, and how many there may be.
    values : dict
        What was tried.
    rig : str
        Where it was carried out.
    run, folder, outcome : str
        The run, where its record is, and how the step ended.
    score : float or None
        How good it was; None for one that has none, as it was cut short.
    first_event, events : int or None
        Of a step within a run that has others, too: the number of its first event, and how many it has.
    """

    step: int
    of: int
    values: dict[str, Any]
    rig: str = ""
    run: str
    folder: str
    outcome: str
    score: float | None = None
    first_event: int | None = None
    events: int | None = None


@dataclass(frozen=True, eq=False)
class CampaignRig:
    """A rig on which steps of a campaign are carried out, one at a time.

    Its name, how steps become runs there, and whether there may be another one.
    """

    name: str
    runs: RunForEach | RunForAll
    is_open: Callable[[], bool] = lambda: True


def carry_out(
    lab: Lab,
    run: str,
    plan: Callable[..., AnyPlan],
    score: Callable[[RecordedRun], float],
    optimiser: Optimiser,
    steps: int,
    rigs: Sequence[CampaignRig],
) -> tuple[CampaignStep, ...]:
    """Carry out the steps of a campaign, the script `run` of a lab, on `rigs`; see `Lab.campaign`."""
    index = Path(lab.runs[run].status().folder) / FILE
    free: list[CampaignRig] = list(rigs)
    busy: dict[CampaignRig, tuple[int, dict[str, Any]]] = {}
    done: list[CampaignStep] = []
    begun, stopped = 0, None
    while busy or begun < steps:
        try:
            while stopped is None and begun < steps and (rig := _next_free(free, busy)) is not None:
                values = _asked(optimiser)
                where = f"{rig.name}: " if len(rigs) > 1 else ""
                lab.step(where + _text(values), begun + 1, steps)
                begun += 1
                rig.runs.begin(plan(**values), begun, {"campaign": run, "step": begun, "values": values})
                busy[rig] = (begun, values)
        except ScriptStopped as end:  # to finish is to bring to an end what is in hand, on all rigs
            stopped = end
        if not busy:
            break
        what = f"step {', '.join(str(number) for number, _ in busy.values())}"
        ended = lab.wait_until(partial(_done, busy), what=what)
        assert ended is not None
        step = _scored(score, optimiser, ended, *busy.pop(ended), steps)
        _keep(index, step)
        lab.log(
            f"step {step.step} of {steps}: {'no score' if step.score is None else f'score {step.score:.6g}'}"
        )
        done.append(step)
        free.append(ended)
    for rig in rigs:
        rig.runs.end()
    if stopped is not None:
        raise stopped
    return tuple(done)


def _next_free(free: list[CampaignRig], busy: Mapping[CampaignRig, Any]) -> CampaignRig | None:
    """Take the next rig that has no step in hand; None if there is none.

    Raises
    ------
    BadInputError
        If none is left on which a step could be carried out.
    """
    while free:
        rig = free.pop(0)
        if rig.is_open():
            return rig
    if not busy:
        raise BadInputError("no rig is left for the next step: what the campaign has started there was ended")
    return None


def _done(busy: Mapping[CampaignRig, Any]) -> CampaignRig | None:
    """Return a rig whose step is done."""
    return next((rig for rig in busy if rig.runs.is_done()), None)


def _scored(
    score: Callable[[RecordedRun], float],
    optimiser: Optimiser,
    rig: CampaignRig,
    number: int,
    values: dict[str, Any],
    of: int,
) -> CampaignStep:
    """Return a step that has ended, with its score, and tell the optimiser."""
    result = rig.runs.result()
    found = None
    if result.outcome in _SCORED:
        given = float(score(result.record()))
        found = given if math.isfinite(given) else None
    if found is not None:
        optimiser.tell(values, found)
    elif (leave_out := getattr(optimiser, "leave_out", None)) is not None:
        leave_out(values)
    return CampaignStep(
        step=number,
        of=of,
        values=values,
        rig=rig.name,
        run=result.status.run,
        folder=result.status.folder,
        outcome=result.outcome,
        score=found,
        first_event=result.first_event,
        events=result.events,
    )


def steps_in(folder: Path) -> Iterator[CampaignStep]:
    """Yield the steps that the record of a campaign has; a line that is being written is left for later."""
    file = folder / FILE
    if file.is_file():
        for line in file.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                yield msgspec.json.decode(line, type=CampaignStep)


def _asked(optimiser: Optimiser) -> dict[str, Any]:
    """Return what is tried next, numbers of numpy as Python's own; refuse what no record can keep.

    Examples
    --------
    >>> import numpy as np
    >>> class Listed:
    ...     def ask(self):
    ...         return {"z_um": np.float64(1.5)}
    >>> _asked(Listed())
    {'z_um': 1.5}
    """
    values: dict[str, Any] = plain(dict(optimiser.ask()), "what the optimiser asks for")
    for name, value in values.items():
        try:
            msgspec.json.encode(value)
        except TypeError as error:
            raise BadInputError(
                f"the optimiser asks for {name} = {value!r}, which can't be kept in the record: "
                "give numbers, texts and lists of these"
            ) from error
    return values


def _keep(index: Path, step: CampaignStep) -> None:
    with index.open("a", encoding="utf-8") as file:
        file.write(json.dumps(msgspec.to_builtins(step)) + "\n")


def _text(values: Mapping[str, Any]) -> str:
    """Return values in words.

    Examples
    --------
    >>> _text({"z_um": 2.34567891, "channel": "nucleus"})
    'z_um = 2.34568, channel = nucleus'
    """
    shown = {
        name: f"{value:.6g}" if isinstance(value, float) else str(value) for name, value in values.items()
    }
    return ", ".join(f"{name} = {value}" for name, value in shown.items())


known(CampaignStep)
