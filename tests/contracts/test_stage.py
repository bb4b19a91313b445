"""What every stage does."""

import pytest

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.protocols import CanFail, Stage
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.clock import JumpClock


@pytest.fixture
def clock():
    return JumpClock(monotonic_ns=1_000_000_000)


@pytest.fixture(params=["simulated-focus", "simulated-magnet"])
def stage(request, clock):
    device = make_device(request.param, {}, DeviceContext(clock=clock), Stage)
    device.open()
    yield device
    device.close()


def middle(stage, axis):
    low, high = stage.limits_nm(axis)
    return low + 0.4 * (high - low)


def arrive(stage, axis, clock):
    for _ in range(1000):
        if not stage.is_moving(axis):
            return
        clock.advance(0.05)
    raise AssertionError("it never arrived")


def test_it_is_a_stage_that_can_fail(stage):
    assert isinstance(stage, Stage)
    assert isinstance(stage, CanFail)
    assert stage.axes
    assert isinstance(stage.state(), dict)


def test_it_goes_where_it_is_sent(stage, clock):
    for axis in stage.axes:
        target = middle(stage, axis)
        stage.move_to(axis, target)
        arrive(stage, axis, clock)
        assert stage.position_nm(axis) == pytest.approx(target, abs=1.0)


def test_it_is_on_its_way_meanwhile(stage, clock):
    axis = stage.axes[0]
    start, target = stage.position_nm(axis), middle(stage, axis)
    stage.move_to(axis, target)
    assert stage.is_moving(axis)
    clock.advance(1e-4)
    assert min(start, target) < stage.position_nm(axis) < max(start, target)


def test_beyond_the_limits_it_does_not_move(stage):
    for axis in stage.axes:
        before = stage.position_nm(axis)
        for wrong in (stage.limits_nm(axis)[0] - 1, stage.limits_nm(axis)[1] + 1, float("nan")):
            with pytest.raises(BadInputError, match="limits"):
                stage.move_to(axis, wrong)
        assert stage.position_nm(axis) == before
        assert not stage.is_moving(axis)


def test_halt_stops_it_where_it_is(stage, clock):
    axis = stage.axes[0]
    stage.move_to(axis, middle(stage, axis))
    clock.advance(1e-4)
    stage.halt()
    stopped = stage.position_nm(axis)
    clock.advance(10.0)
    assert stage.position_nm(axis) == stopped
    assert not stage.is_moving(axis)


def test_a_new_target_replaces_the_old(stage, clock):
    axis = stage.axes[0]
    start = stage.position_nm(axis)
    stage.move_to(axis, middle(stage, axis))
    clock.advance(1e-4)
    stage.move_to(axis, start)
    arrive(stage, axis, clock)
    assert stage.position_nm(axis) == pytest.approx(start, abs=1.0)


def test_an_unknown_axis_is_named(stage):
    with pytest.raises(BadInputError, match="'w'"):
        stage.position_nm("w")


def test_make_safe_and_close_are_idempotent(stage):
    axis = stage.axes[0]
    stage.move_to(axis, middle(stage, axis))
    for _ in range(2):
        stage.make_safe()
    assert not stage.is_moving(axis)
    for _ in range(2):
        stage.close()
    stage.make_safe()
    with pytest.raises(DeviceError, match="open"):
        stage.position_nm(axis)


def test_an_injected_error_comes_once(stage):
    axis = stage.axes[0]
    stage.inject_fault("error", message="no air pressure")
    with pytest.raises(DeviceError, match="air pressure"):
        stage.move_to(axis, middle(stage, axis))
    stage.move_to(axis, middle(stage, axis))


def test_stuck_it_never_arrives(stage, clock):
    axis = stage.axes[0]
    stage.inject_fault("stuck")
    stage.move_to(axis, middle(stage, axis))
    clock.advance(60.0)
    assert stage.is_moving(axis)
    stage.inject_fault("free")
    stage.move_to(axis, middle(stage, axis))
    arrive(stage, axis, clock)
