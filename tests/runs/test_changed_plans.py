"""A plan that is extended or replaced at any instant of its run: each event once, in order, all counted."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import example, given, settings
from hypothesis import strategies as st

from parfocal.runs import Plan, Schedule, Sequence, combine, wait
from parfocal.runs.machine import inputs, tasks
from parfocal.runs.machine.advance import advance
from parfocal.runs.machine.machine import Machine
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.outline import outline_of

S = 10**9
BOTH = [(0, 0), (9, 9)]
PLANS: tuple[Plan, ...] = (
    Sequence(),
    Sequence(time_plan={"interval": 2, "loops": 3}, stage_positions=BOTH),
    Sequence(channels=["a", "b"], stage_positions=[(9, 9), (5, 5)]),
    combine(Sequence(time_plan={"interval": 1, "loops": 2}), wait(3), Sequence(channels=["b"]), axis="t"),
    wait(1),
)


class ChangedRun:
    """Does what the shell of a run does, on a time of its own, and changes the plan before chosen steps."""

    def __init__(self, plan: Plan, changes: Mapping[int, tuple[str, Plan]]) -> None:
        self.now, self.steps, self.changes = 5 * S, 0, changes
        self.schedule = Schedule(plan)
        self.events = self.schedule.events()
        self.machine = Machine()
        self.done: list[Event] = []
        self.refused = 0

    def run(self) -> None:
        self.give(inputs.Woken(self.now))
        while (task := self.machine.task) is not None:
            self.give(self.perform(task))

    def give(self, report: inputs.Report) -> None:
        if (change := self.changes.get(self.steps)) is not None:
            self.change(*change)
        self.steps += 1
        before = self.machine
        if isinstance(before.task, tasks.Fetch):  # as the shell does: fetched under the lock
            report = inputs.Fetched(self.now, next(self.events, None))
        self.machine, _ = advance(before, report)
        if before.event is not None and self.machine.counts.acquired > before.counts.acquired:
            self.done.append(before.event)

    def change(self, how: str, plan: Plan) -> None:
        if not self.machine.may_change:
            self.refused += 1
            return
        if how == "extend":
            self.schedule = self.schedule.extended(plan)
        else:
            self.machine, _ = advance(self.machine, inputs.Replaced(self.now))
            self.schedule = self.schedule.with_future(self.machine.counts.consumed, plan)
        self.events = self.schedule.events(self.machine.counts.consumed)
        outline = outline_of(self.schedule, 80)
        assert outline.events_total == sum(cell.count for cell in outline.cells) == len(self.schedule)
        assert len(outline.places) == len(self.schedule.positions)

    def perform(self, task: tasks.Task) -> inputs.Report:
        match task:
            case tasks.Prepare():
                return inputs.Prepared(self.now)
            case tasks.Fetch():
                return inputs.Fetched(self.now, None)
            case tasks.Place():
                return inputs.Placed(self.now)
            case tasks.Sleep(until_ns=until_ns):
                self.now = max(self.now, until_ns)
                return inputs.Woken(self.now)
            case tasks.Expose():
                began, self.now = self.now, self.now + S // 10
                return inputs.Exposed(self.now, began)
            case tasks.Drain():
                return inputs.Drained(self.now)
            case tasks.Close(ending=ending, reason=reason):
                return inputs.Closed(self.now, ending, reason)
        raise AssertionError(task)


change = st.tuples(st.sampled_from(["extend", "replace"]), st.sampled_from(PLANS))


@settings(max_examples=300, deadline=None)
@example(plan=PLANS[0], changes={4: ("extend", PLANS[0])})
@example(plan=PLANS[0], changes={5: ("replace", PLANS[1])})
@given(plan=st.sampled_from(PLANS), changes=st.dictionaries(st.integers(0, 60), change, max_size=5))
def test_each_event_is_done_once_and_in_order(plan, changes):
    run = ChangedRun(plan, changes)
    run.run()
    counts = run.machine.counts
    assert run.machine.outcome == "complete"
    assert counts.consumed == counts.acquired == len(run.schedule) == len(run.done)
    assert [event.number for event in run.done] == list(range(len(run.schedule)))
    assert run.done == list(run.schedule.events())
    indices = [tuple(event.index.values()) for event in run.done if event.is_exposure]
    assert len(set(indices)) == len(indices)
    times = [event.min_start_time for event in run.done if event.min_start_time is not None]
    assert times == sorted(times)


def test_until_the_last_event_is_done_it_may_be_changed_and_after_that_it_is_refused():
    """Of a plan of one event, before each step: what is refused is refused to the end."""
    whole = ChangedRun(PLANS[0], {})
    whole.run()
    grown = []
    for step in range(whole.steps):
        run = ChangedRun(PLANS[0], {step: ("extend", PLANS[0])})
        run.run()
        assert len(run.done) == 2 - run.refused
        grown.append(run.refused == 0)
    assert grown == sorted(grown, reverse=True)
    assert grown[0]
    assert not grown[-1]
