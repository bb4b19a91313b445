"""What every light does: it is off unless somebody wants it on."""

from __future__ import annotations

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.protocols import CanFail, HasShutter, LightSource
from parfocal.testing.contracts.promise import NotAskable, Promises, Trial, refused

LIGHT = Promises("light")


@LIGHT.promise()
def it_is_off_when_opened(trial: Trial) -> None:
    """It has all methods of the protocol, and is off."""
    assert isinstance(trial.device, LightSource)
    assert trial.device.power() == 0.0
    assert isinstance(trial.device.state(), dict)


@LIGHT.promise(needs="light")
def it_takes_a_power(trial: Trial) -> None:
    """A power is read back within a hundredth."""
    for fraction in (0.0, 0.25, 1.0):
        trial.device.set_power(fraction)
        assert abs(trial.device.power() - fraction) <= 0.01


@LIGHT.promise(needs="light")
def a_senseless_power_is_refused(trial: Trial) -> None:
    """A power outside 0 to 1, or no number, is refused, and the old one stays."""
    trial.device.set_power(0.5)
    for wrong in (-0.01, 1.01, float("nan"), float("inf")):
        with refused(BadInputError, saying="power"):
            trial.device.set_power(wrong)
    assert abs(trial.device.power() - 0.5) <= 0.01


@LIGHT.promise(needs="light")
def safe_is_off(trial: Trial) -> None:
    """Made safe, once or twice, it is off."""
    trial.device.set_power(1.0)
    trial.device.make_safe()
    trial.device.make_safe()
    assert trial.device.power() == 0.0


@LIGHT.promise(needs="light")
def closed_is_off_and_safe(trial: Trial) -> None:
    """Closing switches off; opened again it is still off."""
    trial.device.set_power(1.0)
    trial.device.close()
    trial.device.close()
    trial.device.make_safe()
    with refused(DeviceError, saying="open"):
        trial.device.power()
    trial.device.open()
    assert trial.device.power() == 0.0


@LIGHT.promise(needs="light")
def a_shutter_holds_the_light_back(trial: Trial) -> None:
    """Opened, the device has its shutter closed; it opens and closes when it is told, at any power."""
    shutter = _shutter(trial)
    assert not shutter.shutter_is_open()
    for power in (1.0, 0.0):
        trial.device.set_power(power)
        for opened in (True, True, False, False):
            shutter.set_shutter(opened)
            assert shutter.shutter_is_open() is opened
            assert abs(trial.device.power() - power) <= 0.01


@LIGHT.promise(needs="light")
def safe_is_a_closed_shutter(trial: Trial) -> None:
    """Made safe, or closed and opened again, its shutter is closed."""
    shutter = _shutter(trial)
    shutter.set_shutter(True)
    trial.device.make_safe()
    trial.wait_until(lambda: not shutter.shutter_is_open(), "the shutter is closed")
    shutter.set_shutter(True)
    trial.device.close()
    trial.device.open()
    assert not shutter.shutter_is_open()


@LIGHT.promise(needs="light")
def an_error_comes_once(trial: Trial) -> None:
    """An error is raised by the change, with its text; the next change is obeyed."""
    faults = trial.device
    if not isinstance(faults, CanFail):
        raise NotAskable("it cannot be told to fail")
    faults.inject_fault("error")
    with refused(DeviceError, saying="injected"):
        trial.device.set_power(1.0)
    trial.device.set_power(1.0)


def _shutter(trial: Trial) -> HasShutter:
    if not isinstance(trial.device, HasShutter):
        raise NotAskable("it has no shutter")
    return trial.device
