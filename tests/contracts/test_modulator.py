"""What every light modulator does, of the simulated one."""

import pytest

from parfocal.core.protocols import LightModulator
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.devices.simulated.microscope.world import SimulatedWorld
from parfocal.ipc import ServiceProxy
from parfocal.testing.clock import JumpClock
from parfocal.testing.contracts import MODULATOR, NotAskable, Trial
from parfocal.testing.local_rig import LocalRig


@pytest.mark.parametrize("promise", MODULATOR, ids=str)
def test_a_modulator_keeps_its_promises(promise, tmp_path):
    clock = JumpClock()
    with LocalRig(tmp_path, clock) as rig:
        rig.add("world", SimulatedWorld, {"modulators": {"dmd": {"shape": (30, 40)}}})
        context = DeviceContext(
            clock=clock, folder=tmp_path, connect=lambda service: ServiceProxy(rig.client(service))
        )
        device = make_device("simulated-dmd", {}, context, LightModulator)
        device.open()
        try:
            promise.check(Trial(device, clock))
        except NotAskable as why:
            pytest.skip(str(why))
        finally:
            device.close()
