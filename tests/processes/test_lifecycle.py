from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.processes import lifecycle
from parfocal.processes.lifecycle import (
    BackOff,
    BackOffOver,
    Exited,
    Failed,
    Hung,
    Leaving,
    Life,
    Ready,
    Restart,
    Spawn,
    Start,
    Stop,
    StopRig,
    react,
)
from parfocal.processes.spec import ServiceSpec

POLICIES = ("restart", "degrade", "stop")


def spec_of(policy: str, max_restarts: int = 3) -> ServiceSpec:
    return ServiceSpec(name="a", factory="m:A", policy=policy, max_restarts=max_restarts, back_off_s=0.1)


def after(spec: ServiceSpec, *events: lifecycle.Event) -> tuple[Life, tuple[lifecycle.Action, ...]]:
    life, actions = Life(), ()
    for event in events:
        life, actions = react(life, event, spec)
    return life, actions


def test_a_crash_is_followed_by_a_pause_and_a_start() -> None:
    life, actions = after(spec_of("restart"), Start(), Ready(), Exited(-9))
    assert (life.state, actions, life.exit_code) == ("crashed", (BackOff(0.1),), -9)
    life, actions = react(life, BackOffOver(), spec_of("restart"))
    assert (life.state, actions, life.restarts) == ("starting", (Spawn(),), 1)


@pytest.mark.parametrize("first", [Failed("KeyError: 'a'"), Hung("silent for 1 s")])
def test_each_end_has_its_own_cause(first: lifecycle.Event) -> None:
    """The cause of an earlier end is shown until there is another one, and is none of the next."""
    spec = spec_of("restart")
    life, _ = after(spec, Start(), Ready(), first, Exited(1), BackOffOver(), Ready())
    assert life.error == first.error
    life, _ = react(life, Exited(-9), spec)
    assert life.error == "was killed by SIGKILL"


def test_pauses_double_and_end_in_giving_up() -> None:
    spec = spec_of("restart", max_restarts=3)
    life, _ = after(spec, Start())
    pauses = []
    for _ in range(3):
        life, actions = react(life, Exited(1), spec)
        pauses += [action.pause_s for action in actions]
        life, _ = react(life, BackOffOver(), spec)
    assert pauses == pytest.approx([0.1, 0.2, 0.4])
    life, actions = react(life, Exited(1), spec)
    assert (life.state, actions, life.restarts) == ("degraded", (), 3)


def test_a_long_life_forgives_earlier_failures() -> None:
    spec = spec_of("restart", max_restarts=1)
    life, _ = after(spec, Start(), Exited(1), BackOffOver(), Ready())
    assert react(life, Exited(1, lived_s=1.0), spec)[0].state == "degraded"
    assert react(life, Exited(1, lived_s=lifecycle.HEALTHY_AFTER_S), spec)[0].state == "crashed"


def test_a_service_too_important_to_lose_ends_the_rig() -> None:
    life, actions = after(spec_of("stop"), Start(), Ready(), Hung("hung: no heartbeat"), Exited(-9))
    assert (life.state, actions) == ("crashed", (StopRig("a hung: no heartbeat"),))


def test_its_own_error_is_kept_not_its_exit_code() -> None:
    life, _ = after(spec_of("degrade"), Start(), Ready(), Failed("DeviceError: lamp"), Exited(1))
    assert (life.state, life.error, life.exit_code) == ("degraded", "DeviceError: lamp", 1)


@pytest.mark.parametrize("policy", POLICIES)
def test_an_end_that_was_asked_for_is_no_failure(policy: str) -> None:
    for asked in (Stop(), Leaving()):
        life, actions = after(spec_of(policy), Start(), Ready(), asked, Exited(-9))
        assert (life.state, actions, life.failures) == ("exited", (), 0)


def test_a_restart_on_request_needs_no_pause_and_counts_as_none() -> None:
    life, actions = after(spec_of("degrade"), Start(), Ready(), Restart(), Exited(0))
    assert (life.state, actions, life.restarts) == ("starting", (Spawn(),), 0)


def test_stop_overrides_a_restart_under_way() -> None:
    life, actions = after(spec_of("restart"), Start(), Ready(), Restart(), Stop(), Exited(0))
    assert (life.state, actions) == ("exited", ())


EVENTS = st.one_of(
    st.sampled_from([Start(), Ready(), Leaving(), BackOffOver(), Stop(), Restart()]),
    st.builds(Failed, st.sampled_from(["boom", "bang"])),
    st.builds(Hung, st.just("hung")),
    st.builds(Exited, st.sampled_from([0, 1, -9]), st.sampled_from([0.1, 100.0])),
)


@given(st.lists(EVENTS, max_size=40), st.sampled_from(POLICIES), st.integers(0, 3))
def test_any_history_keeps_the_promises(events: list[lifecycle.Event], policy: str, most: int) -> None:
    spec = spec_of(policy, most)
    life, running, wanted = Life(), False, False
    for event in events:
        if isinstance(event, Exited) and not running:
            continue  # the operating system does not send that
        before = life
        life, actions = react(life, event, spec)
        running = running and not isinstance(event, Exited)
        if isinstance(event, (Start, Restart)):
            wanted = True
        elif isinstance(event, (Stop, Leaving)) and life != before:
            wanted = False
        spawned = sum(isinstance(action, Spawn) for action in actions)
        assert spawned <= 1
        if spawned:
            assert not running, "two processes of one service"
            assert wanted, "started although nobody wants it"
            running = True
        assert life.has_process == running, "a process that the state does not know of"
        assert life.failures <= most + 1
        if isinstance(event, Exited) and life.state == "crashed" and policy == "restart":
            assert any(isinstance(action, BackOff) for action in actions), "crashed and forgotten"
        if policy == "stop" and life.state == "crashed" and before.state != "crashed":
            assert any(isinstance(action, StopRig) for action in actions)
