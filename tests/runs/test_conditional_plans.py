"""Plans that begin, end and respond by conditions: what is done of them, when, and what is told."""

from __future__ import annotations

import pytest

from parfocal.core.errors import BadInputError
from parfocal.runs import (
    Lag,
    OperatorAnswer,
    Reading,
    Sequence,
    acquire,
    call,
    combine,
    plan_from_data,
    plan_to_data,
    respond,
    start_when,
    stop_when,
    wait,
)
from parfocal.runs.conditions.judging import observed
from parfocal.runs.machine import inputs, tasks
from parfocal.runs.machine.advance import advance
from parfocal.runs.machine.machine import Machine
from parfocal.runs.plans.calls import calls_of
from parfocal.runs.plans.schedule import Schedule

S = 1_000_000_000
WARM = Reading(service="incubator", command="temperature", above=36)


def series(loops, interval=10.0, **more):
    return Sequence(time_plan={"interval": interval, "loops": loops}, **more)


class Carried:
    """A plan carried out on a time of its own, with a temperature that changes at certain seconds."""

    def __init__(self, plan, temperatures=(), step_s=1.0, extra=()):
        self.schedule, self.step_ns = Schedule(plan), round(step_s * S)
        self.temperatures = sorted({0: 20.0, **dict(temperatures)}.items())
        self.events = self.schedule.events()
        self.begin = self.now = 100 * S
        self.machine, self.seen = Machine(), None
        self.done: list[tuple[int, str, float]] = []
        self.wishes = dict(extra)

    @property
    def at_s(self):
        return (self.now - self.begin) / S

    def look(self):
        value = [value for at, value in self.temperatures if at <= self.at_s][-1]
        self.seen = observed(WARM, self.seen, value, self.now)
        self.machine, effects = advance(self.machine, inputs.Observed(self.now, {WARM.key: self.seen}))
        return effects

    def run(self):
        report = inputs.Woken(self.now)
        for _ in range(2000):
            self.machine, _ = advance(self.machine, report)
            self.look()
            for at_s in [at for at in self.wishes if at <= self.at_s]:
                self.machine, _ = advance(self.machine, self.wishes.pop(at_s)(self.now))
            if self.machine.state == "ended":
                return self
            report = self.perform(self.machine.task)
        raise AssertionError(f"no end: {self.machine}")

    def perform(self, task):
        match task:
            case tasks.Prepare():
                return inputs.Prepared(self.now)
            case tasks.Fetch():
                return inputs.Fetched(self.now, next(self.events, None))
            case tasks.Place():
                return inputs.Placed(self.now)
            case (
                tasks.Sleep(until_ns=until_ns) | tasks.Await(until_ns=until_ns) | tasks.Ask(until_ns=until_ns)
            ):
                self.now = min(self.now + self.step_ns, until_ns if until_ns > self.now else 1 << 62)
                return inputs.Woken(self.now)
            case tasks.Hold():
                self.now += self.step_ns
                return inputs.Woken(self.now)
            case tasks.Expose(event=event):
                self.done.append((event.number, event.kind, round(self.at_s, 3)))
                self.now += S // 10
                return inputs.Exposed(self.now, self.now - S // 10)
            case tasks.Acquire():
                return self.acquire(task)
            case tasks.Drain():
                return inputs.Drained(self.now)
            case tasks.Close(ending=ending, reason=reason):
                return inputs.Closed(self.now, ending, reason)
        raise AssertionError(task)

    def acquire(self, task):
        began = self.now
        for frames in range(1, 100):
            self.now += self.step_ns
            if tasks.Abort() in self.look():
                return inputs.Acquired(self.now, frames, whole=False, began_ns=began)
        return inputs.Acquired(self.now, 99, whole=True, began_ns=began)

    @property
    def times(self):
        return [at_s for _, _, at_s in self.done]

    @property
    def outcome(self):
        return self.machine.outcome

    @property
    def left_out(self):
        return self.machine.counts.dropped.get("left out", 0)


def carried(*asked, **options):
    run = Carried(*asked, **options).run()
    counts = run.machine.counts
    assert counts.consumed == counts.acquired + sum(counts.dropped.values())
    return run


def test_a_plan_begins_when_it_is_warm():
    run = carried(start_when(WARM, series(3)), {25: 37.0})
    assert run.times == [26, 36, 46]  # it is looked at once a second
    assert (run.outcome, run.left_out) == ("complete", 0)
    event, decision = run.machine.conditions.last
    assert (event.number, decision.met) == (0, True)
    assert decision.text == "incubator.temperature is 37, which is above 36"


@pytest.mark.parametrize(
    ("otherwise", "times", "outcome", "left_out"),
    [
        ("go on", [30, 40, 50, 60], "complete", 0),
        ("skip", [30], "complete", 3),
        ("end", [], "finished early", 0),
        ("fail", [], "failed", 0),
    ],
)
def test_what_follows_where_it_does_not_become_warm(otherwise, times, outcome, left_out):
    plan = combine(start_when(WARM, series(3), timeout_s=30, otherwise=otherwise), series(1))
    run = carried(plan)
    assert run.times == times
    assert (run.outcome, run.left_out) == (outcome, left_out)
    assert not run.machine.conditions.last[1].met
    if otherwise in ("end", "fail"):
        told = "incubator.temperature above 36 was not met: incubator.temperature is 20, and not above 36"
        assert run.machine.reason == told


def test_a_plan_ends_when_it_is_warm_and_what_follows_goes_on_at_once():
    run = carried(combine(stop_when(WARM, series(100)), series(2)), {25: 37.0})
    assert [number for number, _, _ in run.done] == [0, 1, 2, 101, 102]
    assert run.times[:3] == [0, 10, 20]
    assert 25 <= run.times[3] <= 27
    assert (run.outcome, run.left_out) == ("complete", 97)


@pytest.mark.parametrize(
    ("otherwise", "images", "outcome"),
    [("go on", 6, "complete"), ("skip", 5, "complete"), ("end", 3, "finished early"), ("fail", 3, "failed")],
)
def test_a_plan_that_is_to_end_by_a_condition_has_a_limit(otherwise, images, outcome):
    limited = stop_when(WARM, series(4), timeout_s=25, otherwise=otherwise)
    run = carried(combine(limited, series(2)))
    assert (len(run.done), run.outcome) == (images, outcome)


def test_a_free_acquisition_and_a_wait_end_by_a_condition():
    run = carried(stop_when(WARM, combine(acquire(), wait(1000))), {7: 37.0})
    assert run.machine.counts.frames == 7
    assert (run.machine.counts.acquired, run.left_out) == (2, 1)
    run = carried(combine(stop_when(WARM, wait(1000)), series(1)), {7: 37.0})
    assert run.times == [pytest.approx(7, abs=1)]


def test_scouting_turns_into_a_response():
    plan = combine(respond(WARM, series(5), series(2, 1.0)), series(1))
    warm, cold = carried(plan, {12: 37.0}), carried(plan)
    assert [number for number, _, _ in warm.done] == [0, 1, 6, 7, 8]
    assert [number for number, _, _ in cold.done] == [0, 1, 2, 3, 4, 8]
    assert (warm.left_out, cold.left_out) == (3, 2)
    assert warm.times[2] - warm.times[1] < 5
    assert cold.times[-1] - cold.times[-2] < 12, "what was left out takes no time"


def test_a_value_that_cannot_be_told_is_no_yes():
    run = carried(respond(WARM, series(2), series(2)), {0: float("nan")})
    assert [number for number, _, _ in run.done] == [0, 1]
    assert run.machine.conditions.last[1].text == "incubator.temperature is nan, which is no number"


def test_what_was_so_before_a_part_began_does_not_answer_it():
    """The rows of an earlier image say nothing of the next one."""
    run = Carried(respond(WARM, series(2), series(2)), {0: 37.0})
    run.seen = observed(WARM, None, 37.0, run.now - 1)
    run.look = lambda: ()  # nobody looks again
    run.machine = run.machine.having(facts={WARM.key: run.seen})
    run.wishes = {30: lambda now: inputs.EndRun(now, "cancelled", "nobody looks")}
    run.run()
    assert [number for number, _, _ in run.done] == [0, 1]


def test_conditions_lie_in_one_another_and_stand_twice():
    inner = stop_when(WARM, series(10))
    plan = stop_when(WARM, combine(inner, series(3)))
    run = carried(plan, {15: 37.0})
    assert [number for number, _, _ in run.done] == [0, 1]
    assert run.machine.counts.acquired == 3, "the outer one decides, and what is in it is left out"
    twice = combine(inner, inner)
    assert [event.watches[0].closing for event in twice.events() if event.watches] == [10] * 10 + [21] * 10


def test_a_pause_does_not_count_for_the_limit():
    wishes = {10: inputs.Pause, 60: inputs.Resume}
    run = carried(start_when(WARM, series(1), timeout_s=30, otherwise="go on"), extra=wishes)
    assert run.times == [pytest.approx(80, abs=1)]


def test_a_replaced_future_is_not_left_out_by_what_was_in_its_place():
    run = Carried(start_when(WARM, series(3), timeout_s=30, otherwise="skip"))

    def replace(now):
        run.events = run.schedule.with_future(1, series(2)).events(1)
        return inputs.Replaced(now)

    run.wishes = {10: replace}
    run.run()
    assert (len(run.done), run.left_out) == (2, 0)


def test_a_person_is_asked_and_the_answer_is_a_value():
    ready = OperatorAnswer(question="is the dish in place?")
    plan = start_when(ready & WARM, series(1))
    run = carried(plan, {20: 37.0}, extra={10: lambda now: inputs.Answer(now, True)})
    assert run.times == [pytest.approx(20, abs=1)]
    with pytest.raises(BadInputError, match="can't ask a person"):
        stop_when(ready, series(1))


def test_they_are_plain_data_and_have_their_calls_and_places():
    turn = call("magnet", "move_to", {"position_nm": 5.0})
    plan = combine(
        start_when(WARM | ~Lag(above=5), turn, timeout_s=5, otherwise="skip"),
        respond(WARM, series(2, stage_positions=[(0, 0)]), series(1, stage_positions=[(0, 0), (9, 9)])),
    )
    assert plan_from_data(plan_to_data(plan)) == plan
    assert len(calls_of(plan)) == 1
    assert len(plan.positions) == 2


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"type": "start_when", "condition": {"of": "lag"}, "plan": {}}, "give above, below or both"),
        ({"type": "start_when", "condition": {"of": "lag", "below": 5}}, "plan"),
        ({"type": "stop_when", "condition": {"of": "lag", "below": 5}, "plan": {"chanels": []}}, "channels"),
        (
            {"type": "stop_when", "condition": {"of": "lag", "below": 5}, "plan": {}, "otherwise": "stop"},
            "otherwise cannot be 'stop'",
        ),
        ({"type": "respond", "condition": {"of": "lag", "below": 5}, "plan": {}}, "no field 'plan'"),
    ],
)
def test_what_cannot_be_meant_is_refused(data, told):
    with pytest.raises(BadInputError, match=told):
        plan_from_data(data)


def test_side_by_side_they_cannot_have_conditions_of_their_own():
    with pytest.raises(BadInputError, match="put it around them"):
        combine(stop_when(WARM, series(1)), series(1), axis="p")
