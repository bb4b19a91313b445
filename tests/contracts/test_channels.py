"""What everything does that sets channels: of lamps without shutters, and of a microscope."""

import pytest

from parfocal.core.protocols import Channels
from parfocal.devices.camera import CameraHost
from parfocal.devices.context import DeviceContext
from parfocal.devices.light import LightHost
from parfocal.devices.registry import make_device
from parfocal.devices.simulated.microscope.world import SimulatedWorld
from parfocal.ipc import ServiceProxy
from parfocal.testing.clock import JumpClock
from parfocal.testing.contracts import CHANNELS, Trial
from parfocal.testing.local_rig import LocalRig

LAMPS = {
    "camera": "camera",
    "presets": {
        "red": {"light": "lamp", "power": 0.4, "exposure_ms": 2.0},
        "blue": {"light": "laser", "power": 0.2, "settle_s": 0.5},
        "dark": {},
    },
}
MICROSCOPE = {
    "camera": "camera",
    "light_path": {"device": "simulated-filters"},
    "presets": {
        "red": {"light": "lamp", "filter": "nucleus", "power": 0.4, "exposure_ms": 2.0},
        "blue": {"light": "lamp", "filter": "cytoplasm", "power": 0.3, "settle_s": 0.1},
        "stimulus": {"light": "laser", "filter": "open", "power": 1.0},
    },
}


@pytest.fixture(params=["lamps", "microscope"])
def trial(request, tmp_path):
    clock = JumpClock(monotonic_ns=1_000_000_000)
    with LocalRig(tmp_path, clock) as rig:
        small = {"width_px": 32, "height_px": 32}
        rig.add("world", SimulatedWorld, {"lights": ["lamp", "laser"]})
        rig.add("camera", CameraHost, {"device": "simulated-microscope-camera", "options": small})
        shuttered = request.param == "microscope"
        for name in ("lamp", "laser"):
            device, key = (
                ("simulated-shuttered-light", "light") if shuttered else ("simulated-light", "thing")
            )
            rig.add(name, LightHost, {"device": device, "options": {key: name}})
        context = DeviceContext(clock=clock, connect=lambda name: ServiceProxy(rig.client(name)))
        options = MICROSCOPE if shuttered else LAMPS
        device = make_device("channel-presets", options, context, Channels)
        device.open()
        yield Trial(device, clock)
        device.close()


@pytest.mark.parametrize("promise", CHANNELS, ids=str)
def test_channels_keep_their_promises(promise, trial):
    promise.check(trial)
