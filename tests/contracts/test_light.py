"""What every light does, of each light there is."""

import pytest

from parfocal.core.protocols import LightSource
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.clock import JumpClock
from parfocal.testing.contracts import LIGHT, NotAskable, Trial


@pytest.mark.parametrize("name", ["simulated-light"])
@pytest.mark.parametrize("promise", LIGHT, ids=str)
def test_a_light_keeps_its_promises(promise, name):
    clock = JumpClock()
    device = make_device(name, {}, DeviceContext(clock=clock), LightSource)
    device.open()
    try:
        promise.check(Trial(device, clock))
    except NotAskable as why:
        pytest.skip(str(why))
    finally:
        device.close()
