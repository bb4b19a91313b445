"""The states of a script's run, whatever its process tells and others want, in any order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parfocal.runs.machine import inputs
from parfocal.runs.machine.states import TABLE
from parfocal.runs.scripts import messages
from parfocal.runs.scripts.script_machine import (
    ScriptClosed,
    ScriptExit,
    ScriptMachine,
    advance_script,
)
from parfocal.runs.scripts.script_snapshot import ScriptFacts, script_status

WISHES = [
    inputs.Pause(0, "a bubble"),
    inputs.Resume(0),
    inputs.EndRun(0, "cancelled", "no"),
    inputs.EndRun(0, "finished early", "enough"),
    inputs.EndRun(0, "failed", "broken", commanded=False),
    inputs.Answer(0, True, "yes"),
]
TOLD = [
    messages.ScriptBegan(),
    messages.ScriptStep("up", 1, 2),
    messages.ScriptWaits("", 5),
    messages.ScriptWaits("run 'a'"),
    messages.ScriptAsks("go on?", ("yes", "no"), 1),
    messages.ScriptGoesOn(),
    messages.ScriptHolds(),
    messages.ScriptIsBusy("magnet.move_to"),
    messages.ScriptEnded(),
    messages.ScriptEnded(error="ValueError: x", kind="ValueError"),
    messages.ScriptEnded(stopped=True),
]
FACTS = ScriptFacts(run="a", script="/a.py")


def after(*given: object) -> ScriptMachine:
    machine = ScriptMachine()
    for now_ns, one in enumerate(given):
        machine, _ = advance_script(machine, one, now_ns)
    return machine


def ended(*given: object, exit: ScriptExit = ScriptExit("ended with exit code 0")) -> tuple[str, str]:  # noqa: B008
    machine = after(*given, exit, ScriptClosed())
    return machine.outcome, machine.reason


@given(st.lists(st.sampled_from(WISHES + TOLD)))
def test_any_order_keeps_to_the_table_and_ends_with_an_outcome(given) -> None:
    machine = ScriptMachine()
    for now_ns, one in enumerate([*given, ScriptExit("was killed by SIGKILL"), ScriptClosed()]):
        before = machine
        machine, sent = advance_script(machine, one, now_ns)
        assert machine.state == before.state or machine.state in TABLE[before.state]
        assert before.may_change or not sent, "who is gone is told nothing"
        assert not before.is_cancelled or not any(isinstance(m, messages.GoOnWithScript) for m in sent)
        status = script_status(machine, FACTS, now_ns + 1)
        assert status.wait_remaining_s >= 0
        assert status.elapsed_s >= status.scheduled_s >= 0
    assert machine.state == "ended"
    assert machine.outcome in ("complete", "cancelled", "failed", "finished early")
    cancelled = any(getattr(one, "ending", "") in ("cancelled", "failed") for one in given)
    assert machine.outcome in ("cancelled", "failed") or not cancelled


def test_a_wish_for_the_end_is_never_lost_and_the_first_reason_stays() -> None:
    cancel = inputs.EndRun(0, "cancelled", "no")
    for first in WISHES[:2] + TOLD:
        machine, sent = advance_script(after(first), cancel, 5)
        assert sent == (messages.StopScript("no"),)
        again, sent = advance_script(machine, inputs.EndRun(0, "cancelled", "later"), 6)
        assert (again, sent) == (machine, ())


def test_how_it_ends_is_told() -> None:
    began, step = messages.ScriptBegan(), messages.ScriptStep("up", 2, 5)
    killed = ScriptExit("was killed by SIGKILL")
    assert ended(began, messages.ScriptEnded()) == ("complete", "")
    assert ended(began, step, exit=killed) == (
        "failed",
        "the process of the script was killed by SIGKILL at step 2: up",
    )
    assert ended(began, messages.ScriptEnded(error="ValueError: x (a.py, line 3)")) == (
        "failed",
        "ValueError: x (a.py, line 3)",
    )
    finish = inputs.EndRun(0, "finished early", "enough")
    assert ended(began, finish, messages.ScriptEnded(stopped=True)) == ("finished early", "enough")
    assert ended(began, finish, messages.ScriptEnded()) == ("complete", "")  # it came to its own end before
    cancel = inputs.EndRun(0, "cancelled", "no")
    assert ended(began, cancel, messages.ScriptEnded(stopped=True)) == ("cancelled", "no")
    assert ended(began, cancel, exit=ScriptExit("was killed by SIGKILL", killed=True)) == (
        "cancelled",
        "no; it did not end by itself, and its process was killed",
    )


def test_a_pause_is_acknowledged_by_the_script_and_told_if_it_is_not() -> None:
    pause = inputs.Pause(0, "a bubble")
    machine = after(messages.ScriptBegan(), messages.ScriptStep("up", 1), pause)
    assert machine.state == "pausing"
    late = script_status(machine, FACTS, 3 * 10**9).waiting_for
    assert late == "the script, not answering the pause yet: it calls nothing of the lab"
    machine, _ = advance_script(machine, messages.ScriptIsBusy("tracker.build_tables"), 5)
    assert (
        "not answering the pause yet: tracker.build_tables"
        in script_status(machine, FACTS, 3 * 10**9).waiting_for
    )
    machine, _ = advance_script(machine, messages.ScriptHolds(), 6)
    assert machine.state == "paused"
    assert script_status(machine, FACTS, 3 * 10**9).waiting_for == ""


def test_a_wait_that_is_paused_stands_still() -> None:
    machine = after(messages.ScriptBegan(), messages.ScriptWaits("", 10 * 10**9))
    assert machine.state == "waiting"
    assert script_status(machine, FACTS, 4 * 10**9).wait_remaining_s == 6.0
    machine, _ = advance_script(machine, inputs.Pause(4 * 10**9), 4 * 10**9)
    assert machine.state == "paused"
    assert script_status(machine, FACTS, 9 * 10**9).wait_remaining_s == 6.0
    machine, _ = advance_script(machine, inputs.Resume(9 * 10**9), 9 * 10**9)
    status = script_status(machine, FACTS, 10 * 10**9)
    assert (status.elapsed_s, round(status.scheduled_s, 6)) == (10.0, 5.0)
