"""What every light does, of each light there is."""

import pytest

from parfocal.core.protocols import LightSource
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.devices.simulated.microscope.world import SimulatedWorld
from parfocal.ipc import ServiceProxy
from parfocal.testing.clock import JumpClock
from parfocal.testing.contracts import LIGHT, NotAskable, Trial
from parfocal.testing.local_rig import LocalRig


@pytest.mark.parametrize("name", ["simulated-light", "simulated-shuttered-light"])
@pytest.mark.parametrize("promise", LIGHT, ids=str)
def test_a_light_keeps_its_promises(promise, name, tmp_path):
    clock = JumpClock()
    with LocalRig(tmp_path, clock) as rig:
        rig.add("world", SimulatedWorld, {})
        context = DeviceContext(
            clock=clock, folder=tmp_path, connect=lambda service: ServiceProxy(rig.client(service))
        )
        device = make_device(name, {}, context, LightSource)
        device.open()
        try:
            promise.check(Trial(device, clock))
        except NotAskable as why:
            pytest.skip(str(why))
        finally:
            device.close()
