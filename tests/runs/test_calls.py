"""Commands of services as parts of a plan: called, held, cancelled, counted, and told in the status."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import (
    BadInputError,
    CancelledError,
    CommandError,
    CommandFailedError,
    MadeSafeError,
)
from parfocal.ipc import Client, CommandTable, Server, command, current_call
from parfocal.runs.instruments.calling import InstrumentCalls, done_again
from parfocal.runs.instruments.instruments import AcquiredFrames, InstrumentRestartedError
from parfocal.runs.instruments.rig_facts import RigFacts
from parfocal.runs.instruments.service_calls import ServiceCalls
from parfocal.runs.plans.calls import call
from parfocal.runs.plans.combine import combine
from parfocal.runs.plans.elements import acquire, wait
from parfocal.runs.plans.plan_data import plan_from_data, plan_to_data
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.plans.service_call import ServiceCall
from parfocal.runs.plans.survey import survey
from parfocal.runs.preflight import preflight

from .test_engine import Lab, quick, slow  # noqa: F401 (fixtures)

PATIENCE_S = 30.0


class Magnet:
    """Ramps, for as long as a test wants; and comes to rest when it is cancelled."""

    def __init__(self) -> None:
        self.began, self.at_rest, self.go_on = threading.Event(), threading.Event(), threading.Event()
        self.told: list[str] = []
        self.comes_to_rest = threading.Event()
        self.comes_to_rest.set()

    @command(lane="ramp")
    def ramp(self, stop_pn: float, rate_pn_per_s: float = 1.0) -> float:
        """Raise the force."""
        call = current_call()
        call.progress(0.25, "1 pN")
        self.began.set()
        try:
            while not self.go_on.is_set():
                call.wait(0.005)
        except CancelledError as error:  # as a stage does, which tells where it stopped
            error.args = (f"{error}; the magnet is at rest",)
            raise
        finally:
            self.comes_to_rest.wait(PATIENCE_S)
            self.at_rest.set()
        if stop_pn > 50:
            raise BadInputError(f"the magnet can't pull with {stop_pn} pN")
        return stop_pn

    @command(lane="hold")
    def hold(self) -> None:
        self.told.append("hold")

    @command(lane="hold")
    def go(self) -> None:
        self.told.append("go")

    @command(lane="hold")
    def light(self, asked_by: int) -> None:
        error: Exception = MadeSafeError("light 'lamp' was switched off meanwhile")
        for _ in range(asked_by):
            error = CommandFailedError(
                f"lamp.set_light raised {type(error).__name__}: {error}",
                service="lamp",
                command="set_light",
                remote_type=type(error).__name__,
            )
        raise error


RAMP = ServiceCall(service="magnet", command="ramp", arguments={"stop_pn": 10.0}, pause="hold", resume="go")


@pytest.fixture
def magnet(tmp_path: Path) -> Iterator[Magnet]:
    magnet = Magnet()
    with Server(CommandTable.of(magnet), tmp_path, "magnet"):
        yield magnet
        magnet.go_on.set()


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[InstrumentCalls]:
    calls = InstrumentCalls(
        lambda name: Client(tmp_path, name), SYSTEM_CLOCK, answer_s=5.0, restart_s=0.1, on_lost=lambda _: None
    )
    yield calls
    calls.close()


@pytest.fixture
def services(calls: InstrumentCalls) -> ServiceCalls:
    return ServiceCalls(calls, SYSTEM_CLOCK, logging.getLogger("test calls"))


class Running:
    """A call in a thread of its own, as that of a run."""

    def __init__(self, services: ServiceCalls, asked: ServiceCall, expose=None) -> None:
        self._thread = threading.Thread(target=lambda: setattr(self, "ended", services.run(asked, expose)))
        self._thread.start()

    def join(self):
        self._thread.join(PATIENCE_S)
        return self.ended


def test_the_end_of_a_call_may_be_waited_for_as_long_as_one_likes(magnet, calls):
    call = calls.begin("magnet", "ramp", 10.0)
    assert not calls.ends_within(call, -1.0)
    assert not calls.ends_within(call, 0.01)
    magnet.go_on.set()
    assert calls.ends_within(call, PATIENCE_S)
    failed = calls.begin("magnet", "ramp", 90.0)
    assert calls.ends_within(failed, PATIENCE_S), "how it has ended is told by its result"
    assert calls.result(call) == 10.0


@pytest.mark.parametrize("asked_by", [0, 1, 2])
def test_a_light_made_safe_for_somebody_elses_end_is_an_instrument_that_began_anew(magnet, calls, asked_by):
    """Also one that is asked by a service which was asked by another one."""
    with pytest.raises(InstrumentRestartedError, match="light 'lamp' was switched off meanwhile"):
        calls.ask("magnet", "light", asked_by)


@pytest.mark.parametrize("is_queued", [False, True])
def test_a_service_that_closes_in_order_has_ended_as_one_that_is_killed(tmp_path, calls, is_queued):
    """As one that stood still and goes on once more: the call that runs in it, and one that waits there."""
    magnet = Magnet()
    with Server(CommandTable.of(magnet), tmp_path, "magnet") as server:
        calls.client("magnet").ping(PATIENCE_S)
        began = calls.begin("magnet", "ramp", 10.0, limit_s=PATIENCE_S)
        assert magnet.began.wait(PATIENCE_S)
        asked = calls.begin("magnet", "ramp", 20.0, limit_s=PATIENCE_S) if is_queued else began
        calls.client("magnet").ping(PATIENCE_S)
        server.close()
    calls._restart_s = PATIENCE_S
    again = Server(CommandTable.of(Magnet()), tmp_path, "magnet")
    with again, pytest.raises(InstrumentRestartedError, match="the service is closing") as caught:
        calls.result(asked)
    assert caught.value.source == "magnet"


def test_instruments_that_end_in_turn_do_not_add_up():
    ends = ["camera", "stage", "laser", "camera", "stage"]

    def act() -> str:
        if ends:
            raise InstrumentRestartedError("it ended", source=ends.pop())
        return "done"

    assert done_again(act) == "done"


@pytest.mark.parametrize("ends", [0, 1, 2, 3])
def test_what_may_be_done_twice_is_done_again_where_an_instrument_ends_a_few_times(ends):
    done = []

    def act() -> int:
        done.append("begun")
        if len(done) <= ends:
            raise InstrumentRestartedError("camera ended before it answered", source="camera")
        return len(done)

    if ends < 3:
        assert done_again(act) == ends + 1
    else:
        with pytest.raises(InstrumentRestartedError, match="camera ended"):
            done_again(act)
    assert len(done) == min(3, ends + 1)


# --- plans


def test_a_call_is_plain_data_and_comes_back_as_it_was():
    plan = combine(call("tracker", "find_beads", {"near": [1, 2.5]}, uses=["focus"]), acquire(seconds=3))
    assert plan_from_data(plan_to_data(plan)) == plan
    first, second = plan.events()
    assert (first.kind, first.call.services, first.call.arguments) == (
        "call",
        ("tracker", "focus"),
        {"near": [1, 2.5]},
    )
    assert (second.kind, second.duration_s, second.count) == ("acquire", 3.0, None)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: call("", "ramp"), "service"),
        (lambda: call("magnet", "ramp", {"stop_pn": float("nan")}), "arguments.stop_pn must be a finite"),
        (lambda: call("magnet", "ramp", pause="hold"), "pause and resume"),
        (lambda: call("magnet", "ramp", uses="focus"), "uses: expected a list"),
        (lambda: call("magnet", "ramp", timeout_s=0), "timeout_s must be above 0"),
        (lambda: call("magnet", "ramp", {"to": object()}), "plain data"),
        (
            lambda: plan_from_data({"type": "call", "service": "magnet", "comand": "ramp"}),
            "did you mean 'command'",
        ),
        (lambda: acquire(5, seconds=2), "give one"),
        (lambda: acquire(seconds=-1), "seconds must be above 0"),
    ],
)
def test_a_wrong_call_is_refused_where_it_is_made(make, said):
    with pytest.raises(BadInputError, match=said):
        make()


def test_a_call_that_exposes_needs_a_camera_and_one_alone_needs_no_frames():
    silent, lit = call("magnet", "ramp"), call("magnet", "ramp", exposing=True)
    assert not survey(silent.events(), {}).acquires
    assert survey(lit.events(), {}).acquires
    preflight(survey(silent.events(), {}), RigFacts())
    with pytest.raises(BadInputError, match=r"magnet\.rmap: no command"):
        preflight(survey(silent.events(), {}), RigFacts(problems=("magnet.rmap: no command 'rmap'",)))


# --- the service


def test_what_a_service_does_not_take_is_known_before_it_is_asked(magnet, services):
    def problem(**changes):
        return services.problems([ServiceCall(**{"service": "magnet", "command": "ramp"} | changes)])

    assert problem(arguments={"stop_pn": 3}) == ()
    assert "no command 'rmap'; did you mean 'ramp'" in problem(command="rmap")[0]
    assert "stop_pn" in problem()[0]
    assert "full" in problem(arguments={"stop_pn": "full"})[0]
    assert "no command 'hald'" in problem(arguments={"stop_pn": 3}, pause="hald", resume="go")[0]
    assert not magnet.began.is_set()


def test_a_service_that_is_not_there_is_a_problem(magnet, services):
    told = services.problems([ServiceCall(service="magnte", command="ramp")])
    assert len(told) == 1
    assert "magnte" in told[0]
    assert len(services.problems([ServiceCall(service="magnet", command="hold", uses=("nobody",))])) == 1


def test_a_command_is_carried_out_with_its_progress_and_returns_its_result(magnet, services):
    running = Running(services, RAMP)
    assert poll_until(lambda: (now := services.progress()) is not None and now.fraction == 0.25, PATIENCE_S)
    assert services.progress().text == "1 pN"
    magnet.go_on.set()
    ended = running.join()
    assert (ended.outcome, ended.result, ended.error, ended.frames) == ("acquired", 10.0, None, 0)
    assert services.progress() is None


def test_a_command_that_fails_says_why(magnet, services):
    magnet.go_on.set()
    ended = services.run(ServiceCall(service="magnet", command="ramp", arguments={"stop_pn": 60.0}))
    assert ended.outcome == "failed"
    assert "can't pull with 60.0 pN" in str(ended.error)


def test_an_abort_waits_until_the_instrument_is_at_rest(magnet, calls, services):
    magnet.comes_to_rest.clear()
    running = Running(services, RAMP)
    assert magnet.began.wait(PATIENCE_S)
    calls.abort()
    assert not magnet.at_rest.is_set()
    magnet.comes_to_rest.set()
    assert running.join().outcome == "cancelled"
    assert magnet.at_rest.is_set()


def test_a_wish_to_hold_that_comes_as_a_command_ends_does_not_hold_the_next_one(magnet, services):
    running = Running(services, RAMP)
    assert magnet.began.wait(PATIENCE_S)
    magnet.comes_to_rest.clear()
    magnet.go_on.set()
    services.hold()
    magnet.comes_to_rest.set()
    assert running.join().outcome == "acquired"
    assert poll_until(lambda: magnet.told == ["hold", "go"], PATIENCE_S)
    services.release()
    assert magnet.told == ["hold", "go"]


def test_what_is_begun_together_has_ended_when_one_of_it_fails(magnet, calls):
    begun = [calls.begin("magnet", "nothing"), calls.begin("magnet", "ramp", 1.0, limit_s=PATIENCE_S)]
    assert magnet.began.wait(PATIENCE_S)
    magnet.go_on.set()
    with pytest.raises(CommandError, match="nothing"):
        calls.results(begun)
    assert begun[1].done()


def test_one_that_does_not_come_to_rest_in_time_is_unsure(magnet, calls, services):
    magnet.comes_to_rest.clear()
    running = Running(
        services, ServiceCall(service="magnet", command="ramp", arguments={"stop_pn": 1.0}, stop_s=0.1)
    )
    assert magnet.began.wait(PATIENCE_S)
    calls.abort()
    ended = running.join()
    assert ended.outcome == "unsure"
    assert "did not end within 0.1 s" in str(ended.error)
    magnet.comes_to_rest.set()


def test_it_is_held_and_goes_on_also_when_that_is_asked_before_it_has_begun(magnet, services):
    services.hold()
    running = Running(services, RAMP)
    assert poll_until(lambda: magnet.told == ["hold"], PATIENCE_S)
    services.release()
    assert poll_until(lambda: magnet.told == ["hold", "go"], PATIENCE_S)
    magnet.go_on.set()
    assert running.join().outcome == "acquired"
    services.hold()
    services.ready()
    assert services.run(RAMP).outcome == "acquired"
    assert magnet.told == ["hold", "go"], "the wish to hold was of an earlier task"


def test_the_camera_exposes_as_long_as_it_lasts_and_ends_it_when_it_is_stopped(magnet, services):
    def stopped_camera(until):
        assert magnet.began.wait(PATIENCE_S)
        assert not until()
        return AcquiredFrames(frames=3, whole=False, stopped="the camera was stopped from outside")

    ended = services.run(RAMP, stopped_camera)
    assert (ended.outcome, ended.frames) == ("failed", 3)
    assert "stopped from outside" in str(ended.error)
    assert magnet.at_rest.is_set()
    magnet.began.clear()

    def camera(until):
        assert magnet.began.wait(PATIENCE_S)
        magnet.go_on.set()
        assert poll_until(until, PATIENCE_S)
        return AcquiredFrames(frames=9, whole=True)

    ended = services.run(RAMP, camera)
    assert (ended.outcome, ended.frames, ended.result) == ("acquired", 9, 10.0)


# --- the run


def test_a_run_of_calls_and_waits_tells_what_was_done(quick):  # noqa: F811
    plan = combine(call("magnet", "ramp", {"seconds": 2.0}), wait(1), call("magnet", "ramp"), axis="t")
    status = quick.end(quick.run(plan))
    assert (status.outcome, status.events_acquired, status.frames_received) == ("complete", 3, 0)
    first, second = status.commands
    assert (first.command, first.event, second.event) == ("magnet.ramp", 0, 2)
    assert first.details["result"] == {"seconds": 2.0}
    assert first.details["took_s"] == pytest.approx(2.0)
    assert first.details["outcome"] == "done"
    assert quick.instruments.commands == status.commands, "the record holds the same"


def test_what_follows_a_call_keeps_its_distance_to_the_end_of_it(quick):  # noqa: F811
    plan = combine(
        call("magnet", "ramp", {"seconds": 5.0}),
        Sequence(time_plan={"interval": 1, "loops": 3}),
        axis="t",
    )
    quick.end(quick.run(plan))
    assert quick.starts == pytest.approx([5, 6, 7], abs=0.02)


def test_a_call_that_fails_ends_the_run_and_is_counted(quick):  # noqa: F811
    plan = combine(call("magnet", "ramp", {"fails": True}), acquire(3), axis="t")
    status = quick.end(quick.run(plan))
    assert (status.outcome, status.events_dropped, status.events_consumed) == ("failed", {"failed": 1}, 1)
    assert "magnet.ramp failed" in status.reason
    assert quick.settled == [(0, "failed")]
    assert status.errors.last[0].source == "magnet"


def test_what_a_run_without_a_record_called_is_in_the_record_of_another(quick, slow):  # noqa: F811
    recorded = slow.run(acquire(1000), name="recorded")
    slow.until(recorded, "running")
    quick.end(quick.run(call("magnet", "ramp"), name="beside", tell_record=recorded.keep_called))
    (told,) = recorded.status().commands
    assert (told.command, told.by, told.details["outcome"]) == ("magnet.ramp", "beside", "done")


def test_a_call_is_cancelled_with_its_run(slow):  # noqa: F811
    run = slow.run(combine(call("magnet", "ramp", {"seconds": 50.0}), acquire(3), axis="t"))
    assert poll_until(lambda: "call magnet.ramp" in slow.instruments.done, PATIENCE_S)
    run.cancel("enough")
    status = slow.end(run)
    assert (status.outcome, status.events_dropped) == ("cancelled", {"cancelled": 1})
    assert slow.settled == [(0, "cancelled")]


def test_a_pause_lets_a_call_end_and_holds_the_run_after_it(slow):  # noqa: F811
    run = slow.run(combine(call("magnet", "ramp", {"seconds": 0.05}), acquire(3), axis="t"))
    assert poll_until(lambda: "call magnet.ramp" in slow.instruments.done, PATIENCE_S)
    assert run.pause("look").state == "pausing"
    while run.status().state == "pausing":
        slow.clock.advance(0.01)
    assert run.status().state == "paused"
    assert slow.settled == [(0, "acquired")]


def test_a_call_that_can_be_held_is_held_at_once_and_goes_on(slow):  # noqa: F811
    run = slow.run(call("magnet", "ramp", {"seconds": 0.05}, pause="hold", resume="go"))
    assert poll_until(lambda: "call magnet.ramp" in slow.instruments.done, PATIENCE_S)
    assert run.pause("look").state == "paused"
    assert slow.instruments.holds_call
    assert run.resume().state == "running"
    assert not slow.instruments.holds_call
    assert run.pause("again").state == "paused"
    assert run.finish("enough").state == "running"
    assert not slow.instruments.holds_call, "a run that is to end holds nothing"
    while not run.has_ended:
        slow.clock.advance(0.01)
    assert slow.end(run).outcome == "finished early"
    assert slow.settled == [(0, "acquired")]


def test_an_acquisition_for_a_time_does_not_count_its_pauses(slow):  # noqa: F811
    run = slow.run(acquire(seconds=0.1))
    slow.until(run, "running")
    slow.clock.advance(0.05)
    run.pause("look")
    slow.until(run, "paused")
    before_s = slow.clock.monotonic_ns() * 1e-9
    slow.clock.advance(5.0)
    run.resume()
    while not run.has_ended:
        slow.clock.advance(0.005)
    status = slow.end(run)
    assert status.outcome == "complete"
    assert slow.clock.monotonic_ns() * 1e-9 - before_s >= 5.0
    assert status.frames_received >= 5
