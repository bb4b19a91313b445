"""A run that is killed anywhere, recovered, and killed again: each image once, each stimulus at most once.

The machine and the journal are the real ones; what outlives a kill, the sample and the disk, is simulated.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

from parfocal.core.frames import FrameHeader
from parfocal.core.modulation import PackedMask
from parfocal.runs.analysis_rows import OUTCOMES, dose_rows, stimulation_row
from parfocal.runs.event_log import SettledEvent, settled
from parfocal.runs.instruments.instruments import ExposedFrame, StimulusMask
from parfocal.runs.journal import RunJournal
from parfocal.runs.journal_entries import (
    FILE_NAME,
    Announced,
    Began,
    Begun,
    EndedRun,
    Replanned,
    Settled,
)
from parfocal.runs.journal_file import JournalFile, encoded, read_journal
from parfocal.runs.machine import inputs, tasks
from parfocal.runs.machine.advance import advance
from parfocal.runs.machine.counts import NO_MASK
from parfocal.runs.machine.machine import Machine
from parfocal.runs.pipeline.analysed import FrameMask
from parfocal.runs.pipeline.messages import RememberedPosition
from parfocal.runs.plans.calls import call
from parfocal.runs.plans.combine import combine
from parfocal.runs.plans.elements import acquire, wait
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.recovery.journalled_run import journalled
from parfocal.runs.recovery.recovery import Recovery, recovery_of

LOG = logging.getLogger("test recovery")
FRAMES = np.dtype([(name, "<i8") for name in ("t", "p", "c", "z", "frame", "time_ns", "exposure_ns")])
STEPS = 5
"""Moments of each task at which a process may be killed."""
PLAN = combine(
    Sequence(
        time_plan={"interval": 0, "loops": 2},
        stage_positions=[(0, 0, 5), (9, 9, 5)],
        channels=["nucleus"],
        stim_channels=[{"config": "blue", "exposure": 5}],
        stim_frames="all",
        autofocus={"range": 4, "step": 2, "frames": [0]},
    ),
    call("magnet", "turn"),
    call("magnet", "look", may_repeat=True),
    wait(1),
    axis="t",
)
TOTAL = len(Schedule(PLAN))


class KilledError(Exception):
    """The processes of the rig are gone."""


class Lab:
    """What outlives its processes: what was done to the sample, and what lies on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boot = 0
        self.done: Counter[int] = Counter()  # how often each event was carried out
        self.frames: dict[tuple[int, ...], FrameHeader] = {}
        self.in_flight: list[tuple[tuple[int, ...], FrameHeader]] = []
        self.taken = 0
        self.synced = 0
        self.left = -1
        """After how many moments everything is killed; -1: never."""

    def moment(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KilledError

    def expose(self, event) -> ExposedFrame:
        self.moment()
        self.done[event.number] += 1
        self.moment()
        self.taken += 1
        header = FrameHeader(frame=self.taken, time_ns=self.taken, exposure_ns=5)
        self.in_flight.append((tuple(event.index[axis] for axis in "tpcz"), header))
        self.moment()
        return ExposedFrame(header=header)

    def perform(self, task, now: int) -> tuple[inputs.Report, ExposedFrame | None]:
        match task:
            case tasks.Expose(event=event):
                exposed = self.expose(event)
                return inputs.Exposed(now, now), exposed
            case tasks.CallService(event=event):
                self.moment()
                self.done[event.number] += 1
                self.moment()
                return inputs.Called(now, now, 0, "acquired"), None
            case tasks.Focus(event=event):
                return inputs.Focused(now, event.z_um + 1.5, now), None
            case tasks.Place():
                return inputs.Placed(now), None
            case tasks.Decide():
                self.moment()
                return inputs.Decided(now, "there"), None
            case tasks.Prepare():
                return inputs.Prepared(now), None
            case tasks.Drain():
                self.store(len(self.in_flight))
                return inputs.Drained(now), None
            case tasks.Close():
                return inputs.Closed(now, "complete", ""), None
            case _:
                return inputs.Woken(now), None

    def store(self, most: int) -> None:
        """Have the first frames come to the disk; of two for one index the first is kept."""
        for place, header in self.in_flight[:most]:
            self.frames.setdefault(place, header)
        del self.in_flight[:most]

    def recovery(self, stimuli=None) -> Recovery:
        """Return how the run stands, as its journal and the frames on the disk tell it.

        `stimuli` are those that have a row in their table; None if there is none.
        """
        stored = [(*place, one.frame, one.time_ns, one.exposure_ns) for place, one in self.frames.items()]
        run = journalled(read_journal(self.folder).entries, str(self.boot))
        return recovery_of(run, np.array(stored, FRAMES), stimuli=stimuli)

    def carry_out(self, recovery: Recovery | None) -> Machine:
        """Do what the thread of a run does, until its end or `KilledError`."""
        plan = {} if recovery else plan_to_data(PLAN)
        first = 0 if recovery is None else recovery.first
        journal = RunJournal(Began(run="run1", at=0.0, boot=str(self.boot), plan=plan, first=first), LOG)
        done = frozenset() if recovery is None else recovery.settled
        machine = Machine(late="skip")
        if recovery is not None:
            machine = machine.having(counts=recovery.counts, focus=recovery.focus)
            journal.adopt(recovery, lambda _: None)
        events = (event for event in Schedule(PLAN).events(first) if event.number not in done)
        now, exposed = 1, None
        report: inputs.Report = inputs.Woken(now)
        try:
            while True:
                now += 10**10
                before = machine
                machine, _ = advance(before, report)
                if (one := settled(before, machine, report, exposed)) is not None:
                    journal.settled(one)
                if machine.task is None:
                    return machine
                self.moment()
                if isinstance(machine.task, tasks.Fetch):
                    report = inputs.Fetched(now, next(events, None))
                    continue
                journal.before(machine.task, str(self.folder), self.following(machine.task, done))
                self.moment()
                report, exposed = self.perform(machine.task, now)
        finally:  # what is not written is gone, and is not written now
            if journal._file is not None:
                journal._file.close()

    def following(self, task, done):
        """Return what the plan has after an image, as the engine does."""
        if not isinstance(task, tasks.Expose) or task.event.kind == "stimulus":
            return None
        events = Schedule(PLAN).events(task.event.number + 1)
        return next((event for event in events if event.number not in done), None)

    def lose_power(self, torn: int) -> None:
        """Have the computer be started again: of what was not synced any part may be missing."""
        self.boot += 1
        path = self.folder / FILE_NAME
        if path.exists():
            size = path.stat().st_size
            os.truncate(path, max(self.synced, size - torn))


kills = st.tuples(
    st.integers(1, STEPS * 3 * TOTAL),  # at which moment
    st.integers(0, 3),  # how many frames that are on their way come to the disk
    st.integers(-1, 400),  # bytes of the journal that a loss of power takes; -1: processes are killed
)


@settings(max_examples=80)
@example([])
@example([(1, 0, -1)])
@given(st.lists(kills, max_size=5))
def test_every_image_once_and_every_stimulus_at_most_once_wherever_it_is_killed(ends):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        lab = Lab(Path(folder))

        def sync(file):
            lab.synced = os.fstat(file._file).st_size

        patch.setattr(JournalFile, "sync", sync)
        unsure: set[int] = set()
        machine = None
        for at, kept, torn in [*ends, (-1, 0, -1)]:
            has_begun = (lab.folder / FILE_NAME).exists() and read_journal(lab.folder).entries
            recovery = lab.recovery() if has_begun else None
            if recovery is not None:
                assert unsure <= set(recovery.unsure)
                unsure = set(recovery.unsure)
                assert recovery.left == TOTAL - len(recovery.settled) - recovery.first
            lab.left = at
            with suppress(KilledError):
                machine = lab.carry_out(recovery)
                break
            lab.store(kept)
            lab.in_flight.clear()
            if torn >= 0:
                lab.lose_power(torn)
        lab.left = -1
        assert machine is not None
        check(lab, machine, unsure)


def check(lab, machine, unsure):
    """Compare what was done to the sample, and what is stored, with what the run says of itself."""
    counts = machine.counts
    assert counts.consumed == counts.acquired + sum(counts.dropped.values()) == TOTAL
    lost = 0
    for event in Schedule(PLAN).events():
        place = tuple(event.index.get(axis, -1) for axis in "tpcz")
        if event.kind == "image":
            assert place in lab.frames
            assert lab.done[event.number] >= 1
        elif event.kind == "stimulus":
            fired = lab.done[event.number]
            assert fired == 1 or (fired == 0 and event.number in unsure)
            lost += fired == 1 and place not in lab.frames and event.number not in unsure
        elif event.kind == "call":
            times = lab.done[event.number]
            once = not event.call.may_repeat
            assert times >= 1 if not once else times == 1 or (times == 0 and event.number in unsure)
    assert counts.dropped.get("lost", 0) == lost
    assert counts.dropped.get("unsure", 0) == len(unsure)
    assert counts.unframed == ({"unsure": len(unsure)} if unsure else {})
    assert not set(counts.dropped) - {"lost", "unsure"}
    assert counts.stimulations.asked == 4
    assert counts.stimulations.fired + counts.stimulations.unsure == 4
    assert machine.focus.by_position == {0: 1.5, 1: 1.5}


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


def numbers_of(kind):
    return [event.number for event in Schedule(PLAN).events() if event.kind == kind]


def killed_when(lab, is_so):
    """Return a run that was killed at the first moment at which it is so."""
    for at in range(1, STEPS * 3 * TOTAL):
        trial = Lab(Path(tempfile.mkdtemp(dir=lab.folder)))
        trial.left = at
        with suppress(KilledError):
            trial.carry_out(None)
        if (trial.folder / FILE_NAME).exists() and is_so(trial, read_journal(trial.folder).entries):
            return trial
    raise AssertionError("no such moment")


def killed_in(lab, number, times):
    """Return a run that was killed in an event, after that was carried out so many times."""
    return killed_when(lab, lambda trial, entries: Begun(number) in entries and trial.done[number] == times)


def test_a_stimulus_that_was_begun_is_unsure_and_listed(lab):
    stimulus = numbers_of("stimulus")[0]
    dark, fired = killed_in(lab, stimulus, 0), killed_in(lab, stimulus, 1)
    assert dark.recovery().unsure == fired.recovery().unsure == (stimulus,)
    assert dark.recovery().counts.stimulations.unsure == 1
    assert (dark.recovery().counts.unframed, dark.recovery().counts.asked) == ({"unsure": 1}, 0)


def test_a_stimulus_whose_frame_is_there_was_fired(lab):
    stimulus = numbers_of("stimulus")[0]
    fired = killed_in(lab, stimulus, 1)
    place = tuple(Schedule(PLAN).event(stimulus).index[axis] for axis in "tpcz")
    fired.frames[place] = FrameHeader(frame=77, time_ns=1, exposure_ns=5)
    recovery = fired.recovery()
    assert (recovery.unsure, recovery.counts.stimulations.fired) == ((), 1)
    assert recovery.unlogged[-1][["number", "frame"]].item() == (stimulus, 77)


def test_stimuli_whose_rows_went_with_the_processes_are_told_of_as_they_ended(lab):
    first, second = numbers_of("stimulus")[:2]
    killed = killed_in(lab, second, 1)

    def unlogged(stimuli):
        return {one.event.number: one.outcome for one in killed.recovery(stimuli).unlogged_stimuli}

    place = tuple(Schedule(PLAN).event(first).index[axis] for axis in "tpcz")
    ended = "acquired" if place in killed.frames else "lost"
    assert unlogged([]) == {first: ended, second: "unsure"}
    assert unlogged([first]) == {second: "unsure"}
    assert unlogged([first, second]) == {}
    assert unlogged(None) == {}, "there is no table of them"


@pytest.mark.parametrize("has_frame", [False, True])
def test_cells_that_may_have_got_light_when_the_engine_was_killed_have_doses_that_nobody_knows(has_frame):
    """Whoever sums doses would take it that they got none."""
    image, lit = list(Schedule(PLAN).events())[1:3]
    assert (image.kind, lit.kind) == ("image", "stimulus")
    mask = FrameMask(
        stimulus=StimulusMask(image_event=image.number, frame=7, packed=PackedMask.of(np.ones((2, 2), bool))),
        event=image,
        image_ns=5,
        mask_ns=6,
        columns={"label": np.array([1, 2]), "particle": np.array([9, 4]), "lit": np.ones(2)},
    )
    with tempfile.TemporaryDirectory() as folder:
        journal = RunJournal(Began(run="run1", at=0.0, plan=plan_to_data(PLAN)), LOG)
        journal.before(tasks.Expose(lit, "older"), folder, mask=mask)
        journal._file.close()
        run = journalled(read_journal(Path(folder)).entries, "")
    frames = np.zeros(int(has_frame), FRAMES)
    for axis in "tpcz":
        frames[axis] = lit.index[axis]
    recovery = recovery_of(run, frames, stimuli=[], doses=[])
    (stimulus,), (dosed,) = recovery.unlogged_stimuli, recovery.unlogged_doses
    (row,) = stimulation_row(stimulus)
    assert OUTCOMES[row["outcome"]] == ("fallback" if has_frame else "unsure")
    assert row[["number", "image_event", "frame", "image_ns", "mask_ns"]].item() == (
        *(lit.number, image.number, 7),
        *(5, 6),
    )
    doses = dose_rows(dosed)
    assert (doses["label"].tolist(), doses["particle"].tolist()) == ([1, 2], [9, 4])
    assert np.isnan(doses["dose"]).all()
    assert recovery_of(run, frames, stimuli=[], doses=[lit.number]).unlogged_doses == (), "none twice"
    assert recovery_of(run, frames, stimuli=[lit.number], doses=[]).unlogged_stimuli == ()


def test_what_was_announced_and_not_begun_is_done_unless_the_computer_was_started_again(lab):
    run = killed_when(lab, lambda _, entries: isinstance(entries[-1], Announced))
    assert run.recovery().unsure == ()
    run.boot += 1
    assert run.recovery().unsure == (numbers_of("stimulus")[0],)


def test_what_was_announced_and_not_begun_when_the_run_ended_was_never_begun():
    stimulus, other = numbers_of("stimulus")[:2]
    began = Began(run="run1", at=0.0, boot="0", plan=plan_to_data(PLAN))
    announced = [began, Announced(stimulus), Begun(stimulus), Announced(other)]
    assert journalled(announced, "1").unsettled == {stimulus, other}
    assert journalled([*announced, EndedRun()], "1").unsettled == {stimulus}


def test_an_acquisition_that_was_broken_off_is_not_gone_on_with(tmp_path):
    file = JournalFile(tmp_path)
    file.append([encoded(Began(run="run1", at=0.0, plan=plan_to_data(acquire(5)))), encoded(Begun(0))])
    file.close()
    recovery = recovery_of(journalled(read_journal(tmp_path).entries, ""), np.empty(0, FRAMES))
    assert "had the camera run by itself" in recovery.broken_off


def test_changes_of_the_plan_are_followed():
    series = plan_to_data(Sequence(time_plan={"interval": 1, "loops": 3}))
    one = plan_to_data(Sequence())
    changes = [Replanned(first=2, plan=one), Replanned(first=-1, plan=one)]
    run = journalled([Began(run="run1", at=0.0, plan=series), *changes], "")
    assert [event.index["t"] for event in run.schedule.events()] == [0, 1, 2, 3]


def test_one_that_was_left_out_by_its_policy_stays_so(lab):
    event = next(event for event in Schedule(PLAN).events() if event.kind == "stimulus")
    row = SettledEvent(event, NO_MASK, None, 0.0, 0.0).row
    began = Began(run="run1", at=0.0, plan=plan_to_data(PLAN))
    entries = [began, Settled(event.number, row.tobytes(), is_done=False)]
    counts = recovery_of(journalled(entries, ""), np.empty(0, FRAMES)).counts
    assert (counts.dropped, counts.asked, counts.stimulations.fallback) == ({NO_MASK: 1}, 0, 1)


def test_what_a_pipeline_remembers_of_a_position_is_read_back(tmp_path):
    journal = RunJournal(Began(run="run1", at=0.0, plan=plan_to_data(PLAN)), LOG)
    link = {"numbers": np.arange(3), "places": np.ones((3, 2)), "next_number": 3}
    for highest in (1, 2):
        known = RememberedPosition(link=link, reference={"area": np.ones(2)}, highest=highest)
        journal.remembered(1, known)
    journal.before(tasks.Hold(), str(tmp_path))
    journal.close(str(tmp_path))
    found = journalled(read_journal(tmp_path).entries, "").positions
    assert list(found) == [1]
    assert found[1].highest == 2
    assert found[1].link["next_number"] == 3
    np.testing.assert_array_equal(found[1].link["numbers"], np.arange(3))
    np.testing.assert_array_equal(found[1].reference["area"], np.ones(2))
