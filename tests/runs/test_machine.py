"""A run's decisions under any order of what can happen: nothing lost, nothing too much, always an end."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from parfocal.runs.conditions.interlocks import Interlock
from parfocal.runs.conditions.judging import observed
from parfocal.runs.conditions.values import Reading
from parfocal.runs.machine import inputs, tasks
from parfocal.runs.machine.advance import advance
from parfocal.runs.machine.machine import Machine
from parfocal.runs.machine.timing import Timing
from parfocal.runs.plans.autofocus import Autofocus
from parfocal.runs.plans.condition_check import ConditionCheck, Watch
from parfocal.runs.plans.event import Event
from parfocal.runs.plans.service_call import ServiceCall

S = 1_000_000_000
CALLS = [
    ServiceCall(service="force", command="ramp"),
    ServiceCall(service="force", command="ramp", pause="hold", resume="go_on"),
    ServiceCall(service="force", command="ramp", exposing=True),
]
WANTED = Reading(service="sample", command="is_there", equals=True, stale_s=60)
CHECKS = [
    ConditionCheck(condition=WANTED, role="start", timeout_s=5.0, otherwise="skip", leaves_out=2),
    ConditionCheck(condition=WANTED, role="stop", timeout_s=9.0, otherwise="skip"),
]
SEARCHES = [Autofocus(range=4, step=2, on_failure=policy) for policy in ("keep", "pause", "stop")]


def image(number: int, at_s: float | None, kind: str = "image") -> Event:
    return Event(number=number, kind=kind, index={"t": number}, min_start_time=at_s)


class Orders(RuleBasedStateMachine):
    """Plays the shell: performs each task as it may turn out, and lets others wish anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 5 * S
        self.plan: list[Event] = []
        self.begun: list[int] = []  # numbers of exposures in the order in which they were begun
        self.fired: set[int] = set()
        self.called: set[int] = set()
        self.call_is_held = False
        self.may_fire: set[str] = set()  # the masks of the stimulus in hand that are there
        self.held_since_begun = False
        self.wish: str | None = None  # the first end at once that was asked for before it was closing
        self.acquisitions = 0
        self.offset_um = 0.0  # of the focus that was found last
        self.machine = Machine(on_failure="stop")
        self.make_plan()
        self.give(inputs.Woken(self.now))

    def make_plan(self, length: int = 6) -> None:
        first = len(self.plan)
        kinds = ["image", "wait", "stimulus", "confirm", "reference", "acquire", "image", "autofocus"]
        kinds += ["call", "call", "condition"]
        for number in range(first, first + length):
            kind = kinds[(number * 3) % len(kinds)]
            self.plan.append(
                Event(
                    number=number,
                    kind=kind,
                    min_start_time=float(number),
                    duration_s=2.0 if kind == "wait" else 0.0,
                    count=3 if kind == "acquire" else None,
                    timeout_s=20.0,
                    text="go on?" if kind == "confirm" else "",
                    index={"t": number, "p": 0},
                    z_um=1.0,
                    follows_focus=True,
                    autofocus=SEARCHES[number % 3] if kind == "autofocus" else None,
                    shifted_p=(0,) if kind == "autofocus" else (),
                    call=CALLS[number % 3] if kind == "call" else None,
                    check=CHECKS[number % 4 == 3] if kind == "condition" else None,
                    watches=(Watch(CHECKS[1], number + 2),) if number % 4 == 1 else (),
                )
            )

    def give(self, given: inputs.Input) -> tuple[tasks.Effect, ...]:
        before = self.machine
        self.machine, effects = advance(before, given)
        task = self.machine.task
        if task is not before.task and isinstance(task, tasks.CallService):
            assert self.machine.held is None, "a call began although a pause was acknowledged"
            assert self.machine.end is None, "a call began although the run was to end"
            assert task.event.number not in self.called, "a call was begun twice"
            self.called.add(task.event.number)
        if tasks.HoldCall() in effects or tasks.ReleaseCall() in effects:
            self.call_is_held = tasks.HoldCall() in effects
        if not isinstance(task, tasks.CallService):
            self.call_is_held = False
        if task is not before.task and isinstance(task, tasks.Expose | tasks.Focus | tasks.Acquire):
            assert self.machine.held is None, "an exposure began although a pause was acknowledged"
            assert self.machine.end is None, "an exposure began although the run was to end"
            self.begun.append(task.event.number)
            if not isinstance(task, tasks.Acquire):
                assert task.event.z_um == 1.0 + self.offset_um, "an exposure was not where the focus is"
            if task.event.kind == "stimulus":
                if self.machine.late is not None:
                    assert task.mask in self.may_fire, "a stimulus was fired with a mask that nobody had"
                assert task.event.number not in self.fired, "a stimulus was fired twice"
                self.fired.add(task.event.number)
        return effects

    @property
    def task(self) -> tasks.Task | None:
        return self.machine.task

    def at_risk(self) -> bool:
        tried = tasks.Place | tasks.Expose | tasks.Focus | tasks.Prepare | tasks.Drain | tasks.Hold
        return isinstance(self.task, tried | tasks.CallService)

    # --- the run's thread

    @precondition(lambda self: self.task is not None)
    @rule(late=st.integers(0, 3))
    def perform(self, late: int) -> None:
        """The task ends as it should."""
        now = self.now
        match self.task:
            case tasks.Prepare():
                self.give(inputs.Prepared(now))
            case tasks.Fetch(number=number):
                self.give(inputs.Fetched(now, self.plan[number] if number < len(self.plan) else None))
            case tasks.Place():
                self.give(inputs.Placed(now))
            case tasks.Decide():
                self.decide("there", has_older=False)
            case tasks.Expose():
                self.now += S // 100
                self.give(inputs.Exposed(self.now, now))
            case tasks.Focus():
                self.offset_um = float(late)
                self.give(inputs.Focused(now, 1.0 + late, now))
            case tasks.Acquire(count=count):
                self.give(inputs.Acquired(now, count or 1, whole=True))
            case tasks.CallService():
                self.now += late * S
                self.give(inputs.Called(self.now, now, late, "acquired"))
            case tasks.Sleep(until_ns=until_ns) | tasks.Await(until_ns=until_ns):
                self.now = max(now, until_ns) + late * S
                self.give(inputs.Woken(self.now))
            case tasks.Ask() if self.machine.answer is None:
                self.give(inputs.Woken(now))
            case tasks.Ask() | tasks.Hold():
                self.give(inputs.Woken(now))
            case tasks.Drain():
                self.give(inputs.Drained(now))
            case tasks.Close(ending=ending, reason=reason):
                self.give(inputs.Closed(now, ending, reason))

    def go_on(self, steps: int) -> None:
        """Some tasks end as they should, one after the other."""
        for _ in range(steps):
            if self.task is not None:
                self.perform(0)

    @precondition(lambda self: self.at_risk())
    @rule()
    def fail(self) -> None:
        self.give(inputs.TaskFailed(self.now, "camera", "DeviceError", "it broke"))

    @precondition(lambda self: self.at_risk())
    @rule()
    def restart(self) -> None:
        self.give(inputs.Restarted(self.now, "camera", "camera ended"))

    @precondition(lambda self: isinstance(self.task, tasks.Expose))
    @rule()
    def lose(self) -> None:
        self.give(inputs.FrameLost(self.now))

    @precondition(lambda self: isinstance(self.task, tasks.Focus))
    @rule()
    def find_no_focus(self) -> None:
        policy, failed = self.task.event.autofocus.on_failure, self.machine.counts.autofocuses.failed
        self.give(inputs.FocusNotFound(self.now, "nothing is sharp", self.now))
        assert self.machine.counts.autofocuses.failed == failed + 1
        assert policy != "stop" or self.machine.end is not None
        assert policy != "pause" or self.machine.held is not None or self.machine.end is not None

    @precondition(lambda self: isinstance(self.task, tasks.Acquire))
    @rule()
    def stop_from_outside(self) -> None:
        self.give(inputs.Acquired(self.now, 1, whole=False, stopped="somebody stopped the camera"))
        assert self.machine.end is not None

    @precondition(lambda self: isinstance(self.task, tasks.CallService))
    @rule(outcome=st.sampled_from(["failed", "unsure"]), frames=st.integers(0, 5))
    def call_without_result(self, outcome: str, frames: int) -> None:
        dropped, received = self.machine.counts.dropped.get(outcome, 0), self.machine.counts.frames
        on_failure = self.machine.on_failure
        self.give(inputs.Called(self.now, self.now, frames, outcome, message="it broke"))
        assert self.machine.counts.dropped[outcome] == dropped + 1
        assert self.machine.counts.frames == received + frames
        assert outcome != "failed" or on_failure != "stop" or self.machine.end is not None
        assert outcome != "failed" or on_failure != "pause" or self.machine.held or self.machine.end

    @precondition(lambda self: isinstance(self.task, tasks.Decide))
    @rule(mask=st.sampled_from(["there", "late", "never", "gone"]), has_older=st.booleans())
    def decide(self, mask: str, has_older: bool) -> None:
        policy, before = self.machine.late, self.machine.counts.stimulations
        is_put_off = self.machine.held is not None or self.machine.end is not None
        self.may_fire = {"wanted"} if mask == "there" else {"older"} if has_older else set()
        self.give(inputs.Decided(self.now, mask, has_older, "is late"))
        after, end = self.machine.counts.stimulations, self.machine.end
        if mask == "there" or is_put_off:
            assert after == before
        elif policy == "abort" and mask != "gone":
            assert end is not None
        elif not (policy == "hold" and mask == "late") and not (policy == "previous" and has_older):
            assert end is not None or (after.asked, after.fallback) == (before.asked + 1, before.fallback + 1)

    # --- others

    @rule(late=st.sampled_from(["skip", "hold", "previous", "abort"]))
    def with_masks(self, late: str) -> None:
        if not isinstance(self.task, tasks.Expose):
            self.machine = self.machine.having(late=late)

    @rule(policy=st.sampled_from(["stop", "go on", "pause"]))
    def other_policy(self, policy: str) -> None:
        self.machine = self.machine.having(on_failure=policy)

    @rule()
    def time_passes(self) -> None:
        self.now += S

    @rule()
    def pause(self) -> None:
        could = self.machine.may_change
        effects = self.give(inputs.Pause(self.now, "look"))
        assert not could or self.machine.state in ("pausing", "paused")
        self.stop_what_is_aborted(effects)

    @rule(policy=st.sampled_from(["shift", "catch up", "skip"]))
    def resume(self, policy: str) -> None:
        self.give(inputs.Resume(self.now, policy))
        assert self.machine.state not in ("pausing", "paused")

    @rule(ending=st.sampled_from(["cancelled", "failed"]))
    def cancel(self, ending: str) -> None:
        closing = self.machine.is_closing
        settled = self.machine.end is not None and self.machine.end.ending in ("cancelled", "failed")
        effects = self.give(inputs.EndRun(self.now, ending, "why"))
        if not closing and not settled:
            self.wish = ending
            assert tasks.Darken() in effects
            assert self.machine.state == "cancelling"
        self.stop_what_is_aborted(effects)

    @rule()
    def finish(self) -> None:
        self.stop_what_is_aborted(self.give(inputs.EndRun(self.now, "finished early", "enough")))

    def stop_what_is_aborted(self, effects: tuple[tasks.Effect, ...]) -> None:
        if tasks.Abort() not in effects:
            return
        if isinstance(self.task, tasks.Acquire):
            self.give(inputs.Acquired(self.now, 1, whole=False))
        elif isinstance(self.task, tasks.CallService):
            assert self.machine.end is not None, "a pause has cancelled a call"
            self.give(inputs.Called(self.now, self.now, 1, "cancelled"))
        elif isinstance(self.task, tasks.Expose | tasks.Focus | tasks.Place):
            self.give(inputs.Stopped(self.now))

    @rule(value=st.sampled_from([True, False, None]))
    def see_the_sample(self, value: bool | None) -> None:
        """Somebody looks at what conditions of the plan ask for."""
        fact = observed(WANTED, self.machine.facts.get(WANTED.key), value, self.now, "" if value else "gone")
        self.stop_what_is_cut_short(self.give(inputs.Observed(self.now, {WANTED.key: fact})))

    def stop_what_is_cut_short(self, effects: tuple[tasks.Effect, ...]) -> None:
        if tasks.Abort() in effects and isinstance(self.task, tasks.CallService):
            self.give(inputs.Called(self.now, self.now, 1, "cancelled"))
        else:
            self.stop_what_is_aborted(effects)

    @rule(yes=st.booleans())
    def answer(self, yes: bool) -> None:
        self.give(inputs.Answer(self.now, yes))

    @precondition(lambda self: self.machine.may_change and len(self.plan) < 30)
    @rule()
    def extend(self) -> None:
        self.make_plan(3)

    @precondition(lambda self: self.machine.may_change)
    @rule()
    def replace(self) -> None:
        self.give(inputs.Replaced(self.now))
        del self.plan[self.machine.counts.consumed :]
        self.make_plan(4)

    # --- always

    @invariant()
    def everything_is_counted(self) -> None:
        counts = self.machine.counts
        in_hand = self.machine.event is not None
        assert counts.consumed == counts.acquired + sum(counts.dropped.values()) + in_hand
        assert counts.consumed <= len(self.plan) or self.machine.state == "ended"

    @invariant()
    def what_is_acknowledged_holds(self) -> None:
        machine = self.machine
        if machine.state == "paused":
            assert not isinstance(machine.task, tasks.Expose | tasks.Focus | tasks.Acquire | tasks.Place)
            assert not isinstance(machine.task, tasks.CallService) or self.call_is_held
        if self.call_is_held:
            assert machine.held is not None or machine.state == "cancelling"
        if machine.state == "ended":
            assert machine.task is None

    def look_again(self) -> None:
        """See that what interlocks ask for is so."""

    def teardown(self) -> None:
        """Whatever came: answered and resumed, it comes to an end, and no cancel was lost."""
        for _ in range(4000):
            if self.machine.state == "ended":
                break
            self.look_again()
            self.give(inputs.Answer(self.now, True))
            self.resume("shift")
            self.look_again()
            self.perform(0)
        assert self.machine.state == "ended"
        if self.wish:
            assert self.machine.outcome in ("cancelled", "failed")
        elif self.machine.outcome == "complete":
            assert self.machine.counts.consumed == len(self.plan)


DOOR = Reading(service="door", command="is_closed", equals=True, stale_s=3)
CAGE = Reading(service="cage", command="is_closed", equals=True, stale_s=60)
INTERLOCKS = (
    Interlock(name="door", condition=DOOR),
    Interlock(name="cage", condition=CAGE, breach="end"),
)


class InterlockedOrders(Orders):
    """The same with interlocks, of which one pauses the run and another one ends it."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[bool | None, int]] = {}
        self.resumed_ns: int | None = None  # of the resume that waits
        super().__init__()

    def make_plan(self, length: int = 6) -> None:
        if not self.machine.interlocks:
            self.seen = {one.key: (True, self.now) for one in (DOOR, CAGE)}
            facts = {one.key: observed(one, None, True, self.now) for one in (DOOR, CAGE)}
            self.machine = self.machine.having(interlocks=INTERLOCKS, facts=facts)
        super().make_plan(length)

    def is_well(self) -> bool:
        return all(
            self.seen[one.key][0] and self.now - self.seen[one.key][1] <= one.stale_s * S
            for one in (DOOR, CAGE)
        )

    def give(self, given: inputs.Input) -> tuple[tasks.Effect, ...]:
        before = self.machine
        effects = super().give(given)
        task = self.machine.task
        if task is not before.task and self.machine.takes_light:
            assert self.is_well(), f"{type(task).__name__} began although an interlock was breached"
        if before.held is not None and self.machine.held is None and self.machine.end is None:
            assert self.resumed_ns is not None, "it went on, although that was withdrawn"
            assert all(at_ns >= self.resumed_ns for _, at_ns in self.seen.values()), "by what was seen before"
            assert self.is_well()
        if not self.is_well():
            self.resumed_ns = None
        return effects

    def look(self, asked: Reading, value: bool | None) -> None:
        """Somebody looks at a door: it is closed, or open, or it cannot be told."""
        was, may_change = self.machine, self.machine.may_change
        self.seen[asked.key] = value, self.now
        fact = observed(asked, was.facts.get(asked.key), value, self.now, "" if value is not None else "gone")
        effects = self.give(inputs.Observed(self.now, {asked.key: fact}))
        if may_change and not self.is_well() and not was.breaches:
            assert tasks.Darken() in effects, "the light stayed on"
            assert self.machine.held is not None or self.machine.end is not None
            assert not was.takes_light or tasks.Abort() in effects
        self.stop_what_is_cut_short(effects)

    def open_the_door_during_an_exposure(self) -> None:
        self.go_on_until(tasks.Expose)
        self.look(DOOR, False)

    def open_the_door_too_late_to_abort(self) -> None:
        """The light goes off as an exposure is under way, which the camera ends all the same."""
        self.go_on_until(tasks.Expose)
        if not isinstance(self.task, tasks.Expose):
            return
        event, before = self.task.event, self.machine.counts
        fact = observed(DOOR, None, False, self.now)
        self.seen[DOOR.key] = False, self.now
        effects = self.give(inputs.Observed(self.now, {DOOR.key: fact}))
        is_new = tasks.Darken() in effects
        if self.machine.end is None and is_new:
            self.give(inputs.Exposed(self.now, self.now))
            assert self.machine.counts.errors.count == before.errors.count + 1
            if event.kind == "stimulus":
                assert self.machine.counts.stimulations.unsure == before.stimulations.unsure + 1
        else:
            self.stop_what_is_aborted(effects)

    def go_on_until(self, kind: type[tasks.Task]) -> None:
        for _ in range(20):
            if self.task is not None and not isinstance(self.task, kind | tasks.Hold | tasks.Ask):
                self.perform(0)

    def resume(self, policy: str) -> None:
        self.now += 1
        if self.machine.held is not None and self.is_well() and self.resumed_ns is None:
            self.resumed_ns = self.now
        self.give(inputs.Resume(self.now, policy))

    def pause(self) -> None:
        self.resumed_ns = None
        super().pause()

    def fail(self) -> None:
        self.resumed_ns = None
        super().fail()

    def look_again(self) -> None:
        if self.machine.held is not None and self.machine.held.resume is not None:
            self.resumed_ns = self.now
        self.look(DOOR, True)
        self.look(CAGE, True)
        assert self.resumed_ns is None or self.machine.held is None, "it does not go on"
        self.resumed_ns = None


OFTEN = {
    "go on": 6,
    "the door opens": 3,
    "the door closes": 4,
    "nobody knows of the door": 1,
    "the cage opens": 1,
    "the door opens as it exposes": 3,
    "the door opens late": 2,
    "resume": 5,
    "all is closed": 3,
    "finish": 1,
    "pause": 2,
    "time passes": 1,
    "restart": 1,
    "fail": 1,
    "replace": 1,
    "cancel": 1,
    "the sample is there": 1,
}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([one for one, often in OFTEN.items() for _ in range(often)]), max_size=60))
def test_pauses_cancels_interlocks_and_crashes_in_any_order(happens):
    orders = InterlockedOrders()
    orders.other_policy("pause")
    acts = {
        "go on": lambda: orders.go_on(2),
        "the door opens": lambda: orders.look(DOOR, False),
        "the door closes": lambda: orders.look(DOOR, True),
        "nobody knows of the door": lambda: orders.look(DOOR, None),
        "the cage opens": lambda: orders.look(CAGE, False),
        "the door opens as it exposes": orders.open_the_door_during_an_exposure,
        "the door opens late": orders.open_the_door_too_late_to_abort,
        "resume": lambda: orders.resume("shift"),
        "all is closed": orders.look_again,
        "finish": orders.finish,
        "pause": orders.pause,
        "time passes": lambda: [orders.time_passes() for _ in range(4)],
        "restart": lambda: orders.restart() if orders.at_risk() else None,
        "fail": lambda: orders.fail() if orders.at_risk() else None,
        "replace": lambda: orders.replace() if orders.machine.may_change else None,
        "the sample is there": lambda: orders.see_the_sample(True),
        "cancel": lambda: orders.cancel("cancelled"),
    }
    for one in happens:
        acts[one]()
        orders.everything_is_counted()
        orders.what_is_acknowledged_holds()
    orders.teardown()


Orders.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestOrders = Orders.TestCase


class Shell:
    """Performs the tasks of a plan on a time of its own, each exposure taking `exposure_s`."""

    def __init__(self, plan: list[Event], exposure_s: float = 0.01) -> None:
        self.plan, self.exposure_ns = plan, round(exposure_s * 1e9)
        self.now = self.begin = 100 * S
        self.starts: list[tuple[int, float]] = []
        self.machine = Machine()
        self.report = inputs.Woken(self.now)

    def run(self, until_s: float = 1e9) -> Shell:
        """Go on until the end, or until a wait would last longer than that; return self."""
        while self.machine.state != "ended":
            self.machine, _ = advance(self.machine, self.report)
            task = self.machine.task
            if isinstance(task, tasks.Sleep) and task.until_ns > self.begin + until_s * S:
                self.now = self.begin + round(until_s * S)
                self.report = inputs.Woken(self.now)
                return self
            if task is None:
                return self
            self.report = self.perform(task)
        return self

    def perform(self, task: tasks.Task) -> inputs.Report:
        match task:
            case tasks.Prepare():
                return inputs.Prepared(self.now)
            case tasks.Fetch(number=number):
                return inputs.Fetched(self.now, self.plan[number] if number < len(self.plan) else None)
            case tasks.Place():
                return inputs.Placed(self.now)
            case tasks.Sleep(until_ns=until_ns):
                self.now = max(self.now, until_ns)
                return inputs.Woken(self.now)
            case tasks.Expose(event=event):
                began = self.now
                self.starts.append((event.number, (began - self.begin) / S))
                self.now += self.exposure_ns
                return inputs.Exposed(self.now, began)
            case tasks.Drain():
                return inputs.Drained(self.now)
            case tasks.Close(ending=ending, reason=reason):
                return inputs.Closed(self.now, ending, reason)
        raise AssertionError(task)

    def wish(self, wish: inputs.Wish) -> None:
        self.machine, _ = advance(self.machine, wish)

    @property
    def times(self) -> list[float]:
        return [round(start, 3) for _, start in self.starts]


def test_exposures_begin_when_the_plan_has_them():
    shell = Shell([image(n, 10.0 * n) for n in range(6)]).run()
    assert shell.times == [0, 10, 20, 30, 40, 50]
    assert shell.machine.outcome == "complete"
    assert shell.machine.counts.acquired == 6


def test_a_leading_wait_moves_them_all():
    wait = Event(number=0, kind="wait", min_start_time=0.0, duration_s=10.0)
    shell = Shell([wait, *(image(n, 10.0 * n) for n in range(1, 4))]).run()
    assert shell.times == [10, 20, 30]


def test_a_late_run_does_not_flash_through_its_waits():
    wait = Event(number=2, kind="wait", min_start_time=1.0, duration_s=10.0)
    plan = [image(0, 0.0), image(1, 1.0), wait, image(3, 11.0), image(4, 12.0)]
    shell = Shell(plan, exposure_s=5.0).run()
    assert shell.times == [0, 5, 20, 25]  # the wait begins at 10, when the second image is done


def test_a_pause_shifts_what_is_left():
    shell = Shell([image(n, 10.0 * n) for n in range(4)]).run(until_s=12)
    shell.wish(inputs.Pause(shell.now))
    assert shell.machine.state == "paused"
    shell.now += 30 * S
    shell.wish(inputs.Resume(shell.now))
    shell.report = inputs.Woken(shell.now)
    assert shell.run().times == [0, 10, 50, 60]


def test_catching_up_keeps_a_gap():
    shell = Shell([image(n, 1.0 * n) for n in range(12)]).run(until_s=2.5)
    shell.wish(inputs.Pause(shell.now))
    shell.now += 4 * S
    shell.wish(inputs.Resume(shell.now, "catch up", S // 4))
    shell.report = inputs.Woken(shell.now)
    times = shell.run().times
    assert times[:3] == [0, 1, 2]
    assert times[3:8] == [6.5, 6.75, 7, 7.25, 7.5]
    assert times[8:] == [8, 9, 10, 11]


def test_catching_up_without_a_gap_goes_at_twice_the_pace():
    shell = Shell([image(n, 1.0 * n) for n in range(12)]).run(until_s=2.5)
    shell.wish(inputs.Pause(shell.now))
    shell.now += 4 * S
    shell.wish(inputs.Resume(shell.now, "catch up"))
    shell.report = inputs.Woken(shell.now)
    times = shell.run().times
    assert times[3:] == [6.5, 7, 7.5, 8, 8.5, 9, 9.5, 10, 11]


def test_skipping_leaves_out_what_was_due_during_the_pause_and_says_so():
    shell = Shell([image(n, 1.0 * n) for n in range(12)]).run(until_s=2.5)
    shell.wish(inputs.Pause(shell.now))
    shell.now += 4 * S
    shell.wish(inputs.Resume(shell.now, "skip"))
    shell.report = inputs.Woken(shell.now)
    shell.run()
    assert [number for number, _ in shell.starts] == [0, 1, 2, 7, 8, 9, 10, 11]
    assert shell.machine.counts.dropped == {"skipped": 4}
    assert shell.machine.counts.consumed == 12


@pytest.mark.parametrize(("policy", "ends"), [("shift", 16.0), ("catch up", 12.0), ("skip", 12.0)])
def test_under_shift_the_countdown_of_a_wait_holds_during_a_pause(policy, ends):
    wait = Event(number=1, kind="wait", min_start_time=2.0, duration_s=10.0)
    shell = Shell([image(0, 0.0), wait, image(2, 12.0)]).run(until_s=5)
    assert shell.machine.state == "waiting"
    shell.wish(inputs.Pause(shell.now))
    assert shell.machine.state == "paused"
    shell.now += 4 * S
    shell.wish(inputs.Resume(shell.now, policy))
    shell.report = inputs.Woken(shell.now)
    assert shell.run().times == [0, ends]


def test_what_comes_after_a_repeated_exposure_keeps_its_distance():
    plan = [image(n, 1.0 * n) for n in range(5)]
    shell = Shell(plan).run(until_s=1.5)
    shell.machine, _ = advance(shell.machine, inputs.Woken(shell.begin + 2 * S))
    shell.now = shell.begin + 6 * S
    shell.report = inputs.Restarted(shell.now, "camera", "camera ended")
    assert shell.run().times == [0, 1, 6, 7, 8]
    assert shell.machine.counts.errors.count == 1


def test_a_stimulus_does_not_tell_how_late_the_run_is():
    plan = [image(0, 0.0), image(1, 1.0), image(2, 1.0, "stimulus"), image(3, 9.0)]
    shell = Shell(plan, exposure_s=0.3).run(until_s=5.0)
    assert shell.times == [0, 1, 1.3]
    assert shell.machine.timing.lag_ms == 0.0
    assert (shell.machine.counts.frames, shell.machine.counts.stimulations.fired) == (2, 1)


def test_a_time_point_that_takes_most_of_its_interval_does_not_make_the_next_one_late():
    timing = Timing(origin_ns=0)
    for place in range(12):
        event = Event(number=place, kind="image", min_start_time=0.0)
        timing = timing.exposed(event, place * S, repeated=False)
    assert timing.due_ns(Event(number=12, kind="image", min_start_time=12.0), 12 * S) == 12 * S


def test_an_interlock_is_checked_before_an_exposure_that_nobody_looked_at_since_long():
    shell = Shell([image(n, 10.0 * n) for n in range(3)])
    fact = observed(CAGE, None, True, shell.now)
    shell.machine = shell.machine.having(interlocks=INTERLOCKS[1:], facts={CAGE.key: fact})
    shell.now += 61 * S
    shell.report = inputs.Woken(shell.now)
    shell.run()
    assert shell.starts == []
    assert (shell.machine.outcome, shell.machine.reason) == (
        "failed",
        "interlock 'cage': cage.is_closed was yes 61 s ago, too long",
    )


@pytest.mark.parametrize(("kind", "exposures"), [("image", 2), ("stimulus", 1)])
def test_an_image_that_an_interlock_has_aborted_is_taken_again_and_a_stimulus_is_not(kind, exposures):
    shell = Shell([image(0, 0.0, kind)])
    shell.machine = shell.machine.having(
        interlocks=INTERLOCKS[:1], facts={DOOR.key: observed(DOOR, None, True, shell.now)}
    )
    begun = 0
    for _ in range(20):
        shell.machine, _ = advance(shell.machine, shell.report)
        task = shell.machine.task
        if task is None:
            break
        if isinstance(task, tasks.Hold):
            shell.machine, _ = advance(shell.machine, inputs.Resume(shell.now))
            fact = observed(DOOR, None, True, shell.now)
            shell.machine, _ = advance(shell.machine, inputs.Observed(shell.now, {DOOR.key: fact}))
            shell.report = inputs.Woken(shell.now)
            continue
        begun += isinstance(task, tasks.Expose)
        if isinstance(task, tasks.Expose) and begun == 1:
            for closed in (False, True):  # it is closed again before the camera has stopped
                fact = observed(DOOR, None, closed, shell.now)
                shell.machine, _ = advance(shell.machine, inputs.Observed(shell.now, {DOOR.key: fact}))
            shell.report = inputs.Stopped(shell.now)
        else:
            shell.report = shell.perform(task)
    counts = shell.machine.counts
    assert begun == exposures
    assert counts.stimulations.unsure == (kind == "stimulus")
    assert counts.acquired == (kind == "image")


def held(*seen: bool | None) -> Machine:
    """Return a machine that an open door has paused, resumed once it was closed, after what was seen then."""
    machine = Machine(interlocks=INTERLOCKS[:1], facts={DOOR.key: observed(DOOR, None, True, 0)})
    machine, _ = advance(machine.to("running"), inputs.Pause(1, "look"))
    for now, closed in enumerate(seen, 2):
        machine, _ = advance(machine, inputs.Observed(now, {DOOR.key: observed(DOOR, None, closed, now)}))
    return machine


def test_a_run_goes_on_by_what_was_looked_at_after_its_resume_only():
    machine, effects = advance(held(True), inputs.Resume(10))
    assert (machine.state, effects) == ("paused", ())
    for asked_ns, state in ((9, "paused"), (10, "running")):
        fact = observed(DOOR, None, True, 20, asked_ns=asked_ns)
        machine, effects = advance(machine, inputs.Observed(20, {DOOR.key: fact}))
        assert machine.state == state
    assert effects == (tasks.Wake(),)
    assert machine.held is None


def test_a_door_that_was_opened_before_the_resume_keeps_the_run_paused_and_says_so():
    machine, _ = advance(held(True), inputs.Resume(10))
    machine, _ = advance(machine, inputs.Observed(12, {DOOR.key: observed(DOOR, None, False, 12)}))
    assert machine.state == "paused"
    assert machine.held.reason == "interlock 'door': door.is_closed is no, and not yes"
    for now in (14, 16):  # it is closed again: a person resumes
        machine, _ = advance(machine, inputs.Observed(now, {DOOR.key: observed(DOOR, None, True, now)}))
        assert machine.state == "paused"


@pytest.mark.parametrize(
    "wish", [inputs.Pause(11, "wait"), inputs.TaskFailed(11, "camera", "DeviceError", "broke")]
)
def test_what_holds_a_run_after_its_resume_wins(wish):
    machine, _ = advance(held(True).having(on_failure="pause", event=image(0, None)), inputs.Resume(10))
    machine, _ = advance(machine, wish)
    machine, _ = advance(machine, inputs.Observed(12, {DOOR.key: observed(DOOR, None, True, 12)}))
    assert machine.state == "paused"
    assert machine.held.reason in ("wait", "broke")
    assert machine.held.since_ns == 1


@pytest.mark.parametrize("task", [tasks.Prepare, tasks.Place, tasks.Expose])
def test_an_event_is_tried_a_few_times_with_each_instrument_that_ends(task):
    """Three that ended one after the other failed a run, as it began."""
    shell = Shell([image(0, 0.0)])
    for source in ("camera", "stage", "laser", "camera", "stage", "laser", "camera"):
        while not isinstance(shell.machine.task, task):
            shell.machine, _ = advance(shell.machine, shell.report)
            if not isinstance(shell.machine.task, task):
                shell.report = shell.perform(shell.machine.task)
        assert shell.machine.end is None
        shell.report = inputs.Restarted(shell.now, source, f"{source} ended before it answered")
        shell.machine, _ = advance(shell.machine, shell.report)
        if not isinstance(shell.machine.task, task):
            shell.report = shell.perform(shell.machine.task)
    assert shell.run().machine.outcome == "failed"
    assert shell.machine.reason == "camera ended before it answered: camera has ended 3 times in a row"
