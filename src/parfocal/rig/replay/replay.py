"""Runs the engine and the steps of a recorded run once more on its images, and compares what was decided."""

from __future__ import annotations

import logging
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.rig.offline.planned import schedule_of
from parfocal.rig.offline.source import source_of
from parfocal.rig.replay.replay_analysis import ReplayAnalysis
from parfocal.rig.replay.replay_clock import ReplayClock
from parfocal.rig.replay.replay_instruments import ReplayInstruments
from parfocal.rig.replay.replay_workers import ReplayWorkers
from parfocal.runs.analysis_rows import OUTCOMES, STIMULATION, stimulation_row
from parfocal.runs.engine import RunEngine
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.pipeline.pipeline import STEPS
from parfocal.runs.pipeline.plan_check import check_plan
from parfocal.runs.pipeline.request import pipeline_request
from parfocal.storage.recorded_run import RecordedRun, open_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.runs.event_log import SettledEvent
    from parfocal.runs.pipeline.request import PipelineRequest

_LOG = logging.getLogger("parfocal.replay")
_DECIDED = ("number", "t", "p", "image_event", "frame", "mask_hash", "outcome")
"""The columns of a stimulation that are the decision; the others are times, and what was read back."""
_BY_DECISION = [OUTCOMES.index(outcome) for outcome in ("fired", "fallback", "no mask")]
_LATE = [OUTCOMES.index(outcome) for outcome in ("fallback", "no mask")]


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to.

    Attributes
    ----------
    folder : str
        Of the record.
    stimuli : int
        Whose decisions were compared.
    late : int
        How many of these had no mask in time, then as now.
    left_out : int
        Stimuli of which an instrument or a person decided: lost, failed, cancelled, unsure.
    differences : tuple of str
        Where another decision was made now than then, a line each.
    """

    folder: str
    stimuli: int
    late: int
    left_out: int
    differences: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether all decisions were the same."""
        return not self.differences


def replay(folder: Path | str, *, workers: int | None = None, seed: int | None = None) -> ReplayReport:
    """Decide a recorded run once more, by its own engine and steps, on a clock that stands for nobody.

    Its images come from the record at once; what is decided depends on them alone. Masks that were late then
    are late now, whatever the machine does, and time points that were deferred are deferred. So the decisions
    are the same, byte for byte, on any machine and with any number of workers, as long as the steps are.

    Parameters
    ----------
    folder : path
        Of a run with a pipeline and stimuli.
    workers : int, optional
        Threads of this process that run the steps; by default as many as the pipeline had. A step that ends
        its process ends this one.
    seed : int, optional
        Have results come in another order, drawn from this.

    Raises
    ------
    BadInputError
        If the record has no pipeline or no decisions, if the run went on with another pipeline or mode, or a
        step can't be imported.
    """
    run = open_run(folder)
    if not isinstance(run, RecordedRun) or "stimulations" not in run.streams("rows"):
        raise BadInputError(f"{folder} holds no decisions: a replay needs a run with a pipeline and stimuli")
    request = _request_of(run, workers)
    then = run.rows("stimulations")
    lit_everywhere = (then["outcome"] == OUTCOMES.index("fired")) & (then["image_event"] < 0)
    compared = then[np.isin(then["outcome"], _BY_DECISION) & ~lit_everywhere]
    if not len(compared):
        raise BadInputError(f"{folder} ended before a stimulus was decided on: there is nothing to compare")
    now = _Replay(run, request, then, None if seed is None else Random(seed)).run()
    return ReplayReport(
        folder=str(run.folder),
        stimuli=len(compared),
        late=int(np.isin(compared["outcome"], _LATE).sum()),
        left_out=len(then) - len(compared),
        differences=tuple(_differences(compared, now)),
    )


class _Replay:
    """One replay."""

    def __init__(
        self, run: RecordedRun, request: PipelineRequest, then: NDArray[np.void], shuffled: Random | None
    ) -> None:
        source, log = source_of(run.folder), run.events()
        schedule = schedule_of(run, log)
        if schedule is None:
            raise BadInputError(f"{run.folder} was given no plan")
        images = {image.event.number: image.exposure for image in source.images}
        began_ns = min((one.header.time_ns - one.header.exposure_ns for one in images.values()), default=0)
        clock = ReplayClock(began_ns)
        found = check_plan(schedule.events(), request)
        self._decided: list[NDArray[np.void]] = []
        late = then[np.isin(then["outcome"], _LATE)]
        analysis = ReplayAnalysis(
            request,
            workers=ReplayWorkers(request.pipeline, source, shuffled),
            held=_NothingHeld(),
            sink=None,
            clock=clock,
            frame=source.frame,
            channel=found.channel,
            time_points=lambda: schedule.shape.get("t", 1),
            late={int(row["number"]): int(row["image_event"]) for row in late},
            deferred=_deferred(run),
        )
        self._engine = RunEngine(
            RunStart(run=run.folder.name, plan={}, layout=source.layout),
            schedule,
            ReplayInstruments(clock, images, log),
            clock=clock,
            log=_LOG,
            note=self._note,
            on_failure="go on",
            analysis=analysis,
        )

    def run(self) -> NDArray[np.void]:
        """Do it; return a row for each stimulus."""
        self._engine.start()
        self._engine.join(None)
        return np.concatenate([np.empty(0, STIMULATION), *self._decided])

    def _note(self, done: SettledEvent) -> None:
        if done.event.kind == "stimulus":
            self._decided.append(stimulation_row(done))


class _NothingHeld:
    """Frames of a record never leave: satisfies `parfocal.runs.pipeline.held_frames.HeldFrames`."""

    def open(self) -> None:
        """Do nothing."""

    def keep_from(self, time_ns: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _request_of(run: RecordedRun, workers: int | None) -> PipelineRequest:
    notes: dict[str, Any] = run.manifest.plan_notes
    if "pipeline" not in notes:
        raise BadInputError(f"{run.folder} was recorded without a pipeline")
    for number, phase in enumerate(run.manifest.phases, 1):
        if phase.plan_notes and _decides_by(phase.plan_notes) != _decides_by(notes):
            raise BadInputError(
                f"phase {number} of {run.folder} had another pipeline or stim_mode than its last one, and a "
                "replay decides the whole run by one: there is nothing that it could be compared with"
            )
    request = pipeline_request(notes["pipeline"], notes.get("stim_mode", "current"))
    if workers is None:
        return request
    if workers < 1:
        raise BadInputError(f"workers must be 1 or more, not {workers}")
    return msgspec.structs.replace(
        request, pipeline=msgspec.structs.replace(request.pipeline, workers=workers)
    )


def _decides_by(notes: dict[str, Any]) -> dict[str, Any]:
    """Return what decisions depend on: the mode and the steps, but not how quick these have to be."""
    pipeline = notes.get("pipeline", {})
    steps = {name: pipeline[name] for name in STEPS if name in pipeline}
    return {
        "steps": {name: (step["call"], step.get("settings", {})) for name, step in steps.items()},
        "channel": pipeline.get("channel", ""),
        "mode": notes.get("stim_mode"),
    }


def _deferred(run: RecordedRun) -> set[tuple[int, int]]:
    """Return the time points and positions whose rows stand behind those of later ones: t, p."""
    if "tracks" not in run.streams("rows"):
        return set()
    newest: defaultdict[int, int] = defaultdict(lambda: -1)
    late = set()
    rows = run.rows("tracks")
    for t, p in zip(rows["t"].tolist(), rows["p"].tolist(), strict=True):
        if t < newest[p]:
            late.add((t, p))
        newest[p] = max(newest[p], t)
    return late


def _differences(then: NDArray[np.void], now: NDArray[np.void]) -> list[str]:
    """Return where two tables of stimulations hold other decisions, a line for each stimulus."""
    known = {int(row["number"]): row for row in now}
    told = []
    for row in then:
        other = known.get(int(row["number"]))
        if other is None:
            told.append(f"t={row['t']}, p={row['p']}: not decided now")
            continue
        changed = [
            f"{name} {row[name]} then, {other[name]} now" for name in _DECIDED if row[name] != other[name]
        ]
        if changed:
            told.append(f"t={row['t']}, p={row['p']}: {'; '.join(changed)}")
    return told
