"""The handle of a run against a service that speaks the commands of the real one."""

from __future__ import annotations

import asyncio
import queue
import threading

import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import BadInputError, DeadlineError, RunFailedError, ServiceUnavailableError
from parfocal.core.run_status import RunStatus
from parfocal.processes import directory
from parfocal.runs import Sequence
from parfocal.runs.handle import RunHandle
from parfocal.runs.watch import UNKNOWN

from .conftest import RIG
from .fake_runs import FakeRuns, served

LONG_S = 30.0


@pytest.fixture
def handle(fake, watch) -> RunHandle:
    fake.change("run1", state="running", events_total=3)
    return RunHandle("run1", watch)


def states_of(handle: RunHandle) -> queue.Queue[RunStatus]:
    seen: queue.Queue[RunStatus] = queue.Queue()
    handle.status_changed.connect(seen.put)
    return seen


def until(seen: queue.Queue[RunStatus], **wanted: object) -> RunStatus:
    while True:
        status = seen.get(timeout=LONG_S)
        if all(getattr(status, name) == value for name, value in wanted.items()):
            return status


def test_what_is_asked_reaches_the_service_and_the_answer_is_the_status_then(fake, handle):
    assert handle.pause("look").state == "paused"
    assert handle.is_paused()
    assert handle.resume("catch up", 0.5).state == "running"
    assert handle.confirm(False, "no dish").state == "running"
    assert handle.finish("enough").state == "draining"
    assert handle.cancel("why").state == "cancelling"
    assert handle.is_running()
    assert not handle.is_paused()
    assert fake.asked == [
        ("pause", "run1", "look"),
        ("resume", "run1", "catch up", 0.5),
        ("confirm", "run1", False, "no dish"),
        ("finish", "run1", "enough"),
        ("cancel", "run1", "why"),
    ]


def test_what_changes_a_run_may_take_longer_than_a_look_at_it(handle, watch, monkeypatch):
    call, limits_s = watch._client.call, {}

    def timed(command, *arguments, timeout_s, **named):
        if command != "statuses":  # which the thread asks that follows all runs
            limits_s[command] = timeout_s
        return call(command, *arguments, timeout_s=timeout_s, **named)

    monkeypatch.setattr(watch._client, "call", timed)
    for ask in (handle.status, handle.pause, handle.resume, handle.confirm, handle.finish, handle.cancel):
        ask()
    for change in (handle.extend, handle.replace_future):  # their plans are checked on the rig
        change(Sequence())
    look_s = limits_s.pop("status")
    changes = ["cancel_run", "confirm", "extend", "finish", "pause", "replace_future", "resume"]
    assert sorted(limits_s) == changes
    assert min(limits_s.values()) >= 5 * look_s


def test_wait_returns_the_final_status_and_returns_at_once_after_the_end(fake, handle):
    waiting = threading.Thread(target=lambda: ends.append(handle.wait(LONG_S)))
    ends: list[RunStatus] = []
    waiting.start()
    fake.end("run1", "cancelled", reason="by hand")
    waiting.join(LONG_S)
    assert (ends[0].outcome, ends[0].reason) == ("cancelled", "by hand")
    assert handle.wait(LONG_S) == ends[0]


def test_acquired_comes_before_finished(fake, handle):
    fake.change("run1", state="draining")
    assert handle.wait(LONG_S, until="acquired").state == "draining"
    with pytest.raises(DeadlineError, match="still waiting after 0 s; the run goes on: 'run1': draining"):
        handle.wait(0)
    with pytest.raises(BadInputError, match="until must be 'finished' or 'acquired', not 'done'"):
        handle.wait(until="done")


def test_a_fatal_error_is_raised_by_wait_with_the_status(fake, handle):
    fake.end("run1", "failed", reason="DeviceError: the camera is hot")
    with pytest.raises(RunFailedError, match="run 'run1': failed: DeviceError: the camera is hot") as raised:
        handle.wait(LONG_S)
    assert raised.value.status == handle.status()


def test_commands_after_the_end_change_nothing(fake, handle):
    fake.end("run1")
    for ask in (handle.pause, handle.resume, handle.cancel, handle.finish, handle.confirm):
        assert ask().outcome == "complete"


def test_what_asks_more_of_a_run_that_has_ended_is_refused(fake, handle):
    fake.end("run1")
    plan = Sequence(channels=["a"])
    for ask in (lambda: handle.extend(plan), lambda: handle.replace_future(plan), lambda: handle.pick([1])):
        with pytest.raises(BadInputError, match="run 'run1' is ended"):
            ask()


def test_a_run_that_nobody_knows_is_told_so(watch, fake):
    with pytest.raises(BadInputError, match="no run 'run2'"):
        RunHandle("run2", watch).status()


def test_observers_have_each_new_status_the_present_one_first(fake, handle):
    until(states_of(handle), state="running")
    seen = states_of(handle)
    assert seen.get(timeout=LONG_S).state == "running"
    fake.change("run1", state="paused")
    until(seen, state="paused")
    fake.end("run1")
    until(seen, state="ended")


def test_an_observer_that_raises_is_reported_and_dropped_and_the_others_go_on(fake, handle, caplog):
    calls: list[RunStatus] = []

    def broken(status: RunStatus) -> None:
        calls.append(status)
        raise ValueError("no")

    handle.status_changed.connect(broken)
    assert poll_until(lambda: "failed and is not called again" in caplog.text, LONG_S)  # in its own thread
    seen = states_of(handle)
    until(seen, state="running")
    fake.change("run1", state="paused")
    until(seen, state="paused")
    fake.end("run1")
    until(seen, state="ended")
    assert len(calls) == 1


def test_a_slow_observer_delays_nobody(fake, handle):
    gate = threading.Event()
    handle.status_changed.connect(lambda _: gate.wait(LONG_S))
    seen = states_of(handle)
    fake.end("run1")
    until(seen, state="ended")
    assert handle.wait(LONG_S).outcome == "complete"
    gate.set()


def test_an_observer_that_is_disconnected_is_called_no_more(fake, handle):
    seen = states_of(handle)
    until(seen, state="running")
    handle.status_changed.disconnect(seen.put)
    handle.status_changed.disconnect(seen.put)
    others = states_of(handle)
    fake.end("run1")
    until(others, state="ended")
    assert all(status.state != "ended" for status in list(seen.queue))


def test_a_handle_can_be_awaited(fake, handle):
    async def ended() -> RunStatus:
        return await handle

    async def wait_for_it() -> RunStatus:
        waiting = asyncio.create_task(ended())
        await asyncio.sleep(0)
        fake.end("run1", "finished early")
        return await asyncio.wait_for(waiting, LONG_S)

    assert asyncio.run(wait_for_it()).outcome == "finished early"


def test_awaiting_raises_a_fatal_error(fake, handle):
    fake.end("run1", "failed", reason="no light")

    async def wait_for_it() -> RunStatus:
        return await handle

    with pytest.raises(RunFailedError, match="no light"):
        asyncio.run(wait_for_it())


def test_events_are_read_a_page_at_a_time(fake, handle):
    fake.change("run1", events_total=1203)
    events = handle.events
    assert len(events) == 1203
    assert events[-1] == {"number": 1202}
    assert [event["number"] for event in events[1200:10:-400]] == [1200, 800, 400]
    assert sum(1 for _ in events) == 1203
    assert events[5:5] == []


@pytest.mark.parametrize(
    ("particles", "p"), [([1.5], 0), (["a"], 0), ("3", 0), (3, 0), ([float("nan")], 0), ([3], 0.5)]
)
def test_cells_are_picked_by_whole_numbers(particles, p, watch):
    with pytest.raises(BadInputError, match="particles and p are whole numbers, not"):
        RunHandle("run1", watch).pick(particles, p)


def test_a_handle_survives_a_restart_of_the_engine_and_tells_what_became_of_the_run(folder, watch):
    fake = FakeRuns()
    handle = RunHandle("run1", watch)
    with served(fake, folder):
        fake.change("run1", state="running", events_total=9)
        until(states_of(handle), state="running")
    assert handle.status().state == "running"  # as it was, while nobody answers
    with pytest.raises(ServiceUnavailableError):
        handle.pause()
    with served(fake, folder):
        fake.end("run1", "failed", reason="the run engine died at event 4")
        with pytest.raises(RunFailedError, match="the run engine died at event 4"):
            handle.wait(LONG_S)
    assert handle.cancel().outcome == "failed"


def test_a_run_of_which_a_new_engine_has_no_trace_is_unknown(folder, watch):
    fake, handle = FakeRuns(), RunHandle("run1", watch)
    with served(fake, folder):
        fake.change("run1", state="running", folder="/data/run1")
        until(states_of(handle), state="running")
    with served(FakeRuns(), folder), pytest.raises(RunFailedError, match="has no trace of it") as raised:
        handle.wait(LONG_S)
    assert raised.value.status.outcome == UNKNOWN
    assert raised.value.status.reason.endswith("its record is in /data/run1")


@pytest.mark.parametrize("how", ["the rig ends", "the service is given up"])
def test_a_run_whose_engine_never_comes_back_is_unknown(how, folder, watch):
    fake, handle = FakeRuns(), RunHandle("run1", watch)
    with served(fake, folder):
        fake.change("run1", state="running")
        until(states_of(handle), state="running")
    if how == "the rig ends":
        (folder / "rig.json").unlink()
        words = f"no rig '{RIG}' is running"
    else:
        record = directory.ServiceRecord(service="runs", state="degraded", error="it crashed 5 times")
        directory.write_record(folder / "runs.json", record)
        words = "it crashed 5 times"
    with pytest.raises(RunFailedError, match=words):
        handle.wait(LONG_S)


def test_a_handle_shows_itself_in_a_line(fake, handle):
    until(states_of(handle), state="running")
    assert repr(handle) == "<RunHandle 'run1': running, 0 of 3 events>"
    assert "<progress" in handle._repr_html_()
    assert repr(RunHandle("other", handle._watch)) == "<RunHandle 'other': pending, 0 of 0 events>"


def test_what_was_asked_for_before_a_program_lets_go_is_not_told_after_it(fake, watch, monkeypatch):
    fake.change("run1", state="running")
    assert watch.wait_until("run1", lambda status: status.state == "running", LONG_S)
    call, asked, may_arrive = watch.call, threading.Event(), threading.Event()

    def slow(*arguments, **named):
        told = call(*arguments, **named)
        asked.set()
        assert may_arrive.wait(LONG_S)
        return told

    monkeypatch.setattr(watch, "call", slow)
    fake.change("run1", state="running", event_number=5)
    assert asked.wait(LONG_S)
    closes = threading.Thread(target=watch.close)
    closes.start()
    assert watch.wait_until("run1", lambda status: status.outcome == UNKNOWN, LONG_S)
    may_arrive.set()
    closes.join(LONG_S)
    assert watch.last()["run1"].outcome == UNKNOWN
