"""What every light does: it is off unless somebody wants it on."""

import pytest

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.protocols import CanFail, LightSource
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.clock import JumpClock


@pytest.fixture(params=["simulated-light"])
def light(request):
    device = make_device(request.param, {}, DeviceContext(clock=JumpClock()), LightSource)
    device.open()
    yield device
    device.close()


def test_it_is_off_when_opened(light):
    assert isinstance(light, LightSource)
    assert light.power() == 0.0


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_it_takes_a_power(light, fraction):
    light.set_power(fraction)
    assert light.power() == pytest.approx(fraction, abs=0.01)
    assert isinstance(light.state(), dict)


@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_senseless_power_is_refused(light, wrong):
    light.set_power(0.5)
    with pytest.raises(BadInputError, match="power"):
        light.set_power(wrong)
    assert light.power() == pytest.approx(0.5, abs=0.01)


def test_safe_is_off(light):
    light.set_power(1.0)
    light.make_safe()
    light.make_safe()
    assert light.power() == 0.0


def test_closed_is_off_and_safe(light):
    light.set_power(1.0)
    light.close()
    light.close()
    light.make_safe()
    with pytest.raises(DeviceError, match="open"):
        light.power()
    light.open()
    assert light.power() == 0.0


def test_an_injected_error_comes_once(light):
    assert isinstance(light, CanFail)
    light.inject_fault("error")
    with pytest.raises(DeviceError, match="injected"):
        light.set_power(1.0)
    light.set_power(1.0)
