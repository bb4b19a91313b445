"""What every stage does, of each stage there is."""

import pytest

from parfocal.core.protocols import Stage
from parfocal.devices.context import DeviceContext
from parfocal.devices.registry import make_device
from parfocal.testing.clock import JumpClock
from parfocal.testing.contracts import STAGE, Trial

TURNING = {
    "axes": {"x": {"unit": "um"}, "rotation": {"unit": "turn", "low": -50.0, "high": 50.0, "speed": 2.0}}
}
STAGES = {
    "simulated-focus": {},
    "simulated-magnet": {},
    "simulated-stage": {},
    "simulated-stage with a rotation": TURNING,
}


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("promise", STAGE, ids=str)
def test_a_stage_keeps_its_promises(promise, name):
    clock = JumpClock(monotonic_ns=1_000_000_000)
    device = make_device(name.split()[0], STAGES[name], DeviceContext(clock=clock), Stage)
    device.open()
    try:
        promise.check(Trial(device, clock))
    finally:
        device.close()
