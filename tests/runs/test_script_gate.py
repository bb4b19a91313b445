"""The gate of a script on a clock that is moved by hand: pauses, answers, the end, and its own time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, ClaimedError, DeadlineError
from parfocal.ipc import CommandTable, command
from parfocal.rig.lab_service import LabService
from parfocal.runs.scripts import messages
from parfocal.runs.scripts.script_gate import ScriptGate, ScriptStopped
from parfocal.testing.clock import ManualClock

LONG_S = 60.0


class Script:
    """A gate with the clock of its script, and what it tells."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told: SimpleQueue[Any] = SimpleQueue()
        self.gate = ScriptGate(self.clock, self.told.put)

    def begin(self, act) -> Future[Any]:
        """Have the script do something, in a thread."""
        done: Future[Any] = Future()

        def work() -> None:
            try:
                done.set_result(act())
            except BaseException as error:  # noqa: BLE001 (the test asks for it)
                done.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return done

    def hears(self, kind: type) -> Any:
        """Return the next message of a kind."""
        while not isinstance(message := self.told.get(timeout=LONG_S), kind):
            pass
        return message

    def advance(self, seconds: float) -> None:
        """Let time pass once the script waits for it: it tells that it waits before it does."""
        assert self.clock.wait_for_waiters()
        self.clock.advance(seconds)

    def pause(self, seconds: float) -> None:
        self.gate.hold()
        self.hears(messages.ScriptHolds)
        self.clock.advance(seconds)
        self.gate.go_on()


@pytest.fixture
def script() -> Script:
    return Script()


def test_a_sleep_that_is_paused_lasts_as_much_longer(script) -> None:
    slept = script.begin(lambda: script.gate.sleep(10))
    assert script.hears(messages.ScriptWaits).until_ns == 10 * 10**9
    script.advance(4)
    script.pause(5)
    assert script.hears(messages.ScriptWaits).until_ns == 15 * 10**9
    script.advance(5.9)
    assert script.clock.wait_for_waiters()
    assert not slept.done()
    script.clock.advance(0.1)
    assert slept.result(LONG_S) is None
    assert script.clock.monotonic_ns() == 15 * 10**9


def test_a_pause_extends_the_limit_of_a_condition(script) -> None:
    holds = threading.Event()
    waited = script.begin(lambda: script.gate.wait_for(holds.is_set, 10, "a bead"))
    script.advance(9)
    assert script.hears(messages.ScriptWaits).what == "a bead"
    script.pause(100)
    script.hears(messages.ScriptWaits)
    assert script.clock.wait_for_waiters()
    holds.set()
    script.clock.advance(0.5)
    assert waited.result(LONG_S) is True


def test_a_condition_that_never_holds_is_told_with_its_limit(script) -> None:
    waited = script.begin(lambda: script.gate.wait_for(lambda: False, 10, "a bead"))
    script.advance(10)
    with pytest.raises(DeadlineError, match="waited 10 s for a bead, in vain"):
        waited.result(LONG_S)


def test_a_wait_in_a_condition_is_not_told_nor_a_short_one(script) -> None:
    found = [False, False, True]

    def look() -> bool:
        script.gate.sleep(1)
        return found.pop(0)

    short = script.begin(lambda: script.gate.sleep(0.1))
    script.advance(1)
    assert short.result(LONG_S) is None
    waited = script.begin(lambda: script.gate.wait_for(look, None, "the last look"))
    while not waited.done():
        script.clock.advance(0.5)
    assert waited.result(LONG_S) is True
    told = [script.told.get() for _ in range(script.told.qsize())]
    assert [getattr(message, "what", None) for message in told] == ["the last look", None]


def test_what_a_condition_finds_is_returned(script) -> None:
    assert script.gate.wait_for(lambda: [5], None, "five") == [5]


def test_a_call_holds_in_a_pause_and_goes_on_after_it(script) -> None:
    script.gate.hold()
    passed = script.begin(script.gate.check)
    script.hears(messages.ScriptHolds)
    assert not passed.done()
    script.gate.go_on()
    assert passed.result(LONG_S) is None


@pytest.mark.parametrize("held", [False, True])
def test_a_stop_ends_a_wait_paused_or_not(script, held) -> None:
    slept = script.begin(lambda: script.gate.sleep(1000))
    script.hears(messages.ScriptWaits)
    if held:
        script.gate.hold()
        script.hears(messages.ScriptHolds)
    script.gate.stop("a bubble")
    with pytest.raises(ScriptStopped, match="a bubble"):
        slept.result(LONG_S)
    with pytest.raises(ScriptStopped):
        script.gate.check()


def test_a_script_that_is_to_finish_ends_between_its_steps(script) -> None:
    script.gate.step("first", of=2)
    script.gate.finish("enough")
    script.gate.check()  # its step goes on
    with pytest.raises(ScriptStopped, match="enough"):
        script.gate.step("second")
    assert script.hears(messages.ScriptStep) == messages.ScriptStep("first", 1, 2)


def test_a_script_without_steps_finishes_at_its_next_call(script) -> None:
    script.gate.finish("enough")
    with pytest.raises(ScriptStopped, match="enough"):
        script.gate.check()


def test_steps_count_from_the_one_that_was_given(script) -> None:
    for text, number in (("a", None), ("b", 7), ("c", None)):
        script.gate.step(text, number)
    assert [script.hears(messages.ScriptStep).number for _ in range(3)] == [1, 7, 8]
    with pytest.raises(BadInputError, match="numbered from 1 on, not 0"):
        script.gate.step("d", 0)


def test_a_question_is_answered_also_in_a_pause(script) -> None:
    asked = script.begin(lambda: script.gate.ask("go on?", ("yes", "no"), None))
    assert script.hears(messages.ScriptAsks).choices == ("yes", "no")
    script.gate.hold()
    script.hears(messages.ScriptHolds)
    script.gate.answer("no", 1)
    assert not asked.done()
    script.gate.go_on()
    assert asked.result(LONG_S) == "no"


def test_a_question_that_nobody_answers_is_over_in_time(script) -> None:
    asked = script.begin(lambda: script.gate.ask("go on?", (), 60))
    script.hears(messages.ScriptAsks)
    script.advance(60)
    with pytest.raises(DeadlineError, match="nobody answered within 60 s: go on"):
        asked.result(LONG_S)


def test_an_answer_that_comes_too_late_is_none_to_the_next_question(script) -> None:
    first = script.begin(lambda: script.gate.ask("is the shutter closed?", ("yes", "no"), 60))
    late = script.hears(messages.ScriptAsks).number
    script.advance(60)
    assert isinstance(first.exception(LONG_S), DeadlineError)
    second = script.begin(lambda: script.gate.ask("fire the laser?", ("yes", "no"), None))
    number = script.hears(messages.ScriptAsks).number
    script.gate.answer("yes", late)
    script.gate.answer("no", number)
    assert second.result(LONG_S) == "no"


def test_two_threads_that_ask_get_each_its_own_answer_and_each_question_is_told(script) -> None:
    drug = script.begin(lambda: script.gate.ask("is the drug in?", ("yes", "no"), None))
    first = script.hears(messages.ScriptAsks)
    dish = script.begin(lambda: script.gate.ask("is the dish warm?", ("yes", "no"), None))
    second = script.hears(messages.ScriptAsks)
    assert (first.question, second.question) == ("is the drug in?", "is the dish warm?")
    script.gate.answer("no", second.number)
    assert dish.result(LONG_S) == "no"
    script.hears(messages.ScriptGoesOn)
    assert script.hears(messages.ScriptAsks) == first, "it is still asked"
    script.gate.answer("yes", first.number)
    assert drug.result(LONG_S) == "yes"


def test_a_question_is_told_while_another_thread_waits_and_in_a_condition(script) -> None:
    script.begin(lambda: script.gate.sleep(1000))
    script.hears(messages.ScriptWaits)
    waited = script.begin(
        lambda: script.gate.wait_for(lambda: script.gate.ask("warm?", ("yes",), None), None, "a warm dish")
    )
    script.gate.answer("yes", script.hears(messages.ScriptAsks).number)
    assert waited.result(LONG_S) == "yes"
    script.hears(messages.ScriptGoesOn)
    assert script.hears(messages.ScriptWaits).until_ns == 1000 * 10**9, "the other thread still waits"


def test_a_pause_tells_what_a_thread_does_though_another_one_has_ended(script) -> None:
    ends, begun = threading.Event(), threading.Event()

    def move() -> None:
        with script.gate.doing("stage.move"):
            begun.set()
            ends.wait(LONG_S)

    moving = script.begin(move)
    assert begun.wait(LONG_S)
    with script.gate.doing("light.off"):
        ends.set()
        moving.result(LONG_S)
    script.gate.hold()
    assert script.hears(messages.ScriptIsBusy).what == ""


def test_a_service_is_claimed_once_and_a_refusal_is_told(script) -> None:
    claimed = script.begin(lambda: script.gate.claim("magnet"))
    assert script.hears(messages.ClaimService).service == "magnet"
    script.gate.claimed("magnet", "", stays=True)
    assert claimed.result(LONG_S) is None
    script.gate.claim("magnet")  # asks nobody
    refused = script.begin(lambda: script.gate.claim("camera"))
    script.hears(messages.ClaimService)
    script.gate.claimed("camera", "run 'a' uses camera", stays=False)
    with pytest.raises(ClaimedError, match="run 'a' uses camera"):
        refused.result(LONG_S)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_impossible_times_are_refused(script, seconds) -> None:
    with pytest.raises(BadInputError):
        script.gate.sleep(seconds)
    if seconds != float("inf"):
        with pytest.raises(BadInputError):
            script.gate.wait_for(lambda: False, seconds, "x")


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda gate: gate.step(5), "a step is a text, not 5"),
        (lambda gate: gate.step("x", of=2.0), "of is a whole number, not 2.0"),
        (lambda gate: gate.step("x", number="1"), "number is a whole number, not '1'"),
        (lambda gate: gate.wait_for(lambda: False, 0.0, 3), "what is waited for is a text, not 3"),
        (lambda gate: gate.ask(1, ("a",), 0.0), "a question is a text, not 1"),
        (lambda gate: gate.ask("which?", (1, 2), 0.0), "a choice is a text, not 1"),
        (
            lambda gate: gate.ask("which?", "yes", 0.0),
            "choices are several texts, such as .'yes',., not 'yes'",
        ),
    ],
)
def test_what_the_engine_could_not_read_is_refused_in_the_line_that_gives_it(script, act, said) -> None:
    with pytest.raises(BadInputError, match=said):
        act(script.gate)
    assert script.told.empty()


def test_a_number_of_another_library_is_one_of_python(script) -> None:
    script.gate.step("third", np.int64(3), np.int64(4))
    told = script.hears(messages.ScriptStep)
    assert (type(told.number), told.number, type(told.of), told.of) == (int, 3, int, 4)


class _Lamp:
    """What carries the calls of a lamp, and takes its time for a lease."""

    def __init__(self) -> None:
        self.leases: list[Any] = []

    def commands(self) -> tuple[Any, ...]:
        return CommandTable.of(_LampCommands).describe()

    def submit(self, *_: Any, **__: Any) -> Any:
        call: Future[Any] = Future()
        call.set_result(None)
        return call

    def lease(self, *_: Any, **__: Any) -> Any:
        self.leases.append(SimpleNamespace(lost=False))
        time.sleep(0.1)  # so that others ask for one meanwhile
        return self.leases[-1]


class _LampCommands:
    @command()
    def set_power(self, power: float) -> None: ...


def test_threads_of_a_script_that_change_a_service_at_once_share_one_lease(script) -> None:
    lamp = _Lamp()
    script.gate.claimed("lamp", "", stays=True)
    service: Any = LabService(lamp, "lamp", script.gate)  # type: ignore[arg-type]
    started = threading.Barrier(4)

    def change() -> None:
        started.wait(LONG_S)
        service.set_power(0.5)

    for done in [script.begin(change) for _ in range(4)]:
        done.result(LONG_S)
    assert len(lamp.leases) == 1
