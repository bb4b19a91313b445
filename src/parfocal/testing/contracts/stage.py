"""What every stage does."""

from __future__ import annotations

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.protocols import Axis, CanFail, HasSpeed, Stage
from parfocal.testing.contracts.promise import NotAskable, Promises, Trial, refused

STAGE = Promises("stage")
_TINY_S = 1e-4
_TRIES = 5


@STAGE.promise()
def it_has_the_methods_of_a_stage(trial: Trial) -> None:
    """It has all methods of the protocol, and at least one axis with limits, unit and speed."""
    assert isinstance(trial.device, Stage)
    assert trial.device.axes
    assert all(isinstance(axis, Axis) for axis in trial.device.axes)
    assert len({axis.name for axis in trial.device.axes}) == len(trial.device.axes)
    assert isinstance(trial.device.state(), dict)


@STAGE.promise()
def it_stands_within_its_limits(trial: Trial) -> None:
    """Each axis says where it stands, and that is within its limits."""
    for axis in trial.device.axes:
        assert axis.low <= trial.device.position(axis.name) <= axis.high


@STAGE.promise(needs="motion")
def it_goes_where_it_is_sent(trial: Trial) -> None:
    """Each axis goes where it is sent, within a millionth of its range."""
    for axis in trial.device.axes:
        target = elsewhere(trial, axis)
        trial.device.move_to({axis.name: target})
        arrive(trial, axis)
        assert abs(trial.device.position(axis.name) - target) <= _tolerance(axis)


@STAGE.promise(needs="motion")
def axes_move_together(trial: Trial) -> None:
    """One `move_to` sends several axes; all of them arrive."""
    targets = {axis.name: elsewhere(trial, axis) for axis in trial.device.axes}
    trial.device.move_to(targets)
    for axis in trial.device.axes:
        arrive(trial, axis)
        assert abs(trial.device.position(axis.name) - targets[axis.name]) <= _tolerance(axis)


@STAGE.promise(needs="motion")
def a_move_to_where_it_is_completes_at_once(trial: Trial) -> None:
    """Sent to where it is, an axis does not move."""
    for axis in trial.device.axes:
        trial.device.move_to({axis.name: trial.device.position(axis.name)})
        assert not trial.device.is_moving(axis.name)


@STAGE.promise(needs="motion")
def it_is_on_its_way_meanwhile(trial: Trial) -> None:
    """While it moves it says so, and where it is."""
    axis = trial.device.axes[0]
    for _ in range(_TRIES):
        start, target = trial.device.position(axis.name), elsewhere(trial, axis)
        began_ns = trial.clock.monotonic_ns()
        trial.device.move_to({axis.name: target})
        moves = trial.device.is_moving(axis.name)
        trial.pause(_TINY_S)
        here = trial.device.position(axis.name)
        if trial.clock.monotonic_ns() - began_ns < axis.seconds_for(target - start) * 1e9:
            break
        arrive(trial, axis)  # on a busy machine this may have taken longer than the move
    assert moves
    assert min(start, target) <= here <= max(start, target)
    assert here != target


@STAGE.promise()
def beyond_the_limits_it_does_not_move(trial: Trial) -> None:
    """A target beyond the limits, or no number, is refused, and no axis moves, not even one that could."""
    axes = trial.device.axes
    before = [trial.device.position(axis.name) for axis in axes]
    for axis in axes:
        for wrong in (axis.low - 1, axis.high + 1, float("nan")):
            others = {other.name: trial.device.position(other.name) for other in axes}
            with refused(BadInputError, saying="limits"):
                trial.device.move_to({**others, axis.name: wrong})
    assert [trial.device.position(axis.name) for axis in axes] == before
    assert not any(trial.device.is_moving(axis.name) for axis in axes)


@STAGE.promise(needs="motion")
def halt_stops_it_where_it_is(trial: Trial) -> None:
    """Halted on its way it stays where it is."""
    axis = trial.device.axes[0]
    trial.device.move_to({axis.name: elsewhere(trial, axis)})
    trial.pause(_TINY_S)
    trial.device.halt()
    trial.wait_until(lambda: not trial.device.is_moving(axis.name), "halted")
    stopped = trial.device.position(axis.name)
    trial.pause(1.0)
    assert trial.device.position(axis.name) == stopped


@STAGE.promise(needs="motion")
def a_new_target_replaces_the_old(trial: Trial) -> None:
    """Sent elsewhere on its way it goes there."""
    axis = trial.device.axes[0]
    start = trial.device.position(axis.name)
    trial.device.move_to({axis.name: elsewhere(trial, axis)})
    trial.pause(_TINY_S)
    trial.device.move_to({axis.name: start})
    arrive(trial, axis)
    assert abs(trial.device.position(axis.name) - start) <= _tolerance(axis)


@STAGE.promise(needs="motion")
def a_speed_is_obeyed(trial: Trial) -> None:
    """A speed that is set stands in the axis from then on."""
    stage = trial.device
    if not isinstance(stage, HasSpeed):
        raise NotAskable("its speed cannot be set")
    axis = trial.device.axes[0]
    made = stage.set_speed(axis.name, axis.speed / 2)
    assert trial.device.axes[0].speed == made
    stage.set_speed(axis.name, axis.speed)


@STAGE.promise()
def an_unknown_axis_is_named(trial: Trial) -> None:
    """An axis that it does not have is refused by name."""
    with refused(BadInputError, saying="'nowhere'"):
        trial.device.position("nowhere")
    with refused(BadInputError, saying="'nowhere'"):
        trial.device.move_to({"nowhere": 0.0})


@STAGE.promise(needs="motion")
def make_safe_and_close_are_idempotent(trial: Trial) -> None:
    """Made safe it halts; closed it says that it must be opened; both may come twice."""
    axis = trial.device.axes[0]
    trial.device.move_to({axis.name: elsewhere(trial, axis)})
    for _ in range(2):
        trial.device.make_safe()
    trial.wait_until(lambda: not trial.device.is_moving(axis.name), "halted")
    for _ in range(2):
        trial.device.close()
    trial.device.make_safe()
    with refused(DeviceError, saying="open"):
        trial.device.position(axis.name)


@STAGE.promise(needs="motion")
def an_error_comes_once(trial: Trial) -> None:
    """An error is raised by the move, with its text; the next move is obeyed."""
    faults, axis = _faults(trial), trial.device.axes[0]
    faults.inject_fault("error", message="no air pressure")
    with refused(DeviceError, saying="air pressure"):
        trial.device.move_to({axis.name: elsewhere(trial, axis)})
    trial.device.move_to({axis.name: elsewhere(trial, axis)})


@STAGE.promise(needs="motion")
def stuck_it_never_arrives(trial: Trial) -> None:
    """A stuck axis says that it moves, for ever; freed it arrives."""
    faults, axis = _faults(trial), trial.device.axes[0]
    faults.inject_fault("stuck")
    trial.device.move_to({axis.name: elsewhere(trial, axis)})
    trial.pause(60.0)
    assert trial.device.is_moving(axis.name)
    faults.inject_fault("free")
    trial.device.move_to({axis.name: elsewhere(trial, axis)})
    arrive(trial, axis)


def elsewhere(trial: Trial, axis: Axis) -> float:
    """Return a position well within the limits of an axis, and far from where it is."""
    low, high = (axis.low + part * (axis.high - axis.low) for part in (0.4, 0.6))
    here = trial.device.position(axis.name)
    return low if abs(here - low) > abs(here - high) else high


def arrive(trial: Trial, axis: Axis) -> None:
    """Wait until an axis is at its target."""
    limit_s = 2 * axis.seconds_for(axis.high - axis.low) + 10.0
    trial.wait_until(lambda: not trial.device.is_moving(axis.name), f"the arrival of {axis.name}", limit_s)


def _tolerance(axis: Axis) -> float:
    return 1e-6 * (axis.high - axis.low)


def _faults(trial: Trial) -> CanFail:
    if not isinstance(trial.device, CanFail):
        raise NotAskable("it cannot be told to fail")
    return trial.device
