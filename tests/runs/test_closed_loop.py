"""Runs with a pipeline, its workers in threads of this process: what becomes of masks, late or not."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future

import numpy as np
import pytest

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError, CommandError
from parfocal.core.frames import FrameHeader
from parfocal.core.modulation import PackedMask
from parfocal.runs.engine import RunEngine
from parfocal.runs.instruments.instruments import (
    ExposedFrame,
    InstrumentRestartedError,
    RunStart,
    StimulusMask,
)
from parfocal.runs.journal import RunJournal
from parfocal.runs.journal_entries import Began, Settled
from parfocal.runs.journal_file import read_journal
from parfocal.runs.machine.tasks import Decide
from parfocal.runs.pipeline import live_analysis
from parfocal.runs.pipeline.analysed import FrameMask
from parfocal.runs.pipeline.image_group import cut_time_points
from parfocal.runs.pipeline.live_analysis import LiveAnalysis
from parfocal.runs.pipeline.pipeline import STEPS as STEP_NAMES
from parfocal.runs.pipeline.pipeline import Pipeline
from parfocal.runs.pipeline.request import PipelineRequest
from parfocal.runs.pipeline.step import Step
from parfocal.runs.pipeline.time_point import PositionMemory
from parfocal.runs.plans.combine import combine
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence
from parfocal.testing.analysis import MEMORY_FRAMES, MemorySink, MemoryWorkers, NothingHeld
from parfocal.testing.instruments import MemoryInstruments

PATIENCE_S = 60.0
STEPS = "parfocal.testing.steps:"
LOG = logging.getLogger("test loop")


def pipeline(**more):
    steps = {"segment": "bright", "stimulate": "cells"}
    steps |= {name: more.pop(name) for name in STEP_NAMES if name in more}
    named = {name: STEPS + step if isinstance(step, str) else step for name, step in steps.items()}
    return Pipeline(**named, **{"deadline_s": PATIENCE_S, **more})


def series(loops=3, **more):
    stimuli = {"stim_channels": [{"config": "blue", "exposure": 1}], "stim_frames": "all"}
    return Sequence(time_plan={"interval": 0, "loops": loops}, **{"channels": ["green"], **stimuli, **more})


class PatientInstruments(MemoryInstruments):
    """Places each stimulus only when `is_ready` says so of its event."""

    is_ready = staticmethod(lambda event: True)

    def place(self, event):
        if event.kind == "stimulus":
            assert poll_until(lambda: self.is_ready(event), PATIENCE_S, every_s=0.002)
        return super().place(event)


class Loop:
    """A run with a pipeline, on instruments in memory."""

    def __init__(
        self,
        plan,
        steps,
        mode="current",
        before=None,
        image_of=None,
        completes=False,
        folder="",
        cut=(),
        **options,
    ):
        self.instruments = PatientInstruments(SYSTEM_CLOCK, exposure_s=0.001, folder=folder)
        self.workers = MemoryWorkers(steps, image_of)
        self.sink, self.held = MemorySink(), NothingHeld()
        self.settled = []
        schedule = Schedule(plan)
        self.analysis = LiveAnalysis(
            PipelineRequest(pipeline=steps, mode=mode),
            workers=self.workers,
            held=self.held,
            sink=self.sink,
            clock=SYSTEM_CLOCK,
            frame=MEMORY_FRAMES,
            channel="green",
            time_points=lambda: schedule.shape["t"],
            completes=completes,
            cut=frozenset(cut),
        )
        if before is not None:
            self.analysis.go_on_from(before.analysis)
        self.run = RunEngine(
            RunStart(run="loop", plan={}),
            schedule,
            self.instruments,
            clock=SYSTEM_CLOCK,
            log=LOG,
            analysis=self.analysis,
            **{"note": self.settled.append, **options},
        )

    def until(self, condition):
        assert poll_until(condition, PATIENCE_S, every_s=0.002), self.run.status()

    def until_it_decides(self, t):
        """Wait until the run waits for the mask of time point `t`."""

        def decides():
            task = self.run._machine.task
            return isinstance(task, Decide) and task.event.index["t"] == t

        self.until(decides)

    def start(self):
        self.run.start()
        return self

    def end(self):
        assert self.run.join(PATIENCE_S), self.run.status()
        return self.run.status()

    @property
    def stimuli(self):
        return [one for one in self.settled if one.event.kind == "stimulus"]

    @property
    def masked(self):
        """Of each stimulus its t and that of the image from which its mask was made."""
        return [
            (one.event.index["t"], None if one.stimulus.fired is None else one.stimulus.mask.event.index["t"])
            for one in self.stimuli
        ]


def times_of(written):
    """Return the time points that were written, in their order: each worker writes when it comes to it."""
    return sorted(frame.event.index["t"] for frame in written)


def counted(status):
    stimuli = status.stimulations
    return stimuli.asked, stimuli.fired, stimuli.fallback, stimuli.unsure


def test_each_stimulus_has_the_mask_of_its_own_time_point():
    loop = Loop(series(4), pipeline()).start()
    status = loop.end()
    assert (status.outcome, counted(status)) == ("complete", (4, 4, 0, 0))
    assert loop.masked == [(0, 0), (1, 1), (2, 2), (3, 3)]
    for settled, (number, mask) in zip(loop.stimuli, loop.instruments.stimulated, strict=True):
        assert number == settled.event.number
        assert mask.image_event == number - 1
        left = 2 + mask.frame % 24  # where the square is in that frame
        assert np.argwhere(mask.mask).min(axis=0).tolist() == [8, left]
        assert set(np.unique(mask.mask)) == {0, 255}


def test_a_mask_that_is_delivered_twice_is_fired_and_kept_once():
    loop = Loop(series(3), pipeline())
    submit = loop.workers.submit
    loop.workers.submit = lambda job, done: submit(job, lambda future: (done(future), done(future)))
    status = loop.start().end()
    assert (status.outcome, counted(status)) == ("complete", (3, 3, 0, 0))
    assert [mask.image_event for _, mask in loop.instruments.stimulated] == [0, 2, 4]
    assert times_of(loop.sink.images) == [0, 1, 2]


def test_what_was_found_is_written_after_the_light_that_follows(monkeypatch):
    monkeypatch.setattr(live_analysis, "_LIGHT_FIRST_S", PATIENCE_S)
    loop = Loop(series(4), pipeline())
    stimulate, written = loop.instruments.stimulate, []

    def noting(event, mask):
        written.append(len(loop.sink.images))
        return stimulate(event, mask)

    loop.instruments.stimulate = noting
    assert loop.start().end().outcome == "complete"
    assert all(count <= t for t, count in enumerate(written)), written
    assert len(loop.sink.images) == len(loop.sink.cells) == 4


def test_an_image_is_noted_after_the_light_that_follows_or_a_moment_later(tmp_path):
    """Whoever recovers a run that is killed in between has it in the journal, and writes it down."""
    at = []
    journal = RunJournal(Began(run="loop", at=0.0), LOG)
    loop = Loop(series(1), pipeline(late="hold"), folder=str(tmp_path), journal=journal, at=at.append)
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until_it_decides(0)
    assert (loop.settled, at) == ([], [1])
    (kept,) = [one for one in read_journal(tmp_path).entries if isinstance(one, Settled)]
    loop.run.catch_up()
    assert [one.row.tobytes() for one in loop.settled] == [kept.row]
    loop.workers.let_go()
    assert loop.end().outcome == "complete"
    assert ([one.event.number for one in loop.settled], at) == ([0, 1], [1, 2])


def test_an_event_that_cannot_be_noted_ends_the_run_whoever_notes_it():
    def note(done):
        raise OSError(f"no room for event {done.event.number}")

    loop = Loop(series(1), pipeline(late="hold"), note=note)
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until_it_decides(0)
    loop.run.catch_up()
    status = loop.end()
    assert (status.outcome, status.reason.split(";")[0]) == ("failed", "OSError: no room for event 0")
    assert [(error.type, error.message) for error in status.errors.last] == [
        ("OSError", "no room for event 0")
    ]
    assert status.stimulations.fired == 0


def test_what_cannot_be_noted_keeps_no_stimulus_that_was_fired_from_the_record():
    noted = []

    def note(done):
        if done.event.number == 0:
            raise OSError("no room")
        assert not loop.run.has_ended, "its record is closed by then"
        noted.append((done.event.number, done.outcome))

    loop = Loop(series(2), pipeline(), note=note)
    status = loop.start().end()
    assert (status.outcome, status.reason.split(";")[0]) == ("failed", "OSError: no room")
    assert (noted, status.stimulations.fired) == ([(1, "acquired")], 1)


def test_a_stimulus_that_cannot_be_predicted_is_noted_all_the_same(monkeypatch):
    loop = Loop(series(1), pipeline())
    predict = loop.run._prediction._fetched

    def fails(prediction, event):
        if event.kind == "stimulus":
            raise ArithmeticError("no number")
        predict(event)

    monkeypatch.setattr(type(loop.run._prediction), "_fetched", fails)
    status = loop.start().end()
    assert [(one.event.number, np.isnan(one.predicted_s)) for one in loop.settled] == [(0, False), (1, True)]
    assert (status.outcome, status.stimulations.fired) == ("complete", 1)
    assert [(error.type, error.message) for error in status.errors.last] == [("ArithmeticError", "no number")]


def test_frames_are_let_go_of_also_where_no_stimulus_is_ever_fired():
    loop = Loop(series(5), pipeline(late="skip"))
    submit = loop.workers.submit
    loop.workers.submit = lambda job, done: submit(job, lambda _: done(failed(RuntimeError("no mask"))))
    assert loop.start().end().stimulations.fired == 0
    newest_ns = [one.exposure.header.time_ns for one in loop.settled if one.event.kind == "image"]
    assert len(loop.held.kept_from_ns) >= 5
    assert loop.held.kept_from_ns[-1] == newest_ns[-1] + 1


def failed(error):
    future = Future()
    future.set_exception(error)
    return future


def test_a_stimulus_that_is_held_keeps_what_was_found_from_being_written_for_a_moment_only():
    loop = Loop(series(1), pipeline())
    gate = threading.Event()
    loop.instruments.is_ready = lambda event: gate.is_set()
    loop.start()
    loop.until(lambda: len(loop.sink.images) == 1)
    assert not loop.stimuli
    gate.set()
    assert loop.end().outcome == "complete"


def test_a_result_that_cannot_be_taken_in_is_told_and_the_run_goes_on():
    loop = Loop(series(3), pipeline(late="skip"))
    submit = loop.workers.submit

    def not_understood(job, done):
        def spoilt(future):
            whole = Future()
            whole.set_result(future.result()._replace(found=None))
            done(whole)

        return submit(job, spoilt if job.t == 1 else done)

    loop.workers.submit = not_understood
    status = loop.start().end()
    assert loop.masked == [(0, 0), (1, None), (2, 2)]
    assert [(error.source, error.type) for error in status.errors.last] == [("pipeline", "AttributeError")]


def test_in_previous_mode_it_has_that_of_the_time_point_before():
    status = (loop := Loop(series(4), pipeline(), mode="previous").start()).end()
    assert loop.masked == [(0, None), (1, 0), (2, 1), (3, 2)]
    assert counted(status) == (4, 3, 1, 0)
    assert status.events_dropped == {"no mask": 1}
    assert status.outcome == "complete"


def test_in_previous_mode_the_mask_before_a_lost_image_does_not_take_its_place():
    loop = Loop(series(4), pipeline(late="skip"), mode="previous")
    loop.instruments.faults = {2: "lost"}  # the image of time point 1
    status = loop.start().end()
    assert loop.masked == [(0, None), (1, 0), (2, None), (3, 2)]
    assert status.stimulations.fallback == 2


def test_in_previous_mode_the_time_point_before_is_the_last_one_with_an_image_of_the_plan():
    plan = combine(
        series(2, stim_channels=(), stim_frames=()), series(2, channels=["red"]), series(1), axis="t"
    )
    loop = Loop(plan, pipeline(), mode="previous")
    loop.start().end()
    assert loop.masked == [(2, 1), (3, 1), (4, 1)]


def test_positions_do_not_share_masks():
    plan = series(3, stage_positions=[(0, 0), (5, 0)])
    status = (loop := Loop(plan, pipeline(workers=2)).start()).end()
    assert counted(status) == (6, 6, 0, 0)
    for settled in loop.stimuli:
        made_from = settled.stimulus.mask.event
        assert [made_from.index[axis] for axis in "tp"] == [settled.event.index[axis] for axis in "tp"]


def test_a_late_mask_is_never_fired_when_the_policy_skips():
    loop = Loop(series(3), pipeline(deadline_s=0.001, late="skip"))
    loop.workers.held |= {(0, 0), (1, 0), (2, 0)}
    loop.start()
    loop.until(lambda: len(loop.stimuli) == 3)
    loop.workers.let_go()
    status = loop.end()
    assert loop.masked == [(0, None), (1, None), (2, None)]
    assert (counted(status), status.events_dropped) == ((3, 0, 3, 0), {"no mask": 3})
    assert status.outcome == "complete"
    assert loop.instruments.stimulated == []
    assert len(loop.sink.cells) == 3


def test_the_newest_mask_takes_the_place_of_a_late_one_where_that_is_the_policy():
    loop = Loop(series(3), pipeline(deadline_s=0.001, late="previous"))
    loop.workers.held |= {(1, 0), (2, 0)}
    loop.instruments.is_ready = lambda event: bool(loop.sink.cells)  # the first one is not late
    loop.start()
    loop.until(lambda: len(loop.stimuli) == 3)
    loop.workers.let_go()
    status = loop.end()
    assert loop.masked == [(0, 0), (1, 0), (2, 0)]
    assert counted(status) == (3, 3, 2, 0)
    assert status.outcome == "complete"


@pytest.mark.parametrize(
    ("took_s", "late", "mode", "warns"),
    [
        (0.6, "skip", "current", True),
        (0.6, "abort", "current", True),
        (0.4, "skip", "current", False),
        (0.6, "hold", "current", False),
        (0.6, "skip", "previous", False),
    ],
)
def test_a_pipeline_that_takes_longer_than_its_masks_may_is_warned_of(took_s, late, mode, warns):
    """Every stimulus of a run was left out, and all that was told before was how long an image takes."""
    loop = Loop(series(2), pipeline(late=late, deadline_s=0.5), mode)
    loop.workers.took_s = took_s
    told = loop.start().end().forecast.warnings
    sentence = "an image takes 0.6 s to be analysed, and its mask may take 0.5 s: masks will be late"
    assert [one.partition(";")[0] for one in told] == [sentence] * warns


def test_a_run_that_holds_waits_for_the_mask():
    loop = Loop(series(2), pipeline(deadline_s=0.001, late="hold"))
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until_it_decides(0)
    loop.until(lambda: not loop.instruments.lit)  # nobody is lit meanwhile
    assert loop.stimuli == []
    loop.workers.let_go()
    status = loop.end()
    assert loop.masked == [(0, 0), (1, 1)]
    assert counted(status) == (2, 2, 0, 0)


def test_a_late_mask_ends_the_run_where_that_is_the_policy():
    loop = Loop(series(2), pipeline(deadline_s=0.001, late="abort"))
    loop.workers.held.add((0, 0))
    status = loop.start().end()
    assert (status.outcome, status.reason) == (
        "failed",
        "the mask of event 1 is not there yet; 1 time point was not analysed",
    )
    assert loop.instruments.stimulated == []


UNSEEN_FIRST = combine(series(1, channels=["red"]), series(2), axis="t")  # as a stimulus after its image


@pytest.mark.parametrize(
    ("mode", "masked"),
    [("current", [(0, None), (1, 1), (2, 2)]), ("previous", [(0, None), (1, None), (2, 1)])],
)
@pytest.mark.parametrize("late", ["skip", "hold", "previous", "abort"])
def test_a_stimulus_whose_image_was_taken_before_the_run_was_cut_short_is_left_out(late, mode, masked):
    loop = Loop(UNSEEN_FIRST, pipeline(late=late), mode, completes=True)
    status = loop.start().end()
    assert status.outcome == "complete", status
    assert loop.masked == masked
    assert status.stimulations.fallback == sum(image is None for _, image in masked)


@pytest.mark.parametrize(
    ("mode", "masked"),
    [("current", [(0, 0), (1, None), (2, 2)]), ("previous", [(0, None), (1, 0), (2, None)])],
)
@pytest.mark.parametrize("late", ["skip", "hold", "abort"])
def test_a_time_point_that_was_cut_in_two_is_not_analysed_with_part_of_its_images(late, mode, masked):
    """A step that tolerates a missing column would decide on other data without a word."""
    plan = series(3, channels=["red", "green"])
    loop = Loop(plan, pipeline(late=late), mode, completes=True, cut=[(1, 0)])
    status = loop.start().end()
    assert (status.outcome, status.reason) == ("complete", "1 time point was not analysed")
    assert loop.masked == masked
    assert sorted(job.t for job in loop.workers.jobs) == [0, 2]


def test_time_points_that_were_cut_in_two_are_those_of_which_some_images_are_left():
    schedule = Schedule(series(3, channels=["red", "green"]))  # events 0 to 2 are of t=0, and so on

    def cut(first, *settled, channel="green"):
        return sorted(t for t, _ in cut_time_points(schedule, channel, first, settled))

    assert [cut(first) for first in range(9)] == [[], [0], [], [], [1], [], [], [2], []]
    assert cut(9) == []
    assert cut(1, channel="blue") == [], "nothing of it is analysed"
    assert (cut(0, 1, 2), cut(1, 2, 3, 4), cut(0, 1, 2, 3), cut(0, 2, 3, 4, 5)) == ([0], [0], [0, 1], [])


def test_an_older_mask_is_of_a_time_point_before_the_wanted_one_however_soon_later_ones_are_made():
    """It was the newest one: of the image just taken, if that had been analysed by then."""
    memory = PositionMemory()
    for t in range(3):
        event = Event(number=t, kind="image", index={"t": t})
        everywhere = PackedMask.of(np.ones((2, 2), bool))
        stimulus = StimulusMask(image_event=t, frame=t, packed=everywhere)
        memory.masks.append(FrameMask(stimulus=stimulus, event=event, image_ns=t, mask_ns=t, columns={}))
    found = [memory.mask_before(t) for t in range(4)]
    assert [mask and mask.stimulus.image_event for mask in found] == [None, 0, 1, 2]


def test_a_stimulus_without_an_image_ends_a_run_that_completes_no_other_where_that_is_the_policy():
    status = Loop(UNSEEN_FIRST, pipeline(late="abort")).start().end()
    assert (status.outcome, status.reason) == ("failed", "the mask of event 1 has no image of its time point")


@pytest.mark.parametrize("late", ["skip", "hold", "previous"])
def test_a_step_that_raises_is_counted_and_the_run_goes_on(late):
    loop = Loop(series(3), pipeline(segment="fails_at_one", late=late)).start()
    status = loop.end()
    assert loop.masked == [(0, 0), (1, 0 if late == "previous" else None), (2, 2)]
    assert status.errors.count == 1
    (error,) = status.errors.last
    assert (error.source, error.type, error.message, error.event) == (
        "pipeline: segment",
        "ValueError",
        "no cells at t = 1",
        2,
    )
    assert status.stimulations.fallback == 1


def test_a_stimulus_that_was_dropped_before_its_mask_was_decided_tells_nothing_of_another_one():
    def is_ready(event):
        if event.index["t"] == 1:
            raise CommandError("the stage is jammed", service="stage")
        return True

    loop = Loop(series(3), pipeline(), on_failure="go on")
    loop.instruments.is_ready = is_ready
    status = loop.start().end()
    assert [one.outcome for one in loop.stimuli] == ["acquired", "failed", "acquired"]
    assert (loop.stimuli[1].stimulus.mask, loop.stimuli[1].stimulus.fired) == (None, None)
    assert (loop.masked, status.errors.count) == ([(0, 0), (1, None), (2, 2)], 1)


@pytest.mark.parametrize("steer", ["pause", "cancel", "finish"])
def test_a_run_that_waits_for_a_mask_is_steered_at_once(steer):
    loop = Loop(series(2), pipeline(late="hold"))
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until_it_decides(0)
    if steer == "pause":
        assert loop.run.pause().state == "paused"
        loop.workers.let_go()
        assert loop.instruments.stimulated == []
        loop.run.resume()
        assert loop.end().outcome == "complete"
        return
    getattr(loop.run, steer)()
    if steer == "finish":
        loop.workers.let_go()  # its image is analysed before the record is closed
    status = loop.end()
    assert status.outcome == {"cancel": "cancelled", "finish": "finished early"}[steer]
    assert loop.instruments.stimulated == []
    assert counted(status) == (0, 0, 0, 0)


def test_what_the_queue_has_no_room_for_is_analysed_later_in_the_order_of_each_position():
    plan = series(6, stim_channels=(), stim_frames=())
    steps = pipeline(segment="quarters", track="ByLabel", stimulate="cells", queue=2)
    loop = Loop(plan, steps)
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until(lambda: loop.run.status().state == "draining")
    assert loop.run.status().queues["deferred"].depth == 0  # not until the queue before them is done
    loop.workers.let_go()
    assert loop.end().outcome == "complete"
    assert [job.t for job in loop.workers.jobs] == [0, 1, 2, 3, 4, 5]
    deferred = {frame.event.index["t"]: frame.deferred for frame in loop.sink.cells}
    assert deferred == dict.fromkeys(range(3), False) | dict.fromkeys(range(3, 6), True)
    assert len(loop.sink.images) == 6


def test_cells_that_are_new_in_a_deferred_image_have_no_particle():
    plan = series(4, stim_channels=(), stim_frames=())
    loop = Loop(plan, pipeline(segment="quarters", track="ByLabel", queue=1), image_of=None)
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until(lambda: loop.run.status().state == "draining")
    loop.workers.let_go()
    loop.end()
    particles = {frame.event.index["t"]: frame.columns["particle"].tolist() for frame in loop.sink.cells}
    assert particles == {0: [0, 1, 2, 3], 1: [1, 2, 3], 2: [0, 1, 2, 3], 3: [0, 1, 2, 3]}


ALWAYS = [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("times", "particles"),
    [
        ([[4, 5], ALWAYS, ALWAYS, [2, 3, 4, 5]], {2: [0, 1, 3], 3: [0, 1, 3], 4: [2, 0, 1, 3]}),
        ([[2, 3], ALWAYS, ALWAYS, []], {2: [-1, 0, 1], 3: [-1, 0, 1], 4: [0, 1]}),
    ],
    ids=["seen again", "never seen in time"],
)
def test_a_cell_that_is_new_in_deferred_images_has_the_number_that_it_got_later(times, particles):
    steps = pipeline(
        segment=Step(call=STEPS + "quarters_at", settings={"times": times}), track="ByLabel", queue=1
    )
    loop = Loop(series(6), steps)
    analysis = loop.analysis
    analysis.begin(RunStart(run="loop", plan={}))
    loop.workers.held.add((0, 0))

    def expose(t):
        image = Event(number=t, kind="image", channel="green", index={"t": t, "p": 0})
        analysis.fetched(image)
        analysis.exposed(image, ExposedFrame(header=FrameHeader(frame=t)))
        analysis.fetched(None)

    for t in range(4):  # the first is at a worker, the second waits, and there is no room for more
        expose(t)
    loop.workers.let_go()
    assert poll_until(lambda: analysis.queues()["deferred"].depth == 2, PATIENCE_S)
    for t in (4, 5):
        expose(t)
        assert poll_until(lambda t=t: len(loop.sink.cells) == t - 1, PATIENCE_S)
    assert poll_until(lambda: not analysis.waits_for("record"), PATIENCE_S)
    assert analysis.stop() == ""
    found = {frame.event.index["t"]: frame.columns["particle"].tolist() for frame in loop.sink.cells}
    assert {t: found[t] for t in particles} == particles


def test_labels_that_find_no_room_are_kept_as_they_were_found_and_written_later():
    loop = Loop(series(4), pipeline())
    loop.sink.room = 1
    loop.start()
    loop.until(lambda: loop.run.status().state == "draining")
    loop.sink.room = 100
    status = loop.end()
    assert status.outcome == "complete"
    assert times_of(loop.sink.images) == times_of(loop.sink.cells) == [0, 1, 2, 3]
    fired = {one.event.index["t"]: one.stimulus.mask.stimulus.mask for one in loop.stimuli}
    for frame in loop.sink.images:
        assert np.array_equal(frame.mask, fired[frame.event.index["t"]])
        assert np.array_equal(frame.labels > 0, frame.mask > 0)
    assert len(loop.workers.jobs) == 4, "nothing is made twice: its image may be gone by then"


def test_a_cancelled_run_tells_for_how_many_images_there_was_no_room():
    loop = Loop(series(3), pipeline())
    loop.sink.room = 1
    loop.start()
    loop.until(lambda: loop.run.status().waiting_for == "labels of 2 images to be written")
    loop.run.cancel("enough")
    assert loop.end().reason == "enough; 2 images have no labels in the record"
    assert len(loop.analysis._images) == 0, "a run that has ended keeps no images"


@pytest.mark.parametrize("queue", [20, 1], ids=["at once", "deferred"])
def test_what_cannot_be_written_is_an_error_and_the_run_ends(queue):
    loop = Loop(series(4, stim_channels=(), stim_frames=()), pipeline(queue=queue))
    loop.workers.held.add((0, 0))
    write = loop.sink.write_rows

    def write_but_the_last(frame):
        if frame.event.index["t"] == 3:
            raise OverflowError("too much for an int")
        write(frame)

    loop.sink.write_rows = write_but_the_last
    loop.start()
    loop.until(lambda: loop.run.status().state == "draining")
    loop.workers.let_go()
    status = loop.end()
    assert times_of(loop.sink.cells) == [0, 1, 2]
    (error,) = status.errors.last
    assert (error.source, error.type, error.message, error.event) == (
        "pipeline",
        "OverflowError",
        "too much for an int",
        3,
    )


def test_a_run_does_not_end_before_what_it_has_found_is_written():
    loop = Loop(series(1), pipeline())
    may_write, write = threading.Event(), loop.sink.write_rows
    loop.sink.write_rows = lambda frame: (may_write.wait(PATIENCE_S), write(frame))
    loop.start()
    loop.until(lambda: loop.run.status().waiting_for == "1 time points to be analysed")
    assert not loop.run.has_ended
    may_write.set()
    assert loop.end().outcome == "complete"
    assert len(loop.sink.cells) == 1


def test_a_cancelled_run_tells_how_much_it_has_not_analysed():
    loop = Loop(series(3, stim_channels=(), stim_frames=()), pipeline())
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until(lambda: loop.run.status().state == "draining")
    loop.run.cancel("enough")
    status = loop.end()
    assert (status.outcome, status.errors.count) == ("cancelled", 0)
    assert status.reason == "enough; 3 time points were not analysed"


def test_what_is_deferred_behind_others_is_among_what_a_cancelled_run_has_not_analysed():
    loop = Loop(series(6, stim_channels=(), stim_frames=()), pipeline(queue=2))
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until(lambda: loop.run.status().state == "draining")
    loop.run.cancel("enough")
    assert loop.end().reason == "enough; 6 time points were not analysed"


@pytest.mark.parametrize(("channel", "told"), [("green", "1 time point was not analysed"), ("red", "")])
def test_an_image_right_before_the_end_is_among_what_was_not_analysed(channel, told):
    analysis = Loop(series(1), pipeline()).analysis
    image = Event(number=0, kind="image", channel=channel, index={"t": 0, "p": 0})
    analysis.fetched(image)
    analysis.exposed(image, ExposedFrame(header=FrameHeader(frame=0)))
    assert analysis.stop() == told
    assert analysis.stop() == told


def test_a_frame_that_has_left_the_ring_is_deferred_and_told_if_it_is_nowhere():
    from parfocal.testing.analysis import moving_square

    loop = Loop(
        series(3, stim_channels=(), stim_frames=()),
        pipeline(),
        image_of=lambda frame: None if frame == 1 else moving_square(frame),
    )
    status = loop.start().end()
    assert times_of(loop.sink.cells) == [0, 2]
    assert [(error.source, error.type, error.event) for error in status.errors.last] == [
        ("pipeline", "FrameGoneError", 1)
    ]


def test_particles_go_on_when_the_run_does():
    steps = pipeline(segment="quarters", track="ByLabel")
    first = Loop(series(1), steps).start()
    first.end()
    second = Loop(series(1), steps, before=first).start()
    second.end()
    assert (
        first.sink.cells[0].columns["particle"].tolist() == second.sink.cells[0].columns["particle"].tolist()
    )
    assert second.workers.jobs[0].link is not None


def test_features_of_reference_images_reach_all_later_time_points():
    plan = series(3, ref_channels=["red"], ref_frames=[0])
    steps = pipeline(
        segment="quarters",
        track="ByLabel",
        features_ref="brightness",
        choose="even",
        stimulate="chosen_cells",
    )
    loop = Loop(plan, steps).start()
    loop.end()
    for frame in loop.sink.cells:
        assert np.isfinite(frame.columns["mean_red"]).all()
        assert frame.columns["chosen"].tolist() == [number % 2 == 0 for number in frame.columns["particle"]]
        assert frame.columns["lit"].tolist() == frame.columns["chosen"].astype(float).tolist()


def test_all_channels_of_a_time_point_are_given_to_the_features():
    plan = Sequence(time_plan={"interval": 0, "loops": 2}, channels=["red", "green"])
    loop = Loop(plan, pipeline(features="brightness")).start()
    loop.end()
    assert all({"mean_red", "mean_green"} <= set(frame.columns) for frame in loop.sink.cells)


def test_picked_particles_reach_the_steps():
    loop = Loop(series(2), pipeline())
    loop.run.pick([4, 7], 0)
    loop.start().end()
    assert [job.picked.tolist() for job in loop.workers.jobs] == [[4, 7], [4, 7]]


def test_who_picked_which_cells_is_in_the_record():
    loop = Loop(series(2), pipeline())
    loop.run.pick([4, 7], 0)
    (noted,) = loop.start().end().commands
    assert (noted.command, noted.event, noted.details) == ("pick", -1, {"p": 0, "particles": [4, 7]})
    with pytest.raises(BadInputError, match="run 'loop' has ended: cells can't be picked for it any more"):
        loop.run.pick([3], 0)
    assert loop.run.status().commands == (noted,)


@pytest.mark.parametrize(
    ("particles", "p", "told"),
    [
        ([3, -1], 0, "the number of a particle is 0 or more, not -1"),
        ([2**63], 0, f"the number of a particle is 0 or more, not {2**63}"),
        ([3], 1, "run 'loop' has no position p=1: there are 1, from 0"),
        ([3], -1, "run 'loop' has no position p=-1"),
    ],
)
def test_cells_that_cannot_be_picked_are_refused(particles, p, told):
    loop = Loop(series(1), pipeline())
    with pytest.raises(BadInputError) as caught:
        loop.run.pick(particles, p)
    assert told in str(caught.value)
    assert loop.start().end().commands == ()


def test_a_stack_is_analysed_in_its_middle_plane():
    plan = series(1, stage_positions=[(0, 0, 0)], z_plan={"range": 4, "step": 1})
    loop = Loop(plan, pipeline()).start()
    loop.end()
    assert [frame.event.index["z"] for frame in loop.sink.cells] == [2]


def test_frames_are_kept_until_they_were_read():
    loop = Loop(series(2, stim_frames=[1]), pipeline(late="hold"))
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until_it_decides(1)
    image = loop.settled[0]
    assert loop.held.kept_from_ns == [image.exposure.header.time_ns], "before light nothing is let go of"
    loop.workers.let_go()
    loop.end()
    assert loop.held.kept_from_ns[-1] > loop.settled[-1].exposure.header.time_ns


def test_a_plan_that_is_replaced_while_a_mask_is_awaited_goes_on_with_the_new_one():
    loop = Loop(series(2), pipeline(late="hold"))
    loop.workers.held.add((0, 0))
    loop.start()
    loop.until_it_decides(0)
    loop.run.replace_future(combine(series(1), axis="t"))
    loop.workers.let_go()
    status = loop.end()
    assert (status.outcome, counted(status)) == ("complete", (1, 1, 0, 0))


def test_a_device_that_ends_while_it_is_opened_does_not_have_the_pipeline_begin_twice():
    loop = Loop(series(2), pipeline())
    begun, opened = [], []
    begin, opens = loop.workers.begin, loop.instruments.open

    def open_at_the_second_time(start):
        opened.append(start)
        if len(opened) == 1:
            raise InstrumentRestartedError("the modulator ended", source="modulator")
        return opens(start)

    loop.workers.begin = lambda: (begun.append(1), begin())[1]
    loop.instruments.open = open_at_the_second_time
    status = loop.start().end()
    assert (status.outcome, counted(status)) == ("complete", (2, 2, 0, 0))
    assert len(begun) == 1
    assert opened[0] is opened[1]
    assert opened[0].has_masks
