"""Autofocus in a plan: where it stands among the events, and how what it finds shifts their heights."""

from __future__ import annotations

import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import BadInputError
from parfocal.runs import Sequence, combine, plan_from_data, plan_to_data, wait
from parfocal.runs.engine import RunEngine
from parfocal.runs.forecast.device_times import AxisTimes, DeviceTimes
from parfocal.runs.forecast.feasibility import feasibility_of
from parfocal.runs.forecast.prediction import Prediction
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.instruments.rig_facts import RigFacts
from parfocal.runs.machine import inputs, tasks
from parfocal.runs.machine.advance import advance
from parfocal.runs.machine.machine import Machine
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.survey import survey
from parfocal.runs.preflight import preflight
from parfocal.testing.clock import JumpClock, ManualClock
from parfocal.testing.instruments import MemoryInstruments

PATIENCE_S = 60.0
SEARCH = {"range": 8, "step": 2}
PLACES = [(0, 0, 10), (300, 0, 20)]


def sequence(loops=2, **more):
    fields = {"stage_positions": PLACES, "channels": ["a"], "autofocus": SEARCH, **more}
    return Sequence(time_plan={"interval": 10, "loops": loops}, **fields)


def searches(plan):
    return [(e.index["t"], e.index["p"]) for e in plan.events() if e.kind == "autofocus"]


# --- plans


def test_it_comes_before_the_images_of_each_position_and_has_no_place_along_c_and_z():
    plan = sequence(channels=["a", "b"], z_plan={"relative": [0, 1]})
    events = list(plan.events())
    assert [event.kind for event in events] == (["autofocus"] + ["image"] * 4) * 4
    assert plan.shape == {"t": 2, "p": 2, "c": 2, "z": 2}
    assert plan.channel_names == ("a", "b")
    assert events[5].index == {"t": 0, "p": 1}
    assert (events[5].x_um, events[5].z_um, events[5].channel) == (300.0, 20.0, "a")
    assert [event.min_start_time for event in events[::5]] == [0.0, 0.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]),
        ({"frames": "every 2"}, [(0, 0), (0, 1), (2, 0), (2, 1)]),
        ({"frames": [-1]}, [(2, 0), (2, 1)]),
        ({"positions": "first"}, [(0, 0), (1, 0), (2, 0)]),
        ({"positions": "first", "frames": 0}, [(0, 0)]),
    ],
)
def test_when(more, expected):
    plan = sequence(3, autofocus={**SEARCH, **more})
    assert searches(plan) == expected
    assert plan_from_data(plan_to_data(plan)) == plan


def test_when_each_position_goes_through_all_times_and_in_batches():
    assert searches(sequence(axis_order="ptcz")) == [(0, 0), (1, 0), (0, 1), (1, 1)]
    batched = sequence(batch={"positions": 1})
    assert searches(batched) == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_it_looks_in_the_light_and_at_the_offset_of_its_channel():
    channels = [{"config": "a", "exposure": 5}, {"config": "b", "z_offset": 1.5, "exposure": 7}]
    plan = sequence(channels=channels, autofocus={**SEARCH, "channel": "b", "exposure": 3, "power": 0.25})
    first = next(plan.events())
    assert (first.channel, first.exposure_ms, first.power, first.z_um) == ("b", 3.0, 0.25, 11.5)


def test_what_it_finds_goes_for_its_own_position_or_for_all():
    p = [event.shifted_p for event in sequence(1).events() if event.kind == "autofocus"]
    assert p == [(0,), (1,)]
    one = sequence(1, autofocus={**SEARCH, "positions": "first"})
    assert next(one.events()).shifted_p == (0, 1)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"autofocus": {"range": 8}}, "step"),
        ({"autofocus": {**SEARCH, "rnage": 2}}, "did you mean 'range'"),
        ({"autofocus": {"range": 1, "step": 1}}, "3 to 1000 planes, not 2"),
        ({"autofocus": {**SEARCH, "on_failure": "halt"}}, "on_failure is one of keep, pause, stop"),
        ({"autofocus": {**SEARCH, "frames": 7}}, "autofocus.frames: there are 2 time points"),
        ({"axis_order": "cptz"}, "axis_order that begins with t and p"),
        ({"z_plan": {"absolute": [1, 2]}}, "the stage's own heights"),
    ],
)
def test_what_it_cannot_do_is_refused(more, told):
    with pytest.raises(BadInputError, match=told):
        sequence(**more)


def test_it_needs_to_know_where_z_stands():
    plan = sequence(stage_positions=[(0, 0)])
    assert plan.needs_origin == {"z"}


def test_its_planes_have_to_lie_within_the_limits_of_z():
    facts = RigFacts(presets=None, axes={"x": (-500, 500), "y": (-500, 500), "z": (0, 23)})
    plan = sequence(channels=())
    with pytest.raises(BadInputError, match=r"event 2 \(t=0, p=1\): z cannot go to 24 um"):
        preflight(survey(plan.events(), {}), facts)
    assert survey(plan.events(), {}).frames == 4


def test_its_time_is_predicted():
    times = DeviceTimes(
        axes={"z": AxisTimes(speed_um_per_s=4.0)}, exposure_ms={"": 100}, before_s=0.01, after_s=0.02
    )
    plan = sequence(1, stage_positions=PLACES[:1])
    prediction = Prediction(times, {"z": 10.0})
    starts = [prediction.of(event).starts_s for event in plan.events()]
    assert starts == pytest.approx([0.0, 2 * 1.0 + 4 * 0.5 + 5 * 0.13 + 0.01])


def test_a_position_is_not_late_because_it_looks_for_the_focus_first():
    times = DeviceTimes(exposure_ms={"": 100})
    every_second = sequence(4, autofocus={**SEARCH, "frames": "every 2"})
    assert feasibility_of(every_second.events(), times, {}).text == ""
    slow = DeviceTimes(exposure_ms={"": 1000})  # five planes and an image, twice
    assert "batches of 1, or an interval of 12 s" in feasibility_of(sequence(3).events(), slow, {}).text


# --- heights, as the machine has them


def carried_out(plan, foci):
    """Return the exposures of a run and their heights; its n-th autofocus finds `foci[n]`, None: nothing."""
    events, heights, wanted = plan.events(), [], iter(foci)
    machine, _ = advance(Machine(), inputs.Woken(0))
    while machine.task is not None:
        match machine.task:
            case tasks.Prepare():
                report = inputs.Prepared(0)
            case tasks.Fetch():
                report = inputs.Fetched(0, next(events, None))
            case tasks.Place():
                report = inputs.Placed(0)
            case tasks.Focus():
                found, planned_um = next(wanted), machine.event.z_um
                none = inputs.FocusNotFound(0, "no", 0)
                report = none if found is None else inputs.Focused(0, planned_um + found, 0)
            case tasks.Expose(event=event):
                heights.append((event, event.z_um))
                report = inputs.Exposed(0, 0)
            case tasks.Sleep(until_ns=until_ns):
                report = inputs.Woken(until_ns)
            case tasks.Drain():
                report = inputs.Drained(0)
            case tasks.Close(ending=ending, reason=reason):
                report = inputs.Closed(0, ending, reason)
        machine, _ = advance(machine, report)
    return heights, machine


um = st.integers(-40, 40).map(lambda number: number / 8)


@given(
    places=st.lists(um, min_size=1, max_size=3),
    offsets=st.lists(um, min_size=1, max_size=3),
    planes=st.lists(um, min_size=1, max_size=3),
    order=st.sampled_from(["tpcz", "tpzc", "ptcz"]),
    loops=st.integers(1, 4),
    every=st.integers(1, 3),
    positions=st.sampled_from(["each", "first"]),
    channel=st.integers(0, 2),
    data=st.data(),
)
def test_a_height_is_position_and_focus_and_channel_and_plane_and_nothing_adds_up(
    places, offsets, planes, order, loops, every, positions, channel, data
):
    channels = [{"config": f"c{n}", "z_offset": one} for n, one in enumerate(offsets)]
    search = {**SEARCH, "frames": f"every {every}", "positions": positions}
    plan = Sequence(
        time_plan={"interval": 0, "loops": loops},
        stage_positions=[(n, 0, z) for n, z in enumerate(places)],
        channels=channels,
        z_plan={"relative": planes},
        axis_order=order,
        autofocus={**search, "channel": f"c{channel % len(channels)}"},
    )
    looks = searches(plan)
    foci = data.draw(st.lists(st.none() | um, min_size=len(looks), max_size=len(looks)))
    exposed, machine = carried_out(plan, foci)

    truth, found, failed = dict.fromkeys(range(len(places)), 0.0), iter(foci), 0
    expected = []
    for event in plan.events():
        p = event.index["p"]
        if event.kind == "autofocus":
            off = next(found)
            failed += off is None
            for one in range(len(places)) if positions == "first" else (p,):
                truth[one] = truth[one] if off is None else off
            continue
        expected.append(places[p] + truth[p] + offsets[event.index["c"]] + planes[event.index["z"]])
    assert [z for _, z in exposed] == pytest.approx(expected, abs=1e-9)
    assert machine.outcome == "complete"
    assert machine.counts.autofocuses.failed == failed
    assert machine.counts.autofocuses.found == len(looks) - failed
    assert machine.counts.frames == len(exposed)


def test_a_later_phase_at_the_same_position_keeps_the_focus_and_a_stack_of_the_stage_its_heights():
    there = {"stage_positions": PLACES, "channels": ["a"]}
    plan = combine(
        sequence(1), wait(1), Sequence(**there), Sequence(**there, z_plan={"absolute": [5]}), axis="t"
    )
    exposed, _ = carried_out(plan, [1.5, -2.0])
    assert [z for _, z in exposed] == [11.5, 18.0, 11.5, 18.0, 5.0, 5.0]


# --- runs


class Lab:
    def __init__(self, clock, plan, **options):
        self.clock, self.instruments = clock, MemoryInstruments(clock)
        self.states, self.settled = [], []
        self._news = threading.Condition()
        self.run = RunEngine(
            RunStart(run="run", plan={}),
            Schedule(plan),
            self.instruments,
            clock=clock,
            log=logging.getLogger("test autofocus"),
            tell=self.hear,
            note=self.settled.append,
            **options,
        )

    def hear(self, status):
        with self._news:
            self.states.append(status.state)
            self._news.notify_all()

    def until(self, state):
        with self._news:
            assert self._news.wait_for(lambda: state in self.states, PATIENCE_S), self.states

    def end(self):
        assert self.run.join(PATIENCE_S)
        return self.run.status()


def test_a_run_finds_the_focus_of_each_position_and_follows_its_drift(caplog):
    lab = Lab(JumpClock(), sequence(3))
    drift = iter([1.0, 3.0, 2.5, 2.0, 4.0, 1.0])  # from the plan's z
    base = {0: 10.0, 1: 20.0}
    lab.instruments.focus_um = lambda event: base[event.index["p"]] + next(drift)
    lab.run.start()
    status = lab.end()
    assert (status.outcome, status.events_acquired, status.frames_received) == ("complete", 12, 6)
    assert list(lab.instruments.z_um.values()) == [11.0, 23.0, 12.5, 22.0, 14.0, 21.0]
    assert (status.autofocuses.found, status.autofocuses.failed) == (6, 0)
    rows = [done.row[0] for done in lab.settled]
    assert [row["started_s"] for row in rows if row["kind"] == 6 and row["p"] == 0] == pytest.approx(
        [0, 10, 20]
    )
    assert [row["z_um"] for row in rows if row["kind"] == 6] == [11.0, 23.0, 12.5, 22.0, 14.0, 21.0]
    assert not caplog.records


def test_one_that_fails_keeps_the_height_is_counted_and_logged_and_the_run_is_complete(caplog):
    lab = Lab(JumpClock(), sequence(2, stage_positions=PLACES[:1]))
    lab.instruments.focus_um = lambda _: 12.0
    lab.instruments.faults = {2: "no focus"}
    lab.run.start()
    status = lab.end()
    assert (status.outcome, status.events_dropped) == ("complete", {})
    assert list(lab.instruments.z_um.values()) == [12.0, 12.0]
    assert (status.autofocuses.found, status.autofocuses.failed, status.errors.count) == (1, 1, 1)
    assert status.errors.last[0].type == "FocusNotFoundError"
    assert [done.outcome for done in lab.settled] == ["acquired", "acquired", "failed", "acquired"]
    assert "event 2: no plane stands out" in caplog.text


def test_a_frame_that_is_lost_while_it_looks_is_none_of_the_plan():
    lab = Lab(JumpClock(), sequence(1))
    lab.instruments.faults = {0: "lost"}
    lab.run.start()
    status = lab.end()
    assert (status.outcome, status.events_dropped, status.autofocuses.failed) == ("complete", {}, 1)


def test_one_that_fails_ends_the_run_if_it_says_so():
    lab = Lab(JumpClock(), sequence(2, autofocus={**SEARCH, "on_failure": "stop"}))
    lab.instruments.focus_um = lambda event: event.z_um + 50
    lab.run.start()
    status = lab.end()
    assert status.outcome == "failed"
    assert "beyond the planes around 10 um" in status.reason
    assert not lab.instruments.z_um


def test_one_that_fails_has_a_person_look_and_looks_again():
    lab = Lab(JumpClock(), sequence(1, autofocus={**SEARCH, "on_failure": "pause"}))
    lab.instruments.faults = {0: "no focus"}
    lab.run.start()
    lab.until("paused")
    assert "no plane stands out" in lab.run.status().reason
    lab.run.resume()
    status = lab.end()
    assert (status.outcome, status.autofocuses.found, status.autofocuses.failed) == ("complete", 2, 1)


@pytest.mark.parametrize("end", ["cancel", "pause", "finish"])
def test_it_is_broken_off_at_once_and_leaves_the_light_off(end):
    clock = ManualClock()
    lab = Lab(clock, sequence(1))
    looking = threading.Event()
    lab.instruments.on_expose = lambda _: looking.set()
    lab.run.start()
    assert looking.wait(PATIENCE_S)
    getattr(lab.run, end)("enough")  # the clock stands still: the exposure of the first plane has no end
    if end == "pause":
        lab.until("paused")
        lab.run.cancel("enough")
    status = lab.end()
    assert (status.frames_received, status.autofocuses.found) == (0, 0)
    assert not lab.instruments.lit
    assert status.events_consumed == 0


def test_a_plan_that_is_replaced_while_it_looks_goes_on_in_the_focus_that_is_found():
    clock = JumpClock()
    lab = Lab(clock, sequence(1, stage_positions=PLACES[:1]))
    looking, replaced = threading.Event(), threading.Event()

    def look(event):
        if event.kind == "autofocus":
            looking.set()
            assert replaced.wait(PATIENCE_S)

    lab.instruments.on_expose = look
    lab.instruments.focus_um = lambda _: 13.0
    lab.run.start()
    assert looking.wait(PATIENCE_S)
    lab.run.replace_future(Sequence(stage_positions=PLACES[:1], channels=["a"], z_plan={"relative": [0, 1]}))
    replaced.set()
    status = lab.end()
    assert (status.outcome, status.events_total) == ("complete", 3)
    assert list(lab.instruments.z_um.values()) == [13.0, 14.0]
