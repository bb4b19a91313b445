"""A campaign: several runs, each with values that the ones before have led to. In its script's process."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import plain

if TYPE_CHECKING:
    from parfocal.rig.lab import Lab
    from parfocal.runs.plans.any_plan import AnyPlan
    from parfocal.storage import RecordedRun

FILE = "campaign.jsonl"
"""The index of its runs, in the record of the script: a line for each step."""
_SCORED = ("complete", "finished early")


class Optimiser(Protocol):
    """What says which values are tried next, and learns how good they were."""

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
    run, folder, outcome : str
        The run, where its record is, and how it ended.
    score : float or None
        How good it was; None for a run that has none, as it was cut short.
    """

    step: int
    of: int
    values: dict[str, Any]
    run: str
    folder: str
    outcome: str
    score: float | None = None


def carry_out(
    lab: Lab,
    run: str,
    plan: Callable[..., AnyPlan],
    score: Callable[[RecordedRun], float],
    optimiser: Optimiser,
    steps: int,
    options: Mapping[str, Any],
) -> tuple[CampaignStep, ...]:
    """Carry out the steps of a campaign, the script `run` of a lab; see `Lab.campaign`."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise BadInputError(f"steps must be a whole number of 1 or more, not {steps!r}")
    index = Path(lab.runs[run].status().folder) / FILE
    done = []
    for number in range(1, steps + 1):
        values = _asked(optimiser)
        lab.step(_text(values), number, steps)
        notes = {"campaign": run, "step": number, "values": values}
        handle = lab.run(plan(**values), name=f"{run}-{number}", notes=notes, **options)
        status = handle.wait()
        found = _score(score, status.folder) if status.outcome in _SCORED else None
        if found is not None:
            optimiser.tell(values, found)
        step = CampaignStep(
            step=number,
            of=steps,
            values=values,
            run=status.run,
            folder=status.folder,
            outcome=status.outcome,
            score=found,
        )
        _keep(index, step)
        lab.log(f"step {number} of {steps}: {'no score' if found is None else f'score {found:.6g}'}")
        done.append(step)
    return tuple(done)


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


def _score(score: Callable[[RecordedRun], float], folder: str) -> float | None:
    from parfocal.storage import open_run

    if not folder:
        raise BadInputError("a step has no record that could be scored: the rig has no recorder")
    found = float(score(open_run(folder)))
    return found if math.isfinite(found) else None


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
