"""What everything does that sets channels."""

import pytest

from parfocal.core.protocols import Channels
from parfocal.devices.camera import CameraHost
from parfocal.devices.context import DeviceContext
from parfocal.devices.light import LightHost
from parfocal.devices.registry import make_device
from parfocal.ipc import ServiceProxy
from parfocal.testing.clock import JumpClock
from parfocal.testing.contracts import CHANNELS, Trial
from parfocal.testing.local_rig import LocalRig

OPTIONS = {
    "camera": "camera",
    "presets": {
        "red": {"light": "lamp", "power": 0.4, "exposure_ms": 2.0},
        "blue": {"light": "laser", "power": 0.2, "settle_s": 0.5},
        "dark": {},
    },
}
FIELD = {"width_px": 32, "height_px": 32, "beads": 0, "image_px": 16, "depth_nm": 200.0}


@pytest.mark.parametrize("promise", CHANNELS, ids=str)
def test_channels_keep_their_promises(promise, tmp_path):
    clock = JumpClock()
    with LocalRig(tmp_path, clock) as rig:
        rig.add("camera", CameraHost, {"device": "simulated-camera", "options": FIELD})
        for name in ("lamp", "laser"):
            rig.add(name, LightHost, {"device": "simulated-light", "options": {"thing": name}})
        context = DeviceContext(clock=clock, connect=lambda name: ServiceProxy(rig.client(name)))
        device = make_device("channel-presets", OPTIONS, context, Channels)
        device.open()
        try:
            promise.check(Trial(device, clock))
        finally:
            device.close()
